"""The one place where rows are brought to their schema, whatever a client returned.

Decimal text becomes the nearest float64, times of any unit become UTC nanoseconds, rows are
sorted and unique, bars stand on their grid. What cannot be brought there is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.errors import SchemaMismatchError
from dsm_core.model.grid import Grid
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, TimeRange, iso
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.column import Column
from dsm_core.schema.event_rows import apart
from dsm_core.schema.mismatch import mismatch
from dsm_core.schema.placement import Strays, placed
from dsm_core.schema.record import record_columns
from dsm_core.schema.stamps import opened, with_slot_ends

__all__ = ["Conformed", "check_signs", "conform", "empty_table", "times_of"]

_NO_TIMES: NDArray[np.int64] = np.empty(0, dtype=np.int64)
_TYPES: Final = {
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "time": pa.timestamp("ns", "UTC"),
}
# What Arrow and pandas raise for values that they cannot take; Arrow's own errors derive from these.
_UNREADABLE: Final = (TypeError, ValueError, OverflowError, NotImplementedError)


@frozen
class Conformed:
    """Rows in their schema, and what was mended on the way.

    ``outside`` counts rows that the span cut off, ``later`` those of them that come after it.
    ``off_grid`` holds the slots (int64 ns) whose bar was stamped off the grid and moved there.
    """

    table: pa.Table
    duplicates: int = 0
    outside: int = 0
    later: int = 0
    off_grid: NDArray[np.int64] = _NO_TIMES


def empty_table(schema: ChartSchema) -> pa.Table:
    """No rows, in the exact schema."""
    return schema.arrow().empty_table()


def times_of(table: pa.Table, schema: ChartSchema) -> NDArray[np.int64]:
    """The index column as int64 UTC nanoseconds, without a copy where it is one chunk."""
    column = table.column(schema.index)
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return np.asarray(array.cast(pa.int64())) if len(table) else _NO_TIMES


def conform(
    rows: Any,
    schema: ChartSchema,
    *,
    grid: Grid | None = None,
    strays: Strays = "refused",
    ends_of: int | None = None,
    absent: frozenset[str] = frozenset(),
    span: TimeRange | None = None,
    stamp: int | None = None,
) -> Conformed:
    """Bring ``rows`` to ``schema``.

    Parameters
    ----------
    rows
        Arrow table or batch, pandas or polars frame, or a mapping of columns. A pandas index named
        as the schema's index is taken as that column.
    grid
        The series' grid.
    strays
        What becomes of bars that stand off the grid: ``refused``, ``kept`` where they stand, or
        ``moved`` to the slot that holds them; of two bars in one slot the one on the grid stays.
    ends_of
        The interval in nanoseconds where the index column tells the ends of bars; None for opens.
    absent
        Columns that the source does not have; they become null.
    span
        Rows outside it are dropped.
    stamp
        Index of rows that come without one, UTC nanoseconds.

    Returns
    -------
    Conformed
        Rows sorted by the index, each time once; where the schema has a key, by index and key, each
        pair of them once. Of what comes twice the later row stays. No rows are an empty table,
        whatever their columns.

    Raises
    ------
    SchemaMismatchError
        When a column is missing, a value is not of its type, a required value is absent or not
        finite, one is below zero that cannot be, a bar stands off the grid, or two different events
        without a key share an instant. The message names the column and the first bad value.
    """
    table = _arrow(rows, schema)
    if not len(table):
        return Conformed(empty_table(schema))
    if stamp is not None and schema.index not in table.column_names:
        stamps = pa.array(np.full(len(table), stamp)).cast(_TYPES["time"])
        table = table.append_column(schema.index, stamps)
    index = _time_column(table, Column(schema.index, "time", "UTC"))
    if ends_of is not None:
        table, absent, index = opened(table, schema, grid, index, absent, step=ends_of)
    if grid is not None:
        table, absent = with_slot_ends(table, schema, grid, index, absent)
    columns = [index, *(_column(table, column, absent) for column in schema.columns)]
    table = pa.Table.from_arrays(columns, schema=schema.arrow())
    check_signs(table, [column.name for column in schema.columns if column.not_negative])
    _check_order(table, schema)
    times = np.asarray(columns[0].cast(pa.int64()))
    if schema.kind == "events":
        table, times, duplicates = apart(table, times, schema)
        off_grid = _NO_TIMES
    else:
        table, times, duplicates, off_grid = placed(table, times, grid, strays, schema)
    outside = later = 0
    if span is not None and len(times) and not (times[0] >= span.start and times[-1] < span.end):
        a, b = np.searchsorted(times, [span.start, span.end])
        outside, later = len(table) - int(b - a), len(table) - int(b)
        table = table.slice(a, b - a)
        off_grid = off_grid[(off_grid >= span.start) & (off_grid < span.end)]
    return Conformed(table, duplicates, outside, later, off_grid)


def check_signs(table: pa.Table, not_negative: Iterable[str]) -> None:
    """Refuse rows in which one of these columns is below zero.

    Raises
    ------
    SchemaMismatchError
        Naming the column and the first bad value.
    """
    for name in not_negative:
        values = table.column(name)
        below = pc.index(pc.less(values, 0), True).as_py()
        if below >= 0:
            raise mismatch(name, f"is {values[below].as_py()} in row {below}, below zero")


def _arrow(rows: Any, schema: ChartSchema) -> pa.Table:
    try:
        table = _table(rows, schema)
    except (*_UNREADABLE, AttributeError) as error:
        raise SchemaMismatchError(
            f"Rows of {schema.name} make no table: {_told(error)}.",
            hint="Each column must hold values of one type, all columns equally many.",
        ) from error
    if not isinstance(table, pa.Table):
        raise SchemaMismatchError(
            f"Rows of {schema.name} came as {type(rows).__name__}.",
            hint="Return an Arrow table, a pandas or polars frame, or a mapping of columns.",
        )
    return table


def _table(rows: Any, schema: ChartSchema) -> pa.Table | None:
    if isinstance(rows, pa.Table):
        return rows
    if isinstance(rows, pa.RecordBatch):
        return pa.Table.from_batches([rows])
    if isinstance(rows, Mapping):
        return pa.table(record_columns(rows, schema) if schema.kind == "documents" else dict(rows))
    if hasattr(rows, "reset_index") and hasattr(rows, "columns"):
        frame = rows.reset_index() if rows.index.name == schema.index else rows
        return pa.Table.from_pandas(frame, preserve_index=False)
    return rows.to_arrow() if hasattr(rows, "to_arrow") else None


def _told(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__


def _column(table: pa.Table, column: Column, absent: frozenset[str]) -> pa.Array:
    if column.name in absent or (not column.required and column.name not in table.column_names):
        return pa.nulls(len(table), _TYPES[column.dtype])
    if column.dtype == "time":
        return _time_column(table, column)
    values = _one_chunk(table, column)
    is_bool = pa.types.is_boolean(values.type)
    if pa.types.is_temporal(values.type) or (is_bool and column.dtype != "bool"):
        raise mismatch(column.name, f"holds {values.type}, not {column.dtype}")
    try:
        values = _cast(values, column)
    except _UNREADABLE as error:
        raise mismatch(column.name, _told(error)) from error
    _check_values(values, column)
    return values


def _cast(values: pa.Array, column: Column) -> pa.Array:
    target = _TYPES[column.dtype]
    if pa.types.is_decimal(values.type):
        # By way of text: Arrow's own conversion often misses the nearest float64.
        values = values.cast(pa.string())
    if column.nullable and pa.types.is_floating(values.type):
        nan = pc.is_nan(values)
        values = pc.if_else(nan, pa.scalar(None, values.type), values) if pc.any(nan).as_py() else values
    if column.dtype == "bool" and not (pa.types.is_boolean(values.type) or pa.types.is_string(values.type)):
        odd = pc.and_(pc.not_equal(values, 0), pc.not_equal(values, 1))
        if pc.any(odd).as_py():
            raise ValueError(f"{values.filter(odd)[0].as_py()!r} is neither true nor false")
    # Unsafe is right for integers only: those that float64 cannot hold are rounded to the nearest.
    is_rounded = pa.types.is_integer(values.type) and column.dtype == "float64"
    return values.cast(target, safe=not is_rounded)


def _check_values(values: pa.Array, column: Column) -> None:
    if values.null_count and not column.nullable:
        raise mismatch(column.name, f"{values.null_count} values are absent")
    if column.dtype == "float64":
        finite = np.isfinite(np.asarray(values.fill_null(0.0) if values.null_count else values))
        if not finite.all():
            raise mismatch(column.name, f"row {int(np.argmin(finite))} is not a finite number")


def _check_order(table: pa.Table, schema: ChartSchema) -> None:
    for low, high in schema.ordered:
        crossed = pc.index(pc.greater(table.column(low), table.column(high)), True).as_py()
        if crossed >= 0:
            raise mismatch(low, f"is above {high} in row {crossed}")


def _one_chunk(table: pa.Table, column: Column) -> pa.Array:
    found = table.column_names.count(column.name)
    if found > 1:
        raise mismatch(column.name, f"comes {found} times")
    if not found:
        given = ", ".join(table.column_names) or "nothing"
        raise mismatch(column.name, f"is missing; the source gave {given}")
    values = table.column(column.name).combine_chunks()
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _time_column(table: pa.Table, column: Column) -> pa.Array:
    values = _one_chunk(table, column)
    if values.null_count and not column.nullable:
        raise mismatch(column.name, f"{values.null_count} values are absent")
    if pa.types.is_null(values.type):
        values = values.cast(_TYPES["time"])
    if not pa.types.is_timestamp(values.type):
        raise mismatch(column.name, f"holds {values.type}, not times; give its unit")
    try:
        present = values.cast(pa.timestamp("ns", values.type.tz)).cast(pa.int64())
    except _UNREADABLE as error:
        raise mismatch(column.name, _told(error)) from error
    ns = np.asarray(present.fill_null(0) if values.null_count else present)
    out = (ns < EARLIEST_NS) | (ns >= LATEST_NS)
    if out.any():
        bad = int(np.argmax(out))
        raise mismatch(column.name, f"row {bad} holds {iso(int(ns[bad]))}, outside 1700 to 2250")
    if column.whole_ms:
        ns = ns - ns % 1_000_000
    mask = np.asarray(values.is_null()) if values.null_count else None
    return pa.array(ns, mask=mask).cast(_TYPES["time"])
