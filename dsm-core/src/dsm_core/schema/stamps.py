"""Opens and ends of bars: the one that a source tells gives the other."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dsm_core.model.grid import Grid
from dsm_core.model.time_range import NS_PER_MS
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.column import Column

__all__ = ["opened", "opens_of_ends", "with_slot_ends"]

Times = NDArray[np.int64]
_TIME: Final = pa.timestamp("ns", "UTC")
_FAR_PAST: Final = np.int64(-(2**62))


def with_slot_ends(
    table: pa.Table, schema: ChartSchema, grid: Grid, index: pa.Array, absent: frozenset[str]
) -> tuple[pa.Table, frozenset[str]]:
    """Give the columns that a grid can tell where the source does not; they are absent no more."""
    if not any(_lacks(table, column, absent) for column in schema.columns if column.ends_slot):
        return table, absent
    return _with_ends(table, schema, _slot_ends(_times(index), grid), absent)


def _slot_ends(opens: Times, grid: Grid) -> Times:
    slots = grid.indices(opens)
    ends = grid.ends(slots)
    # Where the grid tells no bar, one is as long as that before it, and no two of them overlap.
    beyond = np.minimum(opens + (ends - grid.opens(slots)), grid.opens(slots + 1))
    return np.where(opens < ends, ends, beyond)


def opened(
    table: pa.Table,
    schema: ChartSchema,
    grid: Grid | None,
    index: pa.Array,
    absent: frozenset[str],
    *,
    step: int,
) -> tuple[pa.Table, frozenset[str], pa.Array]:
    """Rows whose index told when their bars ended, with opens and ends each in its place."""
    ends = _times(index)
    table, absent = _with_ends(table, schema, ends, absent)
    return table, absent, pa.array(opens_of_ends(ends, step, grid)).cast(_TIME)


def opens_of_ends(ends: Times, step: int, grid: Grid | None) -> Times:
    """When bars opened that end at ``ends``, int64 UTC nanoseconds, in the order given.

    A bar opened where the slot opens that ends there. One that fits no slot, as where a market closed
    early or no grid is known, opened when the bar before ended, or one interval ago if that is later.

    Parameters
    ----------
    ends
        Ends of bars, in any order.
    step
        The interval in nanoseconds.
    grid
        Where bars open; None when unknown.
    """
    order = np.argsort(ends, kind="stable")
    sorted_ends = ends[order]
    # The same end twice is one bar that came twice.
    own = np.searchsorted(sorted_ends, sorted_ends)
    before = np.where(own > 0, sorted_ends[own - 1], _FAR_PAST)
    opens = np.maximum(before, sorted_ends - step)
    if grid is not None:
        slots = grid.indices(sorted_ends - 1)
        opens = np.where(grid.ends(slots) == sorted_ends, grid.opens(slots), opens)
    out = np.empty_like(ends)
    out[order] = opens
    return out


def _with_ends(
    table: pa.Table, schema: ChartSchema, ends: Times, absent: frozenset[str]
) -> tuple[pa.Table, frozenset[str]]:
    told = pa.array(ends - NS_PER_MS).cast(_TIME)
    for column in schema.columns:
        if column.ends_slot and _lacks(table, column, absent):
            others = [name for name in table.column_names if name != column.name]
            table, absent = table.select(others).append_column(column.name, told), absent - {column.name}
    return table, absent


def _lacks(table: pa.Table, column: Column, absent: frozenset[str]) -> bool:
    return column.name in absent or column.name not in table.column_names


def _times(index: pa.Array) -> Times:
    times: Times = np.asarray(index.cast(pa.int64()))
    return times
