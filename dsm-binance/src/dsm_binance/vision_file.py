"""One archive zip of klines to a table."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from dsm_binance.csv_member import inside_period, read_csv, to_ns
from dsm_binance.kinds import CELLS, KlineKind
from dsm_core.plugins import Task

__all__ = ["read_klines"]

_INTEGERS: Final = frozenset({"open_time", "close_time", "count"})


def read_klines(path: Path, task: Task, kind: KlineKind) -> pa.Table:
    """Rows of the zip at ``path``, in the columns of the kind, times in nanoseconds.

    Raises
    ------
    VisionAPIError
        When it is not a zip with one CSV of its own name and twelve columns, or holds no row of
        its own period though it holds rows.
    """
    types = {name: pa.int64() if name in _INTEGERS else pa.float64() for name in kind.columns}
    table = read_csv(path, task, CELLS, types)
    for name in ("open_time", "close_time"):
        position = table.schema.get_field_index(name)
        ns = pa.array(to_ns(np.asarray(table.column(name)), task))
        table = table.set_column(position, name, ns.cast(pa.timestamp("ns", "UTC")))
    times = np.asarray(table.column("open_time").combine_chunks().cast(pa.int64()))
    return inside_period(table, times, task)
