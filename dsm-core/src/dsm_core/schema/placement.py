"""Where bars stand: each in the slot of its grid, and what becomes of those that do not."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dsm_core.model.grid import Grid
from dsm_core.model.time_range import iso
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.mismatch import mismatch

__all__ = ["Strays", "placed"]

Strays = Literal["refused", "moved", "kept"]
"""What becomes of bars off the grid: an error, a move to the slot that holds them, or nothing."""
Times = NDArray[np.int64]


def placed(
    table: pa.Table, times: Times, grid: Grid | None, strays: Strays, schema: ChartSchema
) -> tuple[pa.Table, Times, int, Times]:
    """Rows sorted by time, each time once, and which of them stand off the grid.

    Returns
    -------
    tuple
        The table, its times, how many rows came twice, and the times of bars that were moved or kept off
        the grid; int64 UTC nanoseconds.

    Raises
    ------
    SchemaMismatchError
        For a bar off the grid, where those are refused.
    """
    slots = times if grid is None or not len(times) else grid.opens(grid.indices(times))
    stray = slots != times
    if stray.any() and strays == "refused":
        bad = iso(int(times[int(np.argmax(stray))]))
        raise mismatch(schema.index, f"a bar at {bad} stands off the grid of {schema.name}")
    if strays == "kept":
        slots = times
    if len(slots) > 1 and not (np.diff(slots) > 0).all():
        # Stray bars first inside a slot, later rows last: keeping the last one keeps the right one.
        order = np.lexsort((np.arange(len(slots)), ~stray, slots))
        keep = order[np.append(np.diff(slots[order]) != 0, True)]
        table, slots, stray = table.take(pa.array(keep)), slots[keep], stray[keep]
    if stray.any() and strays == "moved":
        index = pa.array(slots).cast(pa.timestamp("ns", "UTC"))
        table = table.set_column(0, table.schema.field(0), index)
    return table, slots, len(times) - len(slots), slots[stray]
