"""Bars as columns of whole ticks, and how fine ones make coarse ones.

Every number is an integer (ticks, lots, their products), so that a coarse bar is the exact sum of its parts
and its decimal text is exact too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from dsm_binance.emulator.intervals import IntArray, Interval

__all__ = ["Bars"]


@dataclass(frozen=True)
class Bars:
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

    def __len__(self) -> int:
        return len(self.open_ms)

    @property
    def nbytes(self) -> int:
        """What the columns take in memory."""
        return sum(column.nbytes for column in self.columns())

    @classmethod
    def none(cls) -> Bars:
        """Give bars without a row."""
        return cls(*(np.empty(0, dtype=np.int64) for _ in fields(cls)))

    @classmethod
    def join(cls, parts: Sequence[Bars]) -> Bars:
        """Give bars of consecutive ranges as one."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.none()
        return cls(*(np.concatenate(column) for column in zip(*(p.columns() for p in parts), strict=True)))

    def columns(self) -> tuple[IntArray, ...]:
        """Give the columns in the venue's order, without its unused last one."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def between(self, start_ms: int, end_ms: int) -> Bars:
        """Give the bars with ``start_ms <= open_ms < end_ms``."""
        first, last = np.searchsorted(self.open_ms, [start_ms, end_ms])
        return self.take(slice(int(first), int(last)))

    def take(self, rows: slice | IntArray | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Bars:
        """Give some rows, by slice, index or mask."""
        return Bars(*(column[rows] for column in self.columns()))

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
