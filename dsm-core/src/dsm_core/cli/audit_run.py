"""One audit, and what it found on its way out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow.parquet as pq

from dsm_core.audit import Audit
from dsm_core.cli.audit import AuditArguments
from dsm_core.cli.console import say_note
from dsm_core.cli.failure import ExitCode
from dsm_core.cli.lines import gap_facts
from dsm_core.cli.options import range_call
from dsm_core.cli.progress import shown_progress
from dsm_core.cli.sink import opened_sink
from dsm_core.manager import DataSourceManager
from dsm_core.model.exact_time import exact_iso
from dsm_core.model.wording import counted

__all__ = ["run_audit"]

_VALUES: Final = ("first_value", "second_value")
# Readers of JSON that have but one kind of number hold whole ones exactly up to here.
_EXACT: Final = 2**53


def run_audit(asked: AuditArguments, *, form: str, output: Path | None) -> ExitCode:
    """Audit, write what differs, and tell how it ended.

    Raises
    ------
    DSMError
        As :meth:`dsm_core.DataSourceManager.audit`.
    """
    with (
        DataSourceManager(
            asked["market"],
            asked["provider"],
            asked["chart_type"],
            cache_dir=asked["cache_dir"],
            config=asked["config"],
        ) as manager,
        shown_progress(manager),
    ):
        found = manager.audit(**_call(asked))
    with opened_sink(output) as sink:
        _WRITERS[form](found, sink)
    if output is not None:
        say_note(f"{found.summary} Written to {output}.")
    say_note(f"{counted(found.requests, 'request')}; nothing was cached")
    if not found.agrees:
        return ExitCode.OTHER
    return ExitCode.OK if found.complete else ExitCode.INCOMPLETE


def _call(asked: AuditArguments) -> dict[str, Any]:
    return range_call(asked["symbol"], asked) | {
        "columns": asked["columns"],
        "options": asked["options"] or None,
        "use_cache": not asked["no_cache"],
        "sources": asked["sources"],
        "relative": asked["relative"],
        "absolute": asked["absolute"],
    }


def _write_table(found: Audit, sink: BinaryIO) -> None:
    sink.write(f"{found}\n".encode())


def _rows(found: Audit) -> list[dict[str, Any]]:
    cells = found.to_arrow()
    times = [exact_iso(t) for t in cells.column("time").cast("int64").to_pylist()]
    return [{**row, "time": t} for row, t in zip(cells.to_pylist(), times, strict=True)]


def _number(text: str | None, dtype: str | None) -> float | int | str | None:
    """A value as a number where every reader of JSON gets the same one out of it, else as text."""
    if text is None or dtype not in ("float64", "int64"):
        return text
    number = float(text) if dtype == "float64" else int(text)
    return number if isfinite(number) and (dtype == "float64" or abs(number) <= _EXACT) else text


def _facts(found: Audit) -> list[dict[str, Any]]:
    """What differs, with numbers as numbers."""
    dtypes = {column.name: column.dtype for column in found.schema.columns}
    return [
        {**row, **{name: _number(row[name], dtypes.get(row["column"])) for name in _VALUES}}
        for row in _rows(found)
    ]


def _write_csv(found: Audit, sink: BinaryIO) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, found.to_arrow().column_names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(found))
    sink.write(text.getvalue().encode())


def _write_json(found: Audit, sink: BinaryIO) -> None:
    told = {
        "series": str(found.key),
        "start_time": exact_iso(found.span.start),
        "end_time": exact_iso(found.span.end),
        "rows": dict(found.rows),
        "compared": found.compared,
        "agrees": found.agrees,
        "complete": found.complete,
        "requests": found.requests,
        "disagreements": _facts(found),
        "untold": {source: list(map(gap_facts, gaps)) for source, gaps in found.untold.items()},
        "lacking": {source: list(columns) for source, columns in found.lacking.items()},
        "failures": {source: str(error) for source, error in found.failures.items()},
    }
    sink.write(f"{json.dumps(told, indent=1)}\n".encode())


def _write_parquet(found: Audit, sink: BinaryIO) -> None:
    buffer = io.BytesIO()
    pq.write_table(found.to_arrow(), buffer)
    sink.write(buffer.getbuffer())


_WRITERS: Final[Mapping[str, Callable[[Audit, BinaryIO], None]]] = {
    "table": _write_table,
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}
