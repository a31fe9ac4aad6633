"""Events in order: by time, and where several share an instant, by the schema's key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dsm_core.errors import SchemaMismatchError
from dsm_core.model.time_range import iso
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["apart"]

# No column can be called so.
_PLACE: Final = "#"
Times = NDArray[np.int64]


def apart(table: pa.Table, times: Times, schema: ChartSchema) -> tuple[pa.Table, Times, int]:
    """Rows sorted by time and key, of those that share both the last one; and how many went.

    Parameters
    ----------
    table
        In the schema, in any order.
    times
        Its index, UTC nanoseconds.

    Raises
    ------
    SchemaMismatchError
        When two rows of one instant differ and the schema has no key: neither may be lost.
    """
    if (np.diff(times) > 0).all():
        return table, times, 0
    by = (schema.index, *schema.key)
    order = _order(table, by)
    table, times = table.take(order), times[np.asarray(order)]
    same = _repeats(table, by)
    if not same.any():
        return table, times, 0
    if not schema.key:
        _check_alike(table, times, same, schema)
    keep = np.append(~same, True)
    return table.filter(pa.array(keep)), times[keep], int(same.sum())


def _order(table: pa.Table, by: Sequence[str]) -> pa.Array:
    numbered = table.select(list(by)).append_column(_PLACE, pa.array(np.arange(len(table))))
    return pc.sort_indices(numbered, sort_keys=[(name, "ascending") for name in (*by, _PLACE)])


def _repeats(table: pa.Table, names: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each row but the last has the values of the one after it; nulls are alike."""
    same = np.ones(len(table) - 1, dtype=bool)
    for name in names:
        column = table.column(name).combine_chunks()
        row, after = column.slice(0, len(column) - 1), column.slice(1)
        nulls = pc.and_(pc.is_null(row), pc.is_null(after))
        same &= np.asarray(pc.or_(pc.fill_null(pc.equal(row, after), False), nulls))
    return same


def _check_alike(table: pa.Table, times: Times, same: NDArray[np.bool_], schema: ChartSchema) -> None:
    differ = same & ~_repeats(table, table.column_names)
    if differ.any():
        raise SchemaMismatchError(
            f"Two different rows of {schema.name} share the time {iso(int(times[int(np.argmax(differ))]))}.",
            hint="Name the columns that tell such rows apart in the schema: key=(...).",
            column=schema.index,
        )
