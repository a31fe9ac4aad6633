"""Rows as bytes: a table to look at, CSV, JSON, Arrow and Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from dsm_core.cli.lines import gap_facts
from dsm_core.model.provenance import Segment
from dsm_core.model.time_range import from_ns
from dsm_core.output import MarketData

__all__ = ["WRITERS", "iso_time", "write_arrow", "write_csv", "write_json", "write_parquet", "write_table"]

_BATCH: Final = 65_536
_SHOWN: Final = 10
_UNITS: Final = (("s", 10**9), ("ms", 10**6), ("us", 10**3))


def iso_time(t: int) -> str:
    """UTC nanoseconds as ISO text with offset."""
    return from_ns(t).isoformat()


def write_table(data: MarketData, sink: BinaryIO) -> None:
    """Columns side by side; of many rows the first and last ones."""
    table = data.to_arrow()
    hidden = len(table) - 2 * _SHOWN
    if hidden > 0:
        table = pa.concat_tables([table.slice(0, _SHOWN), table.slice(len(table) - _SHOWN)])
    cells = [list(map(_cell, column.to_pylist())) for column in _with_text_times(table).columns]
    widths = [max(map(len, [name, *column])) for name, column in zip(table.column_names, cells, strict=True)]
    lines = [_line(table.column_names, widths), *(_line(row, widths) for row in zip(*cells, strict=True))]
    if hidden > 0:
        more = f"... {hidden} more row{'s' * (hidden != 1)}; --format csv prints all"
        lines.insert(1 + _SHOWN, more)
    sink.write(("\n".join(lines) + "\n").encode())


def write_csv(data: MarketData, sink: BinaryIO) -> None:
    """A header and a line for each row; times are ISO with offset, nothing stands for null."""
    table = data.to_arrow()
    sink.write((",".join(table.column_names) + "\n").encode())
    # Where quotes may be needed Arrow puts them around every text, times too.
    texts = any(pa.types.is_string(kind) for kind in table.schema.types)
    options = pcsv.WriteOptions(include_header=False, quoting_style="needed" if texts else "none")
    for part in _parts(table):
        buffer = pa.BufferOutputStream()
        pcsv.write_csv(part, buffer, options)
        sink.write(buffer.getvalue())


def write_json(data: MarketData, sink: BinaryIO) -> None:
    """One object: series, range, rows, gaps, closed time, provenance; a row stands on a line."""
    told = data.handle.value
    head = {"series": told["series"], **_range(told["start_ns"], told["end_ns"]), "requests": data.requests}
    sink.write(json.dumps(head)[:-1].encode() + b', "rows": [')
    before = b"\n"
    for part in _parts(data.to_arrow()):
        for row in part.to_pylist():
            sink.write(before + json.dumps({name: _plain(value) for name, value in row.items()}).encode())
            before = b",\n"
    tail = {
        "gaps": list(map(gap_facts, data.gaps)),
        "market_closed": list(map(gap_facts, data.coverage.market_closed)),
        "provenance": list(map(_segment, data.provenance)),
    }
    sink.write(b"\n], " + json.dumps(tail)[1:].encode() + b"\n")


def write_arrow(data: MarketData, sink: BinaryIO) -> None:
    """Arrow IPC file, times as they are; ``dsm`` in the metadata tells gaps and sources."""
    table = _described(data)
    buffer = pa.BufferOutputStream()
    with pa.ipc.new_file(buffer, table.schema) as writer:
        writer.write_table(table)
    sink.write(buffer.getvalue())


def write_parquet(data: MarketData, sink: BinaryIO) -> None:
    """Parquet file with the same metadata."""
    buffer = io.BytesIO()
    pq.write_table(_described(data), buffer)
    sink.write(buffer.getbuffer())


WRITERS: Final[Mapping[str, Callable[[MarketData, BinaryIO], None]]] = {
    "table": write_table,
    "csv": write_csv,
    "json": write_json,
    "arrow": write_arrow,
    "parquet": write_parquet,
}


def _described(data: MarketData) -> pa.Table:
    table = data.to_arrow()
    return table.replace_schema_metadata({**(table.schema.metadata or {}), "dsm": data.handle})


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    # A column keeps one unit in all parts, or its text would change in the middle of a file.
    units = {name: _unit(table.column(name)) for name in _time_columns(table)}
    for start in range(0, len(table), _BATCH):
        yield _with_text_times(table.slice(start, _BATCH), units)


def _time_columns(table: pa.Table) -> list[str]:
    return [field.name for field in table.schema if pa.types.is_timestamp(field.type)]


def _unit(column: pa.ChunkedArray) -> str:
    """Coarsest unit that loses nothing."""
    numbers = column.cast(pa.int64())
    for unit, per in _UNITS:
        whole = pc.multiply(pc.divide(numbers, per), per)
        if pc.all(pc.equal(whole, numbers)).as_py() in (True, None):
            return unit
    return "ns"


def _with_text_times(table: pa.Table, units: Mapping[str, str] | None = None) -> pa.Table:
    for name in _time_columns(table):
        position = table.schema.get_field_index(name)
        column = table.column(name)
        unit = units[name] if units else _unit(column)
        # Without its zone, as Arrow would look that up in a database that Windows lacks; it is UTC.
        naive = column.cast(pa.timestamp(unit))
        text = pc.strftime(naive, format="%Y-%m-%dT%H:%M:%S+00:00")
        table = table.set_column(position, name, text)
    return table


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _line(cells: Any, widths: list[int]) -> str:
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _plain(value: Any) -> Any:
    """Value that JSON can hold: it has no NaN."""
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN alone differs


def _range(start_ns: int | None, end_ns: int | None) -> dict[str, str | None]:
    return {
        "start_time": None if start_ns is None else iso_time(start_ns),
        "end_time": None if end_ns is None else iso_time(end_ns),
    }


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        **_range(segment.start_ns, segment.end_ns),
        "rows": segment.rows,
        "source": segment.source,
        "origin": segment.origin,
        "sha256": segment.sha256,
        "fetched_at": segment.fetched_at.isoformat(),
        "from_cache": segment.from_cache,
    }
