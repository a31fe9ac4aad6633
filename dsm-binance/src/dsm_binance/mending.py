"""Rows of an archive file as they should be: what can be put right is, and told; the rest is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from attrs import frozen
from numpy.typing import NDArray

from dsm_binance.csv_member import refusal
from dsm_core.plugins import Task

__all__ = ["Mended", "in_order", "inside_period"]

Times = NDArray[np.int64]


@frozen
class Mended:
    """Rows with their times (int64 ns), and what was put right, in words; empty for nothing."""

    table: pa.Table
    times: Times
    what: str = ""


def inside_period(table: pa.Table, times: Times, task: Task) -> Mended:
    """Rows of the file's own period; others are left out.

    Raises
    ------
    VisionAPIError
        When it holds rows, and none of its own period.
    """
    inside = (times >= task.span.start) & (times < task.span.end)
    if inside.all():
        return Mended(table, times)
    if not inside.any():
        raise refusal(task, "holds rows of another period only")
    out = int((~inside).sum())
    what = f"rows of another period left out: {out}"
    return Mended(table.filter(pa.array(inside)), times[inside], what)


def in_order(table: pa.Table, times: Times, task: Task) -> Mended:
    """Rows by time; of rows that come twice, one.

    Raises
    ------
    VisionAPIError
        When two rows of one time differ: nobody knows which one is right.
    """
    steps = np.diff(times)
    if (steps > 0).all():
        return Mended(table, times)
    what = ["rows put in order"] if (steps < 0).any() else []
    order = np.argsort(times, kind="stable")
    table, times = table.take(pa.array(order)), times[order]
    again = np.flatnonzero(np.diff(times) == 0)
    if len(again):
        first, second = table.take(pa.array(again)), table.take(pa.array(again + 1))
        if not first.equals(second):
            raise refusal(task, f"two rows of {_time(times, first, second, again)} differ")
        what.append(f"rows that came twice left out: {len(again)}")
        keep = np.ones(len(times), dtype=bool)
        keep[again + 1] = False
        table, times = table.filter(pa.array(keep)), times[keep]
    return Mended(table, times, "; ".join(what))


def _time(times: Times, first: pa.Table, second: pa.Table, again: NDArray[np.intp]) -> str:
    """When the first two rows differ that should not."""
    at = next(i for i in range(len(again)) if not first.slice(i, 1).equals(second.slice(i, 1)))
    return str(np.datetime64(int(times[again[at]]), "ns"))
