"""Where bars open: grids of slots, fixed or calendar.

A grid numbers its slots; every question (floor, next, how many, which runs) is answered from
that numbering, so a new kind of grid writes two methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.model.interval import Interval
from dsm_core.model.time_range import RangeSet, TimeRange, from_ns, to_ns

__all__ = ["EpochGrid", "Grid", "MonthGrid", "grid_for"]

_DAY_NS: Final = 86_400 * 10**9
_CALENDAR_CYCLE_NS: Final = 146_097 * _DAY_NS
# 1970-01-01 was a Thursday; the first Monday is day 4.
_FIRST_MONDAY: Final = 4
Times = NDArray[np.int64]


class Grid(ABC):
    """Slots numbered by integers; slot *i* is ``[open_of(i), open_of(i + 1))``.

    The slots leave no time out: where a market closes, the last slot before it reaches to the next
    open, and :meth:`end_of` tells when its bar ended.
    """

    @abstractmethod
    def index_of(self, t: int) -> int:
        """Number of the slot that holds ``t``."""

    @abstractmethod
    def open_of(self, index: int) -> int:
        """First instant of slot ``index``, UTC nanoseconds."""

    @abstractmethod
    def indices(self, times: Times) -> Times:
        """:meth:`index_of` for an array."""

    @abstractmethod
    def opens(self, indices: Times) -> Times:
        """:meth:`open_of` for an array."""

    def end_of(self, index: int) -> int:
        """End of the bar of slot ``index``, exclusive; before the next open where a market closes."""
        return self.open_of(index + 1)

    def ends(self, indices: Times) -> Times:
        """:meth:`end_of` for an array."""
        return self.opens(indices + 1)

    def ends_session(self, times: Times) -> NDArray[np.bool_]:
        """Whether a session ends at each of ``times``, also where the next one begins at once."""
        return np.zeros(len(times), dtype=np.bool_)

    def closed(self, span: TimeRange) -> RangeSet:
        """The part of ``span`` in which no bar is open: the market's closed time."""
        return RangeSet()

    def closed_until(self, t: int) -> int:
        """First open of a slot that has not closed at ``t``: all before it have."""
        index = self.index_of(t)
        return self.open_of(index + 1 if self.end_of(index) <= t else index)

    def slot_at(self, t: int) -> TimeRange | None:
        """The bar that is open at ``t``; None while the market is closed."""
        index = self.index_of(t)
        start, end = self.open_of(index), self.end_of(index)
        return TimeRange(start, end) if start <= t < end else None

    def floor(self, t: int) -> int:
        """Open of the slot that holds ``t``."""
        return self.open_of(self.index_of(t))

    def ceil(self, t: int) -> int:
        """First open at or after ``t``."""
        return self.open_of(self._first_index(t))

    def next(self, t: int) -> int:
        """First open after ``t``: the end of the slot that holds it."""
        return self.open_of(self.index_of(t) + 1)

    def back(self, t: int, slots: int) -> int:
        """Open of the slot ``slots`` before the first open at or after ``t``."""
        return self.open_of(self._first_index(t) - slots)

    def count(self, span: TimeRange) -> int:
        """How many slots open inside ``span``."""
        return max(0, self._first_index(span.end) - self._first_index(span.start))

    def count_all(self, spans: RangeSet) -> int:
        """How many slots open inside ``spans``."""
        return sum(self.count(span) for span in spans)

    def slots(self, span: TimeRange) -> Times:
        """Opens inside ``span``, ascending int64 nanoseconds."""
        return self.opens(
            np.arange(self._first_index(span.start), self._first_index(span.end), dtype=np.int64)
        )

    def align(self, spans: RangeSet) -> RangeSet:
        """The same opens, as whole slots: both ends rounded up to an open."""
        return RangeSet.from_pairs((self.ceil(r.start), self.ceil(r.end)) for r in spans)

    def runs(self, opens: Times) -> RangeSet:
        """Ranges of the slots that hold ``opens`` (ascending)."""
        if len(opens) == 0:
            return RangeSet()
        # Two bars share a slot where one of them stands off the grid and was kept.
        index = np.unique(self.indices(opens))
        breaks = np.flatnonzero(np.diff(index) != 1)
        first = index[np.concatenate(([0], breaks + 1))]
        after = index[np.concatenate((breaks, [len(index) - 1]))] + 1
        return RangeSet(
            tuple(
                TimeRange(a, b)
                for a, b in zip(self.opens(first).tolist(), self.opens(after).tolist(), strict=True)
            )
        )

    def _first_index(self, t: int) -> int:
        index = self.index_of(t)
        return index if self.open_of(index) == t else index + 1


@frozen
class EpochGrid(Grid):
    """Slots of one length, counted from an anchor.

    Parameters
    ----------
    step
        Length of a slot in nanoseconds.
    anchor
        Any open, in UTC nanoseconds.
    """

    step: int
    anchor: int = 0

    def index_of(self, t: int) -> int:
        """See :class:`Grid`."""
        return (t - self.anchor) // self.step

    def open_of(self, index: int) -> int:
        """See :class:`Grid`."""
        return self.anchor + index * self.step

    def indices(self, times: Times) -> Times:
        """See :class:`Grid`."""
        return (times - self.anchor) // self.step

    def opens(self, indices: Times) -> Times:
        """See :class:`Grid`."""
        return self.anchor + indices * self.step


@frozen
class MonthGrid(Grid):
    """Slots of whole calendar months, UTC; several months count from January 1970."""

    months: int = 1

    def index_of(self, t: int) -> int:
        """See :class:`Grid`."""
        moment = from_ns(t)
        return ((moment.year - 1970) * 12 + moment.month - 1) // self.months

    def open_of(self, index: int) -> int:
        """See :class:`Grid`."""
        years, month = divmod(index * self.months, 12)
        # The calendar repeats every 400 years; a page of many slots may end after the year 9999.
        cycles, year = divmod(years, 400)
        return to_ns(datetime(1970 + year, month + 1, 1, tzinfo=UTC)) + cycles * _CALENDAR_CYCLE_NS

    def indices(self, times: Times) -> Times:
        """See :class:`Grid`."""
        months = times.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
        return months // self.months

    def opens(self, indices: Times) -> Times:
        """See :class:`Grid`."""
        months = (indices * self.months).astype("datetime64[M]")
        return months.astype("datetime64[ns]").astype(np.int64)


def grid_for(interval: Interval, *, day_anchor: int = 0, week_anchor: int = _FIRST_MONDAY) -> Grid:
    """Usual UTC grid of an interval: epoch steps, weeks from Monday, calendar months.

    Parameters
    ----------
    interval
        The bar length.
    day_anchor
        For intervals of several days: the epoch day of any open, since venues differ.
    week_anchor
        The same for weeks: 4 is a Monday, 0 a Thursday, as where weeks are counted from the epoch.
    """
    step = interval.nanoseconds
    if step is None:
        return MonthGrid(interval.number)
    if interval.unit == "w":
        return EpochGrid(step, week_anchor * _DAY_NS)
    return EpochGrid(step, day_anchor * _DAY_NS if interval.unit == "d" else 0)
