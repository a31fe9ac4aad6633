"""The one place where rows are brought to their schema, whatever a client returned.

Decimal text becomes the nearest float64, times of any unit become UTC nanoseconds, rows are
sorted and unique, bars stand on their grid. What cannot be brought there is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.errors import SchemaMismatchError
from dsm_core.model.grid import Grid
from dsm_core.model.time_range import TimeRange, iso
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.column import Column

__all__ = ["Conformed", "conform", "empty_table", "times_of"]

_NO_TIMES: NDArray[np.int64] = np.empty(0, dtype=np.int64)


@frozen
class Conformed:
    """Rows in their schema, and what was mended on the way.

    ``off_grid`` holds the slots (int64 ns) whose bar was stamped off the grid and moved there.
    """

    table: pa.Table
    duplicates: int = 0
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
    snap: bool = False,
    absent: frozenset[str] = frozenset(),
    span: TimeRange | None = None,
) -> Conformed:
    """Bring ``rows`` to ``schema``.

    Parameters
    ----------
    rows
        Arrow table or batch, pandas or polars frame, or a mapping of columns. A pandas index named
        as the schema's index is taken as that column.
    grid
        The series' grid; bars off it are refused unless ``snap``.
    snap
        Move a bar stamped off the grid to the slot that holds it; of two bars in one slot the one
        on the grid stays.
    absent
        Columns that the source does not have; they become null.
    span
        Rows outside it are dropped.

    Raises
    ------
    SchemaMismatchError
        When a column is missing, a value is not of its type, a required value is absent or not
        finite, or a bar stands off the grid. The message names the column and the first bad value.
    """
    table = _arrow(rows, schema)
    columns = [_time_column(table, schema.index, whole_ms=False)]
    columns += [_column(table, column, absent) for column in schema.columns]
    table = pa.Table.from_arrays(columns, schema=schema.arrow())
    _check_order(table, schema)
    times = np.asarray(columns[0].cast(pa.int64()))
    table, times, duplicates, off_grid = _on_grid(table, times, grid, snap, schema)
    if span is not None and len(times) and not (times[0] >= span.start and times[-1] < span.end):
        a, b = np.searchsorted(times, [span.start, span.end])
        table = table.slice(a, b - a)
        off_grid = off_grid[(off_grid >= span.start) & (off_grid < span.end)]
    return Conformed(table, duplicates, off_grid)


def _arrow(rows: Any, schema: ChartSchema) -> pa.Table:
    if isinstance(rows, pa.Table):
        return rows
    if isinstance(rows, pa.RecordBatch):
        return pa.Table.from_batches([rows])
    if isinstance(rows, dict):
        return pa.table(rows)
    if hasattr(rows, "reset_index"):
        frame = rows.reset_index() if rows.index.name == schema.index else rows
        return pa.Table.from_pandas(frame, preserve_index=False)
    if hasattr(rows, "to_arrow"):
        return rows.to_arrow()
    raise SchemaMismatchError(
        f"Rows of {schema.name} came as {type(rows).__name__}.",
        hint="Return an Arrow table, a pandas or polars frame, or a mapping of columns.",
    )


def _mismatch(column: str, what: str) -> SchemaMismatchError:
    return SchemaMismatchError(f"Column {column!r}: {what}.", column=column)


def _column(table: pa.Table, column: Column, absent: frozenset[str]) -> pa.Array:
    if column.name in absent or (not column.required and column.name not in table.column_names):
        types = {"float64": pa.float64(), "int64": pa.int64(), "string": pa.string()}
        return pa.nulls(len(table), types.get(column.dtype, pa.timestamp("ns", "UTC")))
    if column.dtype == "time":
        return _time_column(table, column.name, whole_ms=column.whole_ms)
    values = _one_chunk(table, column.name)
    target = {"float64": pa.float64(), "int64": pa.int64(), "string": pa.string()}[column.dtype]
    try:
        values = values.cast(target)
    except pa.ArrowInvalid as error:
        raise _mismatch(column.name, str(error).rstrip(".")) from error
    _check_values(values, column)
    return values


def _check_values(values: pa.Array, column: Column) -> None:
    if values.null_count and not column.nullable:
        raise _mismatch(column.name, f"{values.null_count} values are absent")
    if column.dtype == "float64" and len(values):
        present = values.drop_null() if values.null_count else values
        finite = np.isfinite(np.asarray(present))
        if not finite.all():
            raise _mismatch(column.name, f"row {int(np.argmin(finite))} is not a finite number")


def _check_order(table: pa.Table, schema: ChartSchema) -> None:
    for low, high in schema.ordered:
        crossed = pc.index(pc.greater(table.column(low), table.column(high)), True).as_py()
        if crossed >= 0:
            raise _mismatch(low, f"is above {high} in row {crossed}")


def _one_chunk(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        raise _mismatch(name, f"is missing; the source gave {', '.join(table.column_names) or 'nothing'}")
    return table.column(name).combine_chunks()


def _time_column(table: pa.Table, name: str, *, whole_ms: bool) -> pa.Array:
    values = _one_chunk(table, name)
    if values.null_count:
        raise _mismatch(name, f"{values.null_count} values are absent")
    if not pa.types.is_timestamp(values.type):
        raise _mismatch(name, f"holds {values.type}, not times; give its unit")
    try:
        ns = np.asarray(
            values.cast(pa.timestamp("ns")).cast(pa.int64())
            if values.type.tz is None
            else values.cast(pa.timestamp("ns", values.type.tz)).cast(pa.int64())
        )
    except pa.ArrowInvalid as error:
        raise _mismatch(name, str(error).rstrip(".")) from error
    if whole_ms:
        ns = ns - ns % 1_000_000
    return pa.array(ns).cast(pa.timestamp("ns", "UTC"))


def _on_grid(
    table: pa.Table, times: NDArray[np.int64], grid: Grid | None, snap: bool, schema: ChartSchema
) -> tuple[pa.Table, NDArray[np.int64], int, NDArray[np.int64]]:
    slots = times if grid is None or not len(times) else grid.opens(grid.indices(times))
    stray = slots != times
    if stray.any() and not snap:
        bad = iso(int(times[int(np.argmax(stray))]))
        raise _mismatch(schema.index, f"a bar at {bad} stands off the grid of {schema.name}")
    if len(slots) > 1 and not (np.diff(slots) > 0).all():
        # Stray bars first inside a slot, later rows last: keeping the last one keeps the right one.
        order = np.lexsort((np.arange(len(slots)), ~stray, slots))
        last = np.append(np.diff(slots[order]) != 0, True)
        keep = order[last]
    else:
        keep = None
    if keep is not None:
        table, slots, stray = table.take(pa.array(keep)), slots[keep], stray[keep]
    if stray.any():
        index = pa.array(slots).cast(pa.timestamp("ns", "UTC"))
        table = table.set_column(0, table.schema.field(0), index)
    return table, slots, len(times) - len(slots), slots[stray]
