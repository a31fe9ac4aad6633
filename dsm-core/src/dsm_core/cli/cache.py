"""``dsm cache``: what is held on disk, whether every byte is right, order, and how to be rid of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsm_core.cli.cache_order import prune, repair
from dsm_core.cli.cache_upkeep import clear, stats, sum_text
from dsm_core.cli.console import say_note
from dsm_core.cli.failure import ExitCode
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import config_option, debug_option, format_option, held_cache_option, json_option
from dsm_core.cli.quarantine import quarantine
from dsm_core.cli.store import open_store, told_root

if TYPE_CHECKING:
    from dsm_core.cache import CachedDocument, CachedSeries

__all__ = ["cache"]


@click.group(no_args_is_help=False)
def cache() -> None:
    """The cache: what it holds, whether it is whole; making room, putting in order."""


@cache.command("ls")
@held_cache_option
@config_option
@debug_option
@format_option("table", "json", default="table")
def list_series(cache_dir: Path | None, config: Path | None, form: str) -> None:
    """List the series that the cache holds, and the facts kept beside them."""
    store = open_store(cache_dir, config)
    held, damaged, documents = store.ls(), store.damaged(), store.documents()
    if form == "json":
        told = [_facts(series, "series") for series in held]
        told += [_facts(series, "damaged") for series in damaged]
        click.echo(json.dumps([*told, *map(_document_facts, documents)], indent=1))
        return
    from dsm_core.model.wording import size_text  # noqa: PLC0415 - brings attrs

    header = ("series", "files", "rows", "size", "first (UTC)", "last (UTC)")
    cells = [*map(_cells, held), *((*_cells(series)[:4], "damaged", "") for series in damaged)]
    cells += [(held.name, "1", "", size_text(held.bytes), "", "") for held in documents]
    for line in grid_lines(header, cells, right=frozenset({1, 2, 3})) if cells else ():
        click.echo(line)
    say_note(f"{told_root(store)}: {sum_text([*held, *damaged], documents)}")


@cache.command()
@json_option
@held_cache_option
@config_option
@debug_option
@click.pass_context
def verify(ctx: click.Context, as_json: bool, cache_dir: Path | None, config: Path | None) -> None:
    """Check every byte and print the damaged files; nothing is changed."""
    from dsm_core.model.wording import counted  # noqa: PLC0415 - brings attrs

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
    aside = list(map(str, store.set_aside()))
    if as_json:
        click.echo(json.dumps({"files": files, "damaged": damaged, "set_aside": aside}, indent=1))
    told = f", {len(aside)} set aside" if aside else ""
    say_note(f"{told_root(store)}: {counted(files, 'file')}, {len(damaged)} damaged{told}")
    if damaged:
        ctx.exit(ExitCode.INCOMPLETE)


for _command in (stats, clear, prune, repair, quarantine):
    cache.add_command(_command)


def _facts(series: CachedSeries, kind: str) -> dict[str, Any]:
    from dsm_core.model.time_range import from_ns  # noqa: PLC0415 - brings attrs

    def time(t: int | None) -> str | None:
        return None if t is None else from_ns(t).isoformat()

    return {
        "series": str(series.key),
        "kind": kind,
        "path": str(series.path),
        "files": series.files,
        "rows": series.rows,
        "bytes": series.bytes,
        "first": time(series.first),
        "last": time(series.last),
    }


def _document_facts(held: CachedDocument) -> dict[str, Any]:
    ends = {"first": None, "last": None}
    path = str(held.path)
    return {
        "series": held.name, "kind": "document", "path": path, "files": 1, "rows": 0, "bytes": held.bytes
    } | ends  # fmt: skip


def _cells(series: CachedSeries) -> tuple[str, ...]:
    from dsm_core.model.time_range import iso  # noqa: PLC0415 - brings attrs
    from dsm_core.model.wording import size_text  # noqa: PLC0415

    ends = ("" if t is None else iso(t) for t in (series.first, series.last))
    return (str(series.key), str(series.files), str(series.rows), size_text(series.bytes), *ends)
