"""One archive zip of klines to a table."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dsm_binance.csv_member import read_csv, refusal, to_ns
from dsm_binance.kinds import CELLS, KlineKind
from dsm_binance.mending import in_order, inside_period
from dsm_core.plugins import Answer, Task

__all__ = ["read_klines"]

_INTEGERS: Final = frozenset({"open_time", "close_time", "count"})
_TIMES: Final = frozenset({"open_time", "close_time"})
_SPARE_ROWS: Final = 1000


def read_klines(path: Path, task: Task, kind: KlineKind, slots: int) -> Answer:
    """Rows of the zip at ``path``, in the columns of the kind, times in nanoseconds.

    Rows of another period, rows that come twice and disorder are mended, and told of.

    Parameters
    ----------
    slots
        How many bars the file's period has room for.

    Raises
    ------
    VisionAPIError
        When it is not a zip with one CSV of its own name and twelve columns, holds no row of its own
        period though it holds rows, two rows of one time that differ, or a number that is none or below
        zero.
    """
    types = {name: pa.int64() if name in _INTEGERS else pa.float64() for name in kind.columns}
    table = read_csv(path, task, CELLS, types, 2 * slots + _SPARE_ROWS)
    _check_numbers(table, task, kind)
    for name in sorted(_TIMES):
        position = table.schema.get_field_index(name)
        ns = pa.array(to_ns(np.asarray(table.column(name)), task))
        table = table.set_column(position, name, ns.cast(pa.timestamp("ns", "UTC")))
    times = np.asarray(table.column("open_time").combine_chunks().cast(pa.int64()))
    own = inside_period(table, times, task)
    rows = in_order(own.table, own.times, task)
    return Answer(rows.table, mended="; ".join(filter(None, (own.what, rows.what))))


def _check_numbers(table: pa.Table, task: Task, kind: KlineKind) -> None:
    """Refuse what is no number, and prices and amounts below zero where the kind has none such.

    The schema would take an amount that is no number for one that the source does not have.
    """
    for name in table.column_names:
        if name in _TIMES:
            continue
        values = table.column(name)
        is_wrong = pc.invert(pc.is_finite(values))
        if name == "count" or not kind.is_signed:
            is_wrong = pc.or_(is_wrong, pc.less(values, 0))
        at = pc.index(is_wrong, True).as_py()
        if at >= 0:
            value = values[at].as_py()
            what = "below zero" if value < 0 and np.isfinite(value) else "not a finite number"
            raise refusal(task, f"{name} is {value} in row {at}, {what}")
