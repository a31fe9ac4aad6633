"""Periods: the stretches of UTC time that one cache file holds, and their names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Final

from attrs import frozen

from dsm_core.model.interval import Interval
from dsm_core.model.time_range import TimeRange, from_ns, to_ns
from dsm_core.schema.chart_type import ChartSchema

__all__ = [
    "Period",
    "PeriodKind",
    "coarse_kind",
    "kind_of_interval",
    "parse_period",
    "period_at",
    "periods_in",
]

_MINUTE_NS: Final = 60 * 10**9
_HOUR_NS: Final = 60 * _MINUTE_NS


class PeriodKind(IntEnum):
    """How long a file's period is; a larger number is a finer period."""

    YEAR = 0
    MONTH = 1
    DAY = 2
    HOUR = 3

    @property
    def finer(self) -> PeriodKind:
        """The kind that the open period's files have."""
        return PeriodKind(self + 1)


_FORMATS: Final = {
    PeriodKind.YEAR: "%Y",
    PeriodKind.MONTH: "%Y-%m",
    PeriodKind.DAY: "%Y-%m-%d",
    PeriodKind.HOUR: "%Y-%m-%dT%H",
}
_BY_LENGTH: Final = {4: PeriodKind.YEAR, 7: PeriodKind.MONTH, 10: PeriodKind.DAY, 13: PeriodKind.HOUR}


@frozen(order=True)
class Period:
    """``[start, end)`` in UTC nanoseconds, with the name that its file has."""

    start: int
    end: int
    kind: PeriodKind
    name: str

    @property
    def span(self) -> TimeRange:
        """The period as a range."""
        return TimeRange(self.start, self.end)

    def overlaps(self, start: int, end: int) -> bool:
        """Whether any instant of ``[start, end)`` is inside."""
        return self.start < end and start < self.end


def coarse_kind(schema: ChartSchema, interval: Interval | None) -> PeriodKind:
    """Period of a closed file: days below 1m, months below 1h, else years."""
    return kind_of_interval(interval if schema.kind == "bars" else None)


def kind_of_interval(interval: Interval | None) -> PeriodKind:
    """The same, told from a series' key alone: only bars have an interval there."""
    length = None if interval is None else interval.nanoseconds
    if length is None or length >= _HOUR_NS:
        return PeriodKind.YEAR
    return PeriodKind.DAY if length < _MINUTE_NS else PeriodKind.MONTH


def period_at(kind: PeriodKind, t: int) -> Period:
    """The period of that kind that holds ``t``."""
    moment = from_ns(t)
    if kind is PeriodKind.HOUR:
        return _period(kind, moment.year, moment.month, moment.day, moment.hour)
    day = moment.day if kind is PeriodKind.DAY else 1
    return _period(kind, moment.year, 1 if kind is PeriodKind.YEAR else moment.month, day, 0)


def periods_in(kind: PeriodKind, span: TimeRange) -> Iterator[Period]:
    """Periods of that kind that hold an instant of ``span``, in order."""
    t = span.start
    while t < span.end:
        period = period_at(kind, t)
        yield period
        t = period.end


def parse_period(name: str) -> Period | None:
    """The period that a file name (without suffix) means; None when it means none."""
    kind = _BY_LENGTH.get(len(name))
    if kind is None or not name.isascii():
        return None
    try:
        moment = datetime.strptime(name, _FORMATS[kind]).replace(tzinfo=UTC)
    except ValueError:
        return None
    period = period_at(kind, to_ns(moment))
    return period if period.name == name else None


@lru_cache(maxsize=8192)
def _period(kind: PeriodKind, year: int, month: int, day: int, hour: int) -> Period:
    first = datetime(year, month, day, hour, tzinfo=UTC)
    if kind is PeriodKind.YEAR:
        after = first.replace(year=year + 1)
    elif kind is PeriodKind.MONTH:
        after = first.replace(year=year + month // 12, month=month % 12 + 1)
    else:
        after = first + timedelta(days=1) if kind is PeriodKind.DAY else first + timedelta(hours=1)
    # strftime("%Y") does not pad years below 1000 on every platform; nanoseconds never reach them.
    return Period(to_ns(first), to_ns(after), kind, first.strftime(_FORMATS[kind]))
