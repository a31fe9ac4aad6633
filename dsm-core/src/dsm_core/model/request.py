"""From the times of a public call to one half-open range in UTC nanoseconds."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from operator import index
from typing import Any, Final, Literal, SupportsIndex

from attrs import frozen

from dsm_core.errors import InvalidRangeError, RequestError
from dsm_core.model.grid import Grid
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, TimeRange, from_ns, iso, to_ns

__all__ = ["Inclusive", "Last", "Span", "moment_bounds", "resolve_span"]

Inclusive = Literal["both", "left", "right", "neither"]
Last = str | SupportsIndex | timedelta
"""A span, or a number of bars; numpy's whole numbers are numbers too."""
_LABEL = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?\Z", re.ASCII)
_BELOW_US = re.compile(r"[.,]\d{6}(\d{1,3})", re.ASCII)
_DAY_NS: Final = 86_400 * 10**9
_INCLUSIVE: Final = ("both", "left", "right", "neither")


@frozen
class Span:
    """The range asked for; ``range`` is None when nothing can lie in it.

    ``to_now`` tells that the end was left to the clock, so the unfinished bar is not missed.
    """

    range: TimeRange | None
    to_now: bool


@frozen
class _Moment:
    """One end of a range: a label covers ``[first, after)``, an instant one nanosecond."""

    first: int
    after: int


def resolve_span(
    start: Any,
    end: Any,
    *,
    last: Last | None,
    inclusive: str,
    now: int,
    grid: Grid | None,
) -> Span:
    """Range of a call.

    Parameters
    ----------
    start, end
        Aware datetime, ISO text with offset, or a label (``date``, ``"2024"``, ``"2024-01"``,
        ``"2024-01-31"``) that means a whole UTC period. None for ``end`` is now.
    last
        A span (``"7d"``, a timedelta) or a number of bars, counted back from ``end``.
    inclusive
        Which ends belong: ``both``, ``left``, ``right``, ``neither``. A label belongs whole or not.
    now
        UTC nanoseconds.
    grid
        Needed for ``last`` in bars.

    Raises
    ------
    InvalidRangeError
        For a datetime without zone, a wrong order, or something that is no time.
    RequestError
        For ``last`` or ``inclusive`` that mean nothing.
    """
    if inclusive not in _INCLUSIVE:
        raise RequestError(f"inclusive={inclusive!r}.", hint=f"Use one of {', '.join(_INCLUSIVE)}.")
    to = None if end is None else _moment(end, "end_time")
    if last is not None:
        return _last_span(start, to, last, now, grid, inclusive)
    if start is None:
        raise InvalidRangeError("No start_time was given.", hint='Give start_time, or last="7d".')
    begin = _moment(start, "start_time")
    if to is not None and to.after <= begin.first:
        raise InvalidRangeError(
            f"start_time {iso(begin.first)} is after end_time {iso(to.first)}.", hint="Swap them."
        )
    left = begin.first if inclusive in ("both", "left") else begin.after
    if to is None:
        if left >= now:
            raise InvalidRangeError(
                f"start_time {iso(begin.first)} is in the future; it is {iso(now)} now.",
                hint="Ask for a start in the past.",
            )
        return Span(TimeRange(left, now), to_now=True)
    right = to.after if inclusive in ("both", "right") else to.first
    return Span(TimeRange(left, right) if left < right else None, to_now=False)


def moment_bounds(value: Any, name: str) -> tuple[int, int]:
    """First nanosecond of a time or label, and the first one after it.

    Raises
    ------
    InvalidRangeError
        When it is no time; ``name`` is what the message calls it.
    """
    moment = _moment(value, name)
    return moment.first, moment.after


def _last_span(
    start: Any, to: _Moment | None, last: Last, now: int, grid: Grid | None, inclusive: str
) -> Span:
    if start is not None:
        raise RequestError("Both start_time and last were given.", hint="Give one of them.")
    right = now if to is None else to.after if inclusive in ("both", "right") else to.first
    try:
        if isinstance(last, str):
            left = _before(right, _span_of(last))
        elif isinstance(last, timedelta):
            left = right - _length_of(last)
        else:
            # Bars are counted back from those that have closed, also when the end lies ahead.
            left, right = _bars(_number_of(last), min(right, now), grid, ends_now=right >= now)
    except OverflowError:
        left = EARLIEST_NS - 1
    if left < EARLIEST_NS:
        raise InvalidRangeError(f"last={last!r} reaches before the year 1700.", hint="Ask for less.")
    return Span(TimeRange(left, right), to_now=to is None)


