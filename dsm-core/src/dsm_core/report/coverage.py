"""How much of one series the cache holds, as data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from dsm_core.model.provenance import Gap
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet, TimeRange, from_ns

__all__ = ["NS_PER_DAY", "DayShares", "SeriesCoverage", "Times"]

NS_PER_DAY: Final = 86_400 * 10**9
Times = NDArray[np.int64]


@frozen(eq=False, kw_only=True)
class DayShares:
    """How each UTC day from ``first`` on divides, in nanoseconds.

    What lies outside the series' known span is in none of the five.
    """

    first: date
    held: Times
    holes: Times
    provisional: Times
    missing: Times
    closed: Times

    def __len__(self) -> int:
        return len(self.held)


@define(frozen=True, kw_only=True, slots=False)
class SeriesCoverage:
    """What the cache knows of one series, and what it does not.

    Parameters
    ----------
    key
        The series.
    held
        Ranges whose rows are there.
    holes
        Ranges of which the venue has none: final, never asked for again.
    provisional
        Ranges that came back empty and will be asked for again.
    missing
        Ranges between the first and the last known instant that are none of the others.
    closed
        When the market was closed between the first and the last known bar: nothing can be held then.
    behind
        From the last known instant to the last closed bar; None when there is nothing newer.
    gaps
        Holes, provisional holes and missing ranges with their reasons, sorted. ``bars`` is None
        where the grid is unknown.
    rows, bytes, files
        What is on disk.
    first, last
        Index of the first and last row, UTC nanoseconds; None without rows.
    rows_by_source
        Rows by the source that they were fetched from, most first.
    slot_ns
        Length of a bar in nanoseconds; None where it varies or the grid is unknown.
    """

    key: SeriesKey
    held: RangeSet
    holes: RangeSet
    provisional: RangeSet
    missing: RangeSet
    closed: RangeSet
    behind: TimeRange | None
    gaps: tuple[Gap, ...]
    rows: int
    bytes: int
    files: int
    first: int | None
    last: int | None
    rows_by_source: Mapping[str, int] = field(hash=False)
    slot_ns: int | None

    @property
    def name(self) -> str:
        """The series as text: ``provider/market_type/chart_type/symbol/interval`` and options."""
        return str(self.key)

    @cached_property
    def span(self) -> TimeRange | None:
        """From the first to the last known instant; None when nothing is known."""
        return (self.held | self.holes | self.provisional | self.missing).span

    @cached_property
    def held_share(self) -> float:
        """Which part is held of what can be held, 0 to 1: confirmed holes do not count."""
        held = _length(self.held)
        wanted = held + _length(self.missing) + _length(self.provisional)
        return held / wanted if wanted else 0.0

    @property
    def open_gaps(self) -> int:
        """How many gaps are not final."""
        return sum(not gap.final for gap in self.gaps)

    def days(self) -> DayShares | None:
        """How each UTC day of the known span divides; None when nothing is known."""
        if self.span is None:
            return None
        first, last = self.span.start // NS_PER_DAY, (self.span.end - 1) // NS_PER_DAY
        edges = np.arange(first, last + 2, dtype=np.int64) * NS_PER_DAY
        held, holes, provisional, missing, closed = self.shares(edges)
        return DayShares(
            first=from_ns(first * NS_PER_DAY).date(),
            held=held,
            holes=holes,
            provisional=provisional,
            missing=missing,
            closed=closed,
        )

    def shares(self, edges: Times) -> tuple[Times, Times, Times, Times, Times]:
        """Nanoseconds held, in holes, provisional, missing and closed between each two of ``edges``."""
        held, holes, provisional, missing, closed = (
            np.diff(_covered_until(ranges, edges))
            for ranges in (self.held, self.holes, self.provisional, self.missing, self.closed)
        )
        return held, holes, provisional, missing, closed


def _length(ranges: RangeSet) -> int:
    return sum(r.end - r.start for r in ranges)


def _covered_until(ranges: RangeSet, edges: Times) -> Times:
    """How many nanoseconds of ``ranges`` lie before each edge."""
    if not ranges:
        return np.zeros(len(edges), dtype=np.int64)
    bounds = np.array([(r.start, r.end) for r in ranges], dtype=np.int64)
    before = np.concatenate(([0], np.cumsum(bounds[:, 1] - bounds[:, 0])))
    begun = np.searchsorted(bounds[:, 0], edges)
    inside = np.minimum(edges, bounds[begun - 1, 1]) - bounds[begun - 1, 0]
    last = np.where(begun > 0, inside, 0)
    until: Times = before[np.maximum(begun - 1, 0)] + last
    return until
