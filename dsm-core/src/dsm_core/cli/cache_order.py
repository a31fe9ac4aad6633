"""``dsm cache prune`` and ``dsm cache repair``: room in the cache, and order."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.failure import ExitCode
from dsm_core.cli.options import config_option, debug_option, held_cache_option, json_option
from dsm_core.cli.store import opened_cache

if TYPE_CHECKING:
    from dsm_core.cache import Pruned, Repaired

__all__ = ["prune", "repair"]

_LONG_SPAN: Final = re.compile(r"[0-9]{7,}[smhdw]\Z")


def _bytes(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    from dsm_core.config import parse_bytes  # noqa: PLC0415 - brings attrs

    try:
        return None if text is None else parse_bytes(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _age(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    """Nanoseconds of a span."""
    if text is None:
        return None
    from dsm_core.errors import RequestError  # noqa: PLC0415
    from dsm_core.model.interval import Interval  # noqa: PLC0415 - brings attrs

    try:
        span = Interval(text).nanoseconds
    except RequestError:
        span = None
    if span is None and _LONG_SPAN.match(text):
        raise click.BadParameter(f"{text[:60]!r} is too large; a count has six digits at most, such as 90d")
    if span is None:
        raise click.BadParameter(f"{text[:60]!r} is no span; write one such as 90d, 12h or 6w")
    return span


@click.command()
@click.option(
    "--max-size",
    callback=_bytes,
    metavar="SIZE",
    help="Most that may stay, such as 20GB; cache.max_size of the configuration when left out.",
)
@click.option(
    "--older-than",
    callback=_age,
    metavar="SPAN",
    help="Remove what was not used for so long, such as 90d, however much room there is.",
)
@click.option("--dry-run", is_flag=True, help="Remove nothing; tell what would go.")
@json_option
@held_cache_option
@config_option
@debug_option
def prune(
    *,
    max_size: int | None,
    older_than: int | None,
    dry_run: bool,
    as_json: bool,
    cache_dir: Path | None,
    config: Path | None,
) -> None:
    """Remove what was used longest ago; what a running program uses stays.

    What is removed is fetched again when it is asked for.
    """
    store, loaded = opened_cache(cache_dir, config)
    if max_size is None and older_than is None:
        max_size = loaded.cache.max_bytes
    if max_size is None and older_than is None:
        raise click.UsageError(
            "Say how much may stay: --max-size 20GB, or --older-than 90d; "
            "cache.max_size of the configuration is the limit where neither is given."
        )
    since = None if older_than is None else time.time_ns() - older_than
    done = store.prune(max_bytes=max_size, unused_since=since, is_dry=dry_run)
    if as_json:
        click.echo(json.dumps(_pruned_facts(done, is_dry=dry_run)))
        return
    say_note(f"{store.root}: {_pruned_text(done, is_dry=dry_run)}.")


@click.command()
@json_option
@held_cache_option
@config_option
@debug_option
@click.pass_context
def repair(ctx: click.Context, as_json: bool, cache_dir: Path | None, config: Path | None) -> None:
    """Set damaged files aside, join the files of periods that have closed, sweep what killed writers left.

    What a damaged file held is noted as wanted, and fetched by the next call or `dsm update`.
    """
    from dsm_core.cache import repair as repair_cache  # noqa: PLC0415 - brings Arrow
    from dsm_core.plugins.schemas import schema_of  # noqa: PLC0415

    store, _ = opened_cache(cache_dir, config)
    done = repair_cache(store, schema_of, now=time.time_ns())
    if as_json:
        click.echo(json.dumps(_repaired_facts(done), indent=1))
    else:
        for path in done.set_aside:
            click.echo(f"{path}: set aside")
        for path, reason in done.left:
            click.echo(f"{path}: left as it is: {reason}")
    say_note(f"{store.root}: {_repaired_text(done)}.")
    if done.left:
        ctx.exit(ExitCode.INCOMPLETE)


def _pruned_facts(done: Pruned, *, is_dry: bool) -> dict[str, object]:
    return {
        "files": done.files,
        "bytes": done.bytes,
        "in_use": done.in_use,
        "bytes_left": done.bytes_left,
        "dry_run": is_dry,
    }


def _pruned_text(done: Pruned, *, is_dry: bool) -> str:
    verb = "would remove" if is_dry else "removed"
    kept = f", {done.in_use} in use left alone" if done.in_use else ""
    from dsm_core.model.wording import size_text  # noqa: PLC0415 - brings attrs

    size, left = size_text(done.bytes), size_text(done.bytes_left)
    return f"{verb} {_count(done.files, 'file')}, {size}{kept}; {left} held"


def _repaired_facts(done: Repaired) -> dict[str, object]:
    left = [{"path": str(path), "reason": reason} for path, reason in done.left]
    set_aside = list(map(str, done.set_aside))
    return {"set_aside": set_aside, "folded": done.folded, "swept": done.swept, "left": left}


def _repaired_text(done: Repaired) -> str:
    parts = (
        f"{_count(len(done.set_aside), 'damaged file')} set aside",
        f"{_count(done.folded, 'period')} folded",
        f"{_count(done.swept, 'leftover')} swept",
    )
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
