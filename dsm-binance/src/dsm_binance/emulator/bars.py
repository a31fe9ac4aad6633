"""Bars as columns of whole ticks, and how fine ones make coarse ones.

Every number is an integer (ticks, lots, their products), so that a coarse bar is the exact sum of its parts
and its decimal text is exact too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsm_binance.emulator.intervals import IntArray, Interval
from dsm_core.emulation.columns import Columns

__all__ = ["Bars"]


@dataclass(frozen=True)
class Bars(Columns):
    """Columns of equal length, ascending by `open_ms`."""

    open_ms: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray
    close_ms: IntArray
    quote: IntArray
    count: IntArray
    taker: IntArray
    taker_quote: IntArray

    def between(self, start_ms: int, end_ms: int) -> Bars:
        """Give the bars with ``start_ms <= open_ms < end_ms``."""
        first, last = np.searchsorted(self.open_ms, [start_ms, end_ms])
        return self.take(slice(int(first), int(last)))

    def aggregate(self, interval: Interval) -> Bars:
        """Give the bars of a coarser interval; a slot without a fine bar gives none."""
        if not len(self):
            return self
        slots = interval.floor_all(self.open_ms)
        first = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
        last = np.append(first[1:], len(self)) - 1
        opens = slots[first]

        def total(column: IntArray) -> IntArray:
            return np.add.reduceat(column, first)

        return Bars(
            open_ms=opens,
            open=self.open[first],
            high=np.maximum.reduceat(self.high, first),
            low=np.minimum.reduceat(self.low, first),
            close=self.close[last],
            volume=total(self.volume),
            close_ms=interval.after_all(opens) - 1,
            quote=total(self.quote),
            count=total(self.count),
            taker=total(self.taker),
            taker_quote=total(self.taker_quote),
        )
