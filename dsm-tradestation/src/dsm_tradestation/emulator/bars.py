"""Bars as columns of whole ticks, and how fine ones make coarse ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dsm_core.emulation.columns import Columns
from dsm_core.emulation.noise import IntArray

__all__ = ["Bars"]


@dataclass(frozen=True)
class Bars(Columns):
    """Columns of equal length, ascending by `start_ms`; prices are in ticks."""

    start_ms: IntArray
    end_ms: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    up_volume: IntArray
    down_volume: IntArray
    up_ticks: IntArray
    down_ticks: IntArray

    def shifted(self, ticks: IntArray | int) -> Bars:
        """Give the bars with something added to their prices."""
        return replace(
            self,
            open=self.open + ticks,
            high=self.high + ticks,
            low=self.low + ticks,
            close=self.close + ticks,
        )

    def aggregate(self, starts: IntArray, ends: IntArray) -> Bars:
        """Give the bars of slots, which hold every fine bar; a slot without one gives none."""
        if not len(self):
            return self
        slots = np.searchsorted(starts, self.start_ms, side="right") - 1
        first = np.flatnonzero(np.diff(slots, prepend=-1))
        last = np.append(first[1:], len(self)) - 1

        def total(column: IntArray) -> IntArray:
            return np.add.reduceat(column, first)

        return Bars(
            start_ms=starts[slots[first]],
            end_ms=ends[slots[first]],
            open=self.open[first],
            high=np.maximum.reduceat(self.high, first),
            low=np.minimum.reduceat(self.low, first),
            close=self.close[last],
            up_volume=total(self.up_volume),
            down_volume=total(self.down_volume),
            up_ticks=total(self.up_ticks),
            down_ticks=total(self.down_ticks),
        )
