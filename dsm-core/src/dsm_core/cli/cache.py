"""``dsm cache``: what is held on disk, whether every byte of it is right, and how to be rid of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsm_core.cli.cache_upkeep import clear, stats
from dsm_core.cli.console import say_note
from dsm_core.cli.failure import ExitCode
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import cache_dir_option, config_option, format_option, json_option
from dsm_core.cli.store import open_store

if TYPE_CHECKING:
    from dsm_core.cache.admin import CachedSeries

__all__ = ["cache"]


@click.group(no_args_is_help=False)
def cache() -> None:
    """The cache: what it holds, whether it is whole; removing series."""


@cache.command("ls")
@cache_dir_option
@config_option
@format_option("table", "json", default="table")
def list_series(cache_dir: Path | None, config: Path | None, form: str) -> None:
    """List the series that the cache holds."""
    store = open_store(cache_dir, config)
    held = store.ls()
    if form == "json":
        click.echo(json.dumps([_facts(series) for series in held], indent=1))
        return
    header = ("series", "files", "rows", "kB", "first (UTC)", "last (UTC)")
    for line in grid_lines(header, list(map(_cells, held)), right=frozenset({1, 2, 3})) if held else ():
        click.echo(line)
    size = sum(series.bytes for series in held)
    say_note(f"{store.root}: {len(held)} series, {size / 1e6:.1f} MB")


@cache.command()
@json_option
@cache_dir_option
@config_option
@click.pass_context
def verify(ctx: click.Context, as_json: bool, cache_dir: Path | None, config: Path | None) -> None:
    """Check every byte and print the damaged files; nothing is changed."""
    store = open_store(cache_dir, config)
    files = 0
    damaged = []
    for path, problem in store.verify():
        files += 1
        if problem is None:
            continue
        damaged.append({"path": str(path), "problem": problem})
        if not as_json:
            click.echo(f"{path}: {problem}")
    if as_json:
        click.echo(json.dumps({"files": files, "damaged": damaged}, indent=1))
    say_note(f"{store.root}: {files} file{'s' * (files != 1)}, {len(damaged)} damaged")
    if damaged:
        ctx.exit(ExitCode.INCOMPLETE)


for _command in (stats, clear):
    cache.add_command(_command)


def _facts(series: CachedSeries) -> dict[str, Any]:
    from dsm_core.model.time_range import from_ns  # noqa: PLC0415 - brings attrs

    def time(t: int | None) -> str | None:
        return None if t is None else from_ns(t).isoformat()

    return {
        "series": str(series.key),
        "path": str(series.path),
        "files": series.files,
        "rows": series.rows,
        "bytes": series.bytes,
        "first": time(series.first),
        "last": time(series.last),
    }


def _cells(series: CachedSeries) -> tuple[str, ...]:
    from dsm_core.model.time_range import iso  # noqa: PLC0415 - brings attrs

    ends = ("" if t is None else iso(t) for t in (series.first, series.last))
    return (str(series.key), str(series.files), str(series.rows), f"{series.bytes / 1000:.0f}", *ends)
