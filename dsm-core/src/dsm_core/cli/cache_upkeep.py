"""``dsm cache stats`` and ``dsm cache clear``."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsm_core.cli.consent import confirm
from dsm_core.cli.console import say_note
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import config_option, debug_option, held_cache_option, json_option
from dsm_core.cli.store import open_store, told_root

if TYPE_CHECKING:
    from dsm_core.cache import CachedDocument, CachedSeries

__all__ = ["clear", "stats", "sum_text"]

_HEADER = (
    "provider",
    "market",
    "chart type",
    "interval",
    "series",
    "files",
    "rows",
    "size",
    "first (UTC)",
    "last (UTC)",
)


@click.command()
@json_option
@held_cache_option
@config_option
@debug_option
def stats(as_json: bool, cache_dir: Path | None, config: Path | None) -> None:
    """Count series, files, rows and bytes, by provider, market, chart type and interval."""
    store = open_store(cache_dir, config)
    damaged, documents = store.damaged(), store.documents()
    held = [*store.ls(), *damaged]
    groups: dict[tuple[str, ...], list[CachedSeries]] = {}
    for series in held:
        groups.setdefault(_group(series), []).append(series)
    aside = store.set_aside()
    if as_json:
        names = ("provider", "market_type", "chart_type", "interval")
        told = [dict(zip(names, group, strict=True)) | _counts(groups[group]) for group in sorted(groups)]
        whole = {"dir": str(store.root), **_counts(held), "groups": told, "set_aside": list(map(str, aside))}
        whole["damaged"] = [str(series.key) for series in damaged]
        whole["documents"] = {"count": len(documents), "bytes": sum(one.bytes for one in documents)}
        click.echo(json.dumps(whole, indent=1))
        return
    rows = [_cells(group, _counts(groups[group])) for group in sorted(groups)]
    if len(rows) > 1:
        rows.append(_cells(("all", "", "", ""), _counts(held)))
    for line in grid_lines(_HEADER, rows, right=frozenset({4, 5, 6, 7})) if rows else ():
        click.echo(line)
    set_aside = f"{len(aside)} damaged file{'s' * (len(aside) != 1)} set aside"
    say_note(f"{told_root(store)}: {sum_text(held, documents)}, {set_aside}")


@click.command()
@click.argument("glob", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@held_cache_option
@config_option
@debug_option
@click.pass_context
def clear(
    ctx: click.Context,
    *,
    glob: str | None,
    yes: bool,
    as_json: bool,
    cache_dir: Path | None,
    config: Path | None,
) -> None:
    """Remove the series that GLOB means, or all of them; damaged ones too.

    GLOB means symbols or series keys, as in 'BTC*' or 'binance/spot/*', and the facts kept beside them,
    such as 'binance/spot/universe/symbols'.
    """
    from dsm_core.model.series import matches  # noqa: PLC0415 - brings attrs

    store = open_store(cache_dir, config)
    meant = [series for series in (*store.ls(), *store.damaged()) if matches(series.key, glob)]
    documents = [held for held in store.documents() if glob is None or fnmatchcase(held.name, glob)]
    if (meant or documents) and not yes:
        confirm(ctx, f"Remove {sum_text(meant, documents)} from {store.root}?")
    keys, names = {series.key for series in meant}, {held.name for held in documents}
    removed = store.clear(lambda key: key not in keys)
    beside = store.clear_documents(lambda name: name not in names)
    files, size = removed.files + beside.files, removed.bytes + beside.bytes
    if as_json:
        told = {"series": removed.series, "documents": beside.documents, "files": files, "bytes": size}
        click.echo(json.dumps(told | {"newer": removed.newer}))
        return
    if not (meant or documents):
        where = f" that {glob!r} means; `dsm cache ls` lists what is." if glob else "."
        say_note(f"Nothing is held{where}")
        return
    say_note(f"Removed {_parts_text(removed.series, beside.documents, files, size)}.")
    if removed.newer:
        say_note(f"Left {removed.newer} file{'s' * (removed.newer != 1)} of a newer DSM.")


def _group(series: CachedSeries) -> tuple[str, ...]:
    key = series.key
    return key.provider, str(key.market_type), str(key.chart_type), str(key.interval or "")


def _counts(held: Iterable[CachedSeries]) -> dict[str, Any]:
    from dsm_core.cli.lines import time_text  # noqa: PLC0415 - brings Arrow

    held = list(held)
    return {
        "series": len(held),
        "files": sum(series.files for series in held),
        "rows": sum(series.rows for series in held),
        "bytes": sum(series.bytes for series in held),
        "oldest": time_text(min((s.first for s in held if s.first is not None), default=None)),
        "newest": time_text(max((s.last for s in held if s.last is not None), default=None)),
    }


def _cells(group: tuple[str, ...], counts: dict[str, Any]) -> tuple[str, ...]:
    from dsm_core.model.wording import size_text  # noqa: PLC0415 - brings attrs

    ends = ((counts[end] or "")[:16].replace("T", " ") for end in ("oldest", "newest"))
    numbers = (f"{counts[name]:,}" for name in ("series", "files", "rows"))
    return (*group, *numbers, size_text(counts["bytes"]), *ends)


def sum_text(held: Iterable[CachedSeries], documents: Collection[CachedDocument]) -> str:
    """How much there is, in words."""
    counts = _counts(held)
    size = counts["bytes"] + sum(one.bytes for one in documents)
    return _parts_text(counts["series"], len(documents), counts["files"] + len(documents), size)


def _parts_text(series: int, documents: int, files: int, size: int) -> str:
    from dsm_core.model.wording import counted, size_text  # noqa: PLC0415 - brings attrs

    beside = f"{counted(documents, 'document')}, " if documents else ""
    return f"{series} series, {beside}{counted(files, 'file')}, {size_text(size)}"
