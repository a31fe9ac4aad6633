"""``dsm cache``: what is held on disk, and whether every byte of it is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.failure import ExitCode
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import cache_dir_option, config_option, format_option

if TYPE_CHECKING:
    from dsm_core.cache import CacheStore
    from dsm_core.cache.admin import CachedSeries

__all__ = ["cache"]


@click.group(no_args_is_help=False)
def cache() -> None:
    """The cache: what it holds, whether it is whole."""


@cache.command("ls")
@cache_dir_option
@config_option
@format_option("table", "json", default="table")
def list_series(cache_dir: Path | None, config: Path | None, form: str) -> None:
    """List the series that the cache holds."""
    import json  # noqa: PLC0415 - one of the two forms

    store = _store(cache_dir, config)
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
@cache_dir_option
@config_option
@click.pass_context
def verify(ctx: click.Context, cache_dir: Path | None, config: Path | None) -> None:
    """Check every byte and print the damaged files; nothing is changed."""
    store = _store(cache_dir, config)
    files = damaged = 0
    for path, problem in store.verify():
        files += 1
        if problem is not None:
            damaged += 1
            click.echo(f"{path}: {problem}")
    say_note(f"{store.root}: {files} file{'s' * (files != 1)}, {damaged} damaged")
    if damaged:
        ctx.exit(ExitCode.INCOMPLETE)


def _store(cache_dir: Path | None, config: Path | None) -> CacheStore:
    from dsm_core.cache import CacheStore  # noqa: PLC0415 - brings Arrow
    from dsm_core.config import default_cache_dir, load_config  # noqa: PLC0415

    # The configuration is read even when the folder is named: a wrong one is told here as everywhere.
    loaded = load_config(config)
    return CacheStore(cache_dir or default_cache_dir(loaded))


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
