"""``dsm config show``: the configuration in force, and where each value came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsm_core.cli.console import say
from dsm_core.cli.failure import ExitCode
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import cache_dir_option, config_option, debug_option, json_option
from dsm_core.cli.sections import Sections

if TYPE_CHECKING:
    from dsm_core.config import Setting

__all__ = ["show"]


@click.command()
@json_option
@click.option("--market", metavar="NAME", help="As a call would say it.")
@click.option("--provider", metavar="NAME", help="As a call would say it.")
@click.option("--chart-type", metavar="NAME", help="As a call would say it.")
@cache_dir_option
@click.option("--no-cache", is_flag=True, help="As a call would say it.")
@config_option
@debug_option
@click.pass_context
def show(ctx: click.Context, /, *, as_json: bool, config: Path | None, **said: Any) -> None:
    """Print every key's value and where it came from.

    Credentials, and whatever an environment variable gave through ${NAME}, show as ***.
    """
    from dsm_core.config import list_settings  # noqa: PLC0415 - brings attrs

    sections = Sections()
    settings, wrong = list_settings(config, sections.whole(), arguments=_arguments(said))
    if as_json:
        click.echo(json.dumps([_facts(setting) for setting in settings], indent=1))
    else:
        rows = [(s.path, s.place or s.layer, json.dumps(s.value, ensure_ascii=False)) for s in settings]
        for line in grid_lines(("key", "from", "value"), rows):
            click.echo(line)
    for error in (*sections.broken.values(), *wrong):
        say("error", str(error))
    if wrong or sections.broken:
        ctx.exit(ExitCode.REFUSED)


def _arguments(said: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """What a call with the same options would say, by key."""
    given = {
        "defaults.market_type": ("--market", said["market"]),
        "defaults.provider": ("--provider", said["provider"]),
        "defaults.chart_type": ("--chart-type", said["chart_type"]),
        "cache.dir": ("--cache-dir", said["cache_dir"]),
        "cache.enabled": ("--no-cache", False if said["no_cache"] else None),
    }
    return {path: (name, value) for path, (name, value) in given.items() if value is not None}


def _facts(setting: Setting) -> dict[str, Any]:
    return {
        "path": setting.path,
        "value": setting.value,
        "layer": setting.layer,
        "place": setting.place or None,
    }
