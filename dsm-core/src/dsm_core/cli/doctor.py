"""``dsm doctor``: whether everything a call needs is in order, and what to do where it is not."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.failure import ExitCode
from dsm_core.cli.options import cache_dir_option, config_option, debug_option, json_option

if TYPE_CHECKING:
    from dsm_core.cli.checkup import Check

__all__ = ["doctor"]

_COLOURS: Final = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command()
@json_option
@click.option("--offline", is_flag=True, help="Send nothing: neither clocks nor addresses are checked.")
@cache_dir_option
@config_option
@debug_option
@click.pass_context
def doctor(
    ctx: click.Context, *, as_json: bool, offline: bool, cache_dir: Path | None, config: Path | None
) -> None:
    """Check plugins, configuration, credentials, cache, clocks and addresses; tell the versions.

    One line for each check: ok, warning or failed, and what to do. The exit code is 1 when one failed.
    """
    checks = []
    for check in _checks(ctx, config, cache_dir, offline=offline):
        checks.append(check)
        if not as_json:
            click.echo(_line(check))
    counts = Counter[str](check.status for check in checks)
    if as_json:
        told = {"ok": not counts["failed"], "checks": [asdict(check) for check in checks]}
        click.echo(json.dumps(told, indent=1))
    say_note(", ".join(f"{counts[status]} {status}" for status in _COLOURS))
    if counts["failed"]:
        ctx.exit(ExitCode.OTHER)


def _checks(
    ctx: click.Context, file: Path | None, cache_dir: Path | None, *, offline: bool
) -> Iterator[Check]:
    from dsm_core.cli.checkup import (  # noqa: PLC0415 - brings every provider
        Check,
        check_commands,
        check_configuration,
        check_credentials,
        check_providers,
        check_versions,
        check_watchers,
        readable_config,
    )
    from dsm_core.cli.checkup_cache import check_cache  # noqa: PLC0415 - brings Arrow
    from dsm_core.cli.checkup_network import check_network  # noqa: PLC0415 - brings the HTTP room
    from dsm_core.config import default_cache_dir  # noqa: PLC0415 - brings attrs

    yield from check_versions()
    found, providers = check_providers()
    yield from found
    yield from check_watchers()
    root = ctx.find_root().command
    assert isinstance(root, click.Group)
    yield from check_commands(root, ctx)
    yield from check_configuration(file)
    config = readable_config(file)
    yield from filter(None, (check_credentials(provider, config) for provider in providers))
    yield from check_cache(config, cache_dir or default_cache_dir(config))
    if offline or config.offline:
        yield Check("network", "ok", "not checked: offline")
    else:
        yield from asyncio.run(check_network(config, providers))


def _line(check: Check) -> str:
    status = click.style(f"{check.status:<7}", fg=_COLOURS[check.status])
    # One line, whatever a plugin's error looks like.
    detail = " ".join(check.detail.split())
    if check.remedy is None:
        return f"{status} {check.name}: {detail}"
    return f"{status} {check.name}: {detail.rstrip('.')}. {' '.join(check.remedy.split())}"
