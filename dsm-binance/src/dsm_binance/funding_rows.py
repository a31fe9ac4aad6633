"""Funding settlements, whatever their source: rounded times and the interval of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.model import NS_PER_MS, RangeSet

__all__ = ["Settlements", "intervals_by_spacing", "regular", "rounded"]

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_KNOWN_HOURS: Final = (1, 2, 4, 8)


def rounded(times_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Times to the minute, in ms: the venue settles some milliseconds after the full hour."""
    return (times_ms + _MINUTE_MS // 2) // _MINUTE_MS * _MINUTE_MS


def intervals_by_spacing(times_ms: NDArray[np.int64], usual_hours: int) -> list[int]:
    """Hours since the settlement before, for each row.

    The first row takes the spacing of the second; where a spacing is no interval of the venue's,
    as after a pause, the row before tells, and ``usual_hours`` where there is none.

    Parameters
    ----------
    times_ms
        Rounded, ascending.
    usual_hours
        What the venue says of the symbol today.
    """
    gaps = (np.diff(times_ms) // _HOUR_MS).tolist()
    hours: list[int] = []
    for i in range(len(times_ms)):
        gap = gaps[i - 1] if i else gaps[0] if gaps else usual_hours
        if gap not in _KNOWN_HOURS:
            gap = hours[-1] if hours else usual_hours
        hours.append(gap)
    return hours


def regular(times_ms: NDArray[np.int64], hours: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows are no extra settlement, where nothing but time tells them apart.

    Regular ones fall on multiples of their interval; a row that does not, inside the interval of a
    row that does, is extra.

    Parameters
    ----------
    times_ms
        Rounded, ascending, unique.
    hours
        Interval of each row.
    """
    spans = np.maximum(hours, 1) * _HOUR_MS
    on_time = times_ms % spans == 0
    due, since = times_ms[on_time], (times_ms - spans)[on_time]
    after = np.searchsorted(due, times_ms)
    inside = after < len(due)
    inside[inside] = since[after[inside]] < times_ms[inside]
    kept: NDArray[np.bool_] = on_time | ~inside
    return kept


@frozen
class Settlements:
    """Rows in the columns of ``funding_rate``; times are rounded, ascending ms."""

    symbol: str
    times_ms: NDArray[np.int64]
    hours: Sequence[int]
    rates: pa.Array

    def table(self) -> pa.Table:
        """The rows, times in milliseconds."""
        return pa.table(
            {
                "funding_time": pa.array(self.times_ms).cast(pa.timestamp("ms", "UTC")),
                "contracts": pa.array([self.symbol] * len(self.times_ms), pa.string()),
                "funding_interval": pa.array([f"{h}h" for h in self.hours], pa.string()),
                "funding_rate": self.rates,
            }
        )

    def gapless(self, start: int, end: int) -> RangeSet:
        """The part of ``[start, end)`` in which no settlement can be missing, in ns.

        A row tells how long before it the last settlement was, so spacing up to its own interval
        is no hole, also when the interval changes.
        """
        if not len(self.times_ms):
            return RangeSet()
        times = self.times_ms * NS_PER_MS
        spans = np.array(self.hours, dtype=np.int64) * _HOUR_MS * NS_PER_MS
        since = times - spans
        pieces = [(max(start, int(a) + 1), int(t) + 1) for a, t in zip(since, times, strict=True)]
        # After the last row the next settlement is due one interval later.
        pieces.append((int(times[-1]), min(end, int(times[-1] + spans[-1]))))
        if pieces[0][0] <= start + int(spans[0]) and since[0] < start:
            pieces[0] = (start, pieces[0][1])
        return RangeSet.from_pairs((max(a, start), min(b, end)) for a, b in pieces)