def _span_of(last: str) -> Interval:
    try:
        return Interval(last)
    except RequestError as error:
        raise RequestError(
            f"last={last!r} is no span.",
            hint='Write "7d", "12h" or "1M", or a whole number of bars.',
            last=last,
        ) from error


def _number_of(last: SupportsIndex) -> int:
    try:
        if isinstance(last, bool):
            raise TypeError("a truth value is no number")
        return index(last)
    except TypeError as error:
        raise RequestError(
            f"last={last!r}.", hint='Give a span such as "7d", or a number of bars.'
        ) from error


def _length_of(last: timedelta) -> int:
    # A Timedelta of pandas counts nanoseconds too.
    microseconds = (last.days * 86_400 + last.seconds) * 10**6 + last.microseconds
    length = microseconds * 1000 + int(getattr(last, "nanoseconds", 0))
    if length <= 0:
        raise RequestError(f"last={last!r} is no span.", hint="Give one above zero.")
    return length


def _bars(last: int, right: int, grid: Grid | None, *, ends_now: bool) -> tuple[int, int]:
    """Ends of the ``last`` slots before ``right``; those that have closed when it is now."""
    if last < 1:
        raise RequestError(f"last={last} bars.", hint="Ask for one bar or more.")
    if grid is None:
        raise RequestError(f"last={last} bars, but this series has no grid.", hint='Give a span: last="7d".')
    end = grid.closed_until(right) if ends_now else grid.ceil(right)
    # The closed time of a market after its last bar was not asked for.
    return grid.back(end, last), grid.end_of(grid.index_of(end) - 1)


def _before(t: int, span: Interval) -> int:
    if span.nanoseconds is not None:
        return t - span.nanoseconds
    moment = from_ns(t)
    year, month = divmod(moment.year * 12 + moment.month - 1 - span.number, 12)
    if year < 1:
        raise OverflowError(year)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    # A datetime holds whole microseconds; the rest must not be lost, or one bar too many is inside.
    return to_ns(moment.replace(year=year, month=month + 1, day=day)) + t % 1000


def _moment(value: Any, name: str) -> _Moment:
    if isinstance(value, str):
        label = _LABEL.match(value.strip())
        return _label(label, value, name) if label else _iso_instant(value, name)
    if isinstance(value, datetime):
        return _instant(value, name)
    if isinstance(value, date):
        return _day(value, name)
    raise InvalidRangeError(
        f"{name}={value!r} is not a time.",
        hint="Give an aware datetime, ISO text with offset, or a label such as '2024-01'.",
        value=repr(value),
    )


def _instant(value: datetime, name: str) -> _Moment:
    if repr(value) == "NaT":
        raise InvalidRangeError(f"{name} is NaT.", hint="Give a real time.")
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidRangeError(
            f"{name}={value.isoformat()} has no time zone.",
            hint=f"Write datetime.fromisoformat({value.isoformat() + '+00:00'!r}) for UTC.",
            value=value.isoformat(),
        )
    t = to_ns(value) + int(getattr(value, "nanosecond", 0))
    if not EARLIEST_NS <= t <= LATEST_NS:
        raise InvalidRangeError(
            f"{name}={value.isoformat()} is out of range.", hint="Use a time between 1700 and 2250."
        )
    return _Moment(t, t + 1)


def _day(value: date, name: str) -> _Moment:
    first = _instant(datetime(value.year, value.month, value.day, tzinfo=UTC), name).first
    return _Moment(first, first + _DAY_NS)


def _label(found: re.Match[str], text: str, name: str) -> _Moment:
    year, month, day = (None if part is None else int(part) for part in found.groups())
    try:
        start = datetime(year or 0, 1 if month is None else month, 1 if day is None else day, tzinfo=UTC)
    except ValueError as error:
        raise InvalidRangeError(
            f"{name}={text!r}: {error}.", hint="Write YYYY, YYYY-MM or YYYY-MM-DD.", value=text
        ) from error
    if day is not None:
        return _day(start, name)
    first = _instant(start, name).first
    last_month = 12 if month is None else month
    after = datetime(start.year + last_month // 12, last_month % 12 + 1, 1, tzinfo=UTC)
    return _Moment(first, to_ns(after))


def _iso_instant(text: str, name: str) -> _Moment:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRangeError(
            f"{name}={text!r} is not a time.",
            hint="Write '2024-01-31', '2024-01', or ISO with offset: '2024-01-31T12:00:00+00:00'.",
            value=text,
        ) from None
    cut = _BELOW_US.search(text)
    t = _instant(moment, name).first + (int(cut[1].ljust(3, "0")) if cut else 0)
    return _Moment(t, t + 1)
