"""``dsm refresh``: which archive files were published anew, and the rows that differ in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.failure import ExitCode, in_shell_words
from dsm_core.cli.options import (
    cache_dir_option,
    config_option,
    debug_option,
    jobs_option,
    json_option,
)

if TYPE_CHECKING:
    from dsm_core.errors import DSMError
    from dsm_core.fcp.refreshed import Refreshed, RefreshedObject
    from dsm_core.fcp.row_changes import RowChange

__all__ = ["refresh"]


@click.command()
@click.argument("glob", required=False)
@click.option("--symbol", metavar="GLOB", help="The same as GLOB.")
@click.option("--since", metavar="TIME", help="Only files with bars of that time or later: 2024, 2024-01-31.")
@jobs_option
@json_option
@cache_dir_option
@config_option
@debug_option
@click.pass_context
def refresh(
    ctx: click.Context,
    *,
    glob: str | None,
    symbol: str | None,
    since: str | None,
    jobs: int,
    as_json: bool,
    cache_dir: Path | None,
    config: Path | None,
) -> None:
    """Ask whether the archive files behind what is held were published anew, and bring what was.

    GLOB means symbols or series keys, as in 'BTC*' or 'binance/spot/*'; without one, everything held. A file
    is asked about once, for its checksum. Rows that differ are printed, old value and new one.
    """
    if glob is not None and symbol is not None:
        raise click.UsageError("GLOB and --symbol exclude each other: they mean the same.")
    from dsm_core.cli.keep import ManagerArguments, refresh_held  # noqa: PLC0415 - brings Arrow

    made_with = ManagerArguments(
        market=None, provider=None, chart_type=None, cache_dir=cache_dir, config=config
    )
    lines = refresh_held(made_with, glob or symbol, since, jobs)
    if as_json:
        click.echo(json.dumps({**_sums(lines), "series": [_facts(line) for line in lines]}, indent=1))
    else:
        for line in lines:
            for text in _text(line):
                click.echo(text)
        _say_sum(lines)
    ctx.exit(_code_of(lines))


def _text(line: Refreshed) -> Iterator[str]:
    if line.error is not None:
        yield f"{line.key}: failed: {_told(line.error)}"
        return
    yield f"{line}, {line.requests} request{'s' * (line.requests != 1)}"
    for one in line.objects:
        yield f"  {one.name}: what is held stays: {_told(one.error)}" if one.error else f"  {one}"
        for row in one.changes.rows:
            yield from (f"    {text}" for text in row.lines())
        more = _more(one)
        if more:
            yield f"    ... {more:,} more rows"


def _say_sum(lines: Sequence[Refreshed]) -> None:
    if not lines:
        say_note("Nothing is held that is meant; `dsm prefetch` begins a series.")
        return
    from dsm_core.model.wording import counted  # noqa: PLC0415 - brings attrs

    told = _sums(lines)
    trouble = f", {told['failed']} failed" if told["failed"] else ""
    files = counted(told["checked"], "file")
    say_note(f"{len(lines)} series, {files} checked, {told['republished']} published anew{trouble}")


def _sums(lines: Sequence[Refreshed]) -> dict[str, int]:
    return {
        "checked": sum(line.checked for line in lines),
        "requests": sum(line.requests for line in lines),
        "republished": sum(len(line.republished) for line in lines),
        "failed": sum(len(line.failed) for line in lines),
    }


def _code_of(lines: Sequence[Refreshed]) -> ExitCode:
    # A series that no file brought has nothing to look at, and tells nothing.
    looked = [line for line in lines if line.checked or line.error is not None]
    if looked and not any(line.error is None and len(line.failed) < line.checked for line in looked):
        return ExitCode.SOURCES_FAILED
    return ExitCode.INCOMPLETE if any(line.partial for line in lines) else ExitCode.OK


def _told(error: DSMError) -> str:
    return " ".join(in_shell_words(error, str(error)).split())


def _more(one: RefreshedObject) -> int:
    told = one.changes
    return told.changed + told.withdrawn + told.added - len(told.rows)


def _facts(line: Refreshed) -> dict[str, Any]:
    return {
        "series": str(line.key),
        "checked": line.checked,
        "requests": line.requests,
        "republished": len(line.republished),
        "failed": len(line.failed),
        "objects": [_object_facts(one) for one in line.objects],
        "error": _error_facts(line.error),
    }


def _object_facts(one: RefreshedObject) -> dict[str, Any]:
    return {
        "name": one.name,
        "url": one.old.url,
        "old_sha256": one.old.sha256,
        "new_sha256": None if one.new is None else one.new.sha256,
        "changed": one.changes.changed,
        "withdrawn": one.changes.withdrawn,
        "added": one.changes.added,
        "rows": [_row_facts(row) for row in one.changes.rows],
        "error": _error_facts(one.error),
    }


def _row_facts(row: RowChange) -> dict[str, Any]:
    from dsm_core.cli.lines import time_text  # noqa: PLC0415 - brings Arrow

    cells = {cell.column: [_plain(cell.old), _plain(cell.new)] for cell in row.cells}
    return {"time": time_text(row.time_ns), "kind": row.kind, "cells": cells}


def _error_facts(error: DSMError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"kind": type(error).__name__, "message": error.message, "hint": error.hint}


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
