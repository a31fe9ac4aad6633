"""Half-open ranges of UTC nanoseconds and the algebra of sets of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import field, frozen

from dsm_core.errors import InvalidRangeError

__all__ = [
    "EARLIEST_NS",
    "LATEST_NS",
    "NS_PER_MS",
    "NS_PER_S",
    "RangeSet",
    "TimeRange",
    "from_ns",
    "iso",
    "to_ns",
]

NS_PER_S: Final = 10**9
NS_PER_MS: Final = 10**6
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_ns(moment: datetime) -> int:
    """UTC nanoseconds of an aware datetime, exact."""
    span = moment - _EPOCH
    return (span.days * 86_400 + span.seconds) * NS_PER_S + span.microseconds * 1000


EARLIEST_NS: Final = to_ns(datetime(1700, 1, 1, tzinfo=UTC))
LATEST_NS: Final = to_ns(datetime(2250, 1, 1, tzinfo=UTC))
"""What datetime64[ns] can hold, less a margin for slots that reach over the end."""


def from_ns(t: int) -> datetime:
    """Aware UTC datetime of ``t``, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=t // 1000)


def iso(t: int) -> str:
    """``t`` as short ISO text, such as ``2024-01-01 00:00`` or with seconds where they matter."""
    moment = from_ns(t)
    if moment.microsecond:
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    return moment.strftime("%Y-%m-%d %H:%M:%S" if moment.second else "%Y-%m-%d %H:%M")


@frozen(order=True)
class TimeRange:
    """``[start, end)`` in UTC nanoseconds; never empty."""

    start: int
    end: int = field()

    @end.validator
    def _check_end(self, _: object, end: int) -> None:
        if end <= self.start:
            raise InvalidRangeError(
                f"The range [{iso(self.start)}, {iso(end)}) is empty.", hint="Let end be after start."
            )

    def __contains__(self, t: int) -> bool:
        return self.start <= t < self.end

    def __str__(self) -> str:
        return f"[{iso(self.start)}, {iso(self.end)})"


def _start_of(r: TimeRange) -> int:
    return r.start


def _end_of(r: TimeRange) -> int:
    return r.end


@frozen
class RangeSet:
    """Sorted, disjoint, non-touching half-open ranges.

    Build one with :meth:`of`; every operation gives a new set in that canonical form.
    """

    ranges: tuple[TimeRange, ...] = ()

    @classmethod
    def of(cls, *ranges: TimeRange) -> RangeSet:
        """Canonical set of ``ranges`` in any order, overlapping or not."""
        return cls.from_pairs((r.start, r.end) for r in ranges)

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[int, int]]) -> RangeSet:
        """Canonical set of ``(start, end)`` pairs; empty pairs vanish."""
        merged: list[tuple[int, int]] = []
        for start, end in sorted(p for p in pairs if p[0] < p[1]):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return cls(tuple(TimeRange(*p) for p in merged))

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __iter__(self) -> Iterator[TimeRange]:
        return iter(self.ranges)

    def __len__(self) -> int:
        return len(self.ranges)

    def __contains__(self, t: int) -> bool:
        return any(t in r for r in self.ranges)

    def __or__(self, other: RangeSet) -> RangeSet:
        return RangeSet.of(*self.ranges, *other.ranges)

    def __and__(self, other: RangeSet) -> RangeSet:
        out: list[tuple[int, int]] = []
        i = j = 0
        while i < len(self.ranges) and j < len(other.ranges):
            a, b = self.ranges[i], other.ranges[j]
            out.append((max(a.start, b.start), min(a.end, b.end)))
            if a.end <= b.end:
                i += 1
            else:
                j += 1
        return RangeSet.from_pairs(out)

    def __sub__(self, other: RangeSet) -> RangeSet:
        out: list[tuple[int, int]] = []
        cuts = iter(other.ranges)
        cut = next(cuts, None)
        for r in self.ranges:
            start = r.start
            while cut is not None and cut.end <= start:
                cut = next(cuts, None)
            while cut is not None and cut.start < r.end:
                out.append((start, cut.start))
                start = max(start, cut.end)
                if cut.end > r.end:
                    break
                cut = next(cuts, None)
            out.append((start, r.end))
        return RangeSet.from_pairs(out)

    def within(self, span: TimeRange) -> RangeSet:
        """The part inside one range; the same as ``& RangeSet.of(span)``, in fewer steps."""
        first = bisect_right(self.ranges, span.start, key=_end_of)
        after = bisect_left(self.ranges, span.end, lo=first, key=_start_of)
        cut = self.ranges[first:after]
        if all(span.start <= r.start and r.end <= span.end for r in cut):
            return RangeSet(cut)
        return RangeSet(tuple(TimeRange(max(r.start, span.start), min(r.end, span.end)) for r in cut))

    @property
    def span(self) -> TimeRange | None:
        """From the first start to the last end; None when empty."""
        return TimeRange(self.ranges[0].start, self.ranges[-1].end) if self.ranges else None

    def __str__(self) -> str:
        return " ".join(map(str, self.ranges)) or "nothing"
