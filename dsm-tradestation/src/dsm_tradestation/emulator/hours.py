"""When each kind of instrument trades: sessions by rules of zone, weekday and holiday."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np

from dsm_core.emulation import to_ms
from dsm_core.emulation.noise import IntArray
from dsm_tradestation.emulator.holidays import (
    CME,
    FIRST_YEAR,
    LAST_YEAR,
    NYSE_CLOSED,
    NYSE_HALF,
)

__all__ = ["MINUTE_MS", "TEMPLATES", "Hours", "Sessions", "cut", "sessions_of"]

Hours = Literal["us_equities", "us_regular", "cme", "cme_rates", "cme_energy", "forex", "crypto"]
"""``us_equities`` heeds session templates, ``us_regular`` (indices, options) does not; ``cme``: indices."""

Span = tuple[datetime, datetime, date]

MINUTE_MS: Final = 60_000
_DAY: Final = timedelta(days=1)
_NEW_YORK: Final = ZoneInfo("America/New_York")
_CHICAGO: Final = ZoneInfo("America/Chicago")
_LAST_PAUSE: Final = date(2021, 6, 25)

TEMPLATES: Final = {
    "Default": (False, False),
    "USEQPre": (True, False),
    "USEQPost": (False, True),
    "USEQPreAndPost": (True, True),
    "USEQ24Hour": (True, True),
}
"""Session templates, with whether each opens before 09:30 and closes after 16:00 in New York."""


@dataclass(frozen=True)
class Sessions:
    """Sessions in Unix milliseconds, ascending and apart, with trading dates in days since the epoch.

    Trading pauses from `halts` to `resumes`; both are the close where there is no pause.
    """

    opens: IntArray
    halts: IntArray
    resumes: IntArray
    closes: IntArray
    dates: IntArray

    def overlapping(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        """Give the places ``[first, past)`` of sessions that share an instant with ``[start_ms, end_ms]``."""
        first = np.searchsorted(self.closes, start_ms, side="left")
        return int(first), int(np.searchsorted(self.opens, end_ms, side="right"))

    def pieces(self, rows: slice) -> tuple[IntArray, IntArray]:
        """Give starts and ends of uninterrupted trading in some sessions."""
        starts = np.column_stack([self.opens[rows], self.resumes[rows]]).ravel()
        ends = np.column_stack([self.halts[rows], self.closes[rows]]).ravel()
        kept = starts < ends
        return starts[kept], ends[kept]


@cache
def sessions_of(hours: Hours, template: str = "Default") -> Sessions:
    """Give every session of the years covered.

    Parameters
    ----------
    hours
        The kind of instrument.
    template
        One of `TEMPLATES`; only ``us_equities`` heeds it.
    """
    spans = list(_spans(hours, template))
    dates = [day for _, _, day in spans]
    pauses = [_pause(hours, day, closed) for _, closed, day in spans]
    return Sessions(
        opens=_column(opened for opened, _, _ in spans),
        halts=_column(halt for halt, _ in pauses),
        resumes=_column(resumed for _, resumed in pauses),
        closes=_column(closed for _, closed, _ in spans),
        dates=np.array(dates, dtype="datetime64[D]").astype(np.int64),
    )


def cut(opens: IntArray, closes: IntArray, step_ms: int) -> tuple[IntArray, IntArray]:
    """Give starts and ends of bars, counted from each open; the last one before a close may be short."""
    counts = -((opens - closes) // step_ms)
    owner = np.repeat(np.arange(len(opens)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = opens[owner] + number * step_ms
    return starts, np.minimum(starts + step_ms, closes[owner])


def _column(moments: Iterable[datetime]) -> IntArray:
    return np.array([to_ms(moment) for moment in moments], dtype=np.int64)


def _pause(hours: Hours, day: date, closed: datetime) -> tuple[datetime, datetime]:
    """Stock-index futures used to pause between the stocks' close and the settlement."""
    if hours != "cme" or day > _LAST_PAUSE or closed < _at(day, time(16), _CHICAGO):
        return closed, closed
    return _at(day, time(15, 15), _CHICAGO), _at(day, time(15, 30), _CHICAGO)


def _spans(hours: Hours, template: str) -> Iterator[Span]:
    day = date(FIRST_YEAR, 1, 1)
    while day.year <= LAST_YEAR:
        if hours == "crypto":
            opened = datetime.combine(day, time(), UTC)
            yield opened, opened + _DAY, day
        elif day.weekday() < 5:
            span = _weekday(hours, template, day)
            if span is not None:
                yield span
        day += _DAY


def _weekday(hours: Hours, template: str, day: date) -> Span | None:
    if hours == "forex":
        return _at(day - _DAY, time(17), _NEW_YORK), _at(day, time(17), _NEW_YORK), day
    if hours in CME:
        holidays = CME[hours]
        if day in holidays.closed:
            return None
        close = holidays.early.get(day, time(16))
        return _at(day - _DAY, time(17), _CHICAGO), _at(day, close, _CHICAGO), day
    if day in NYSE_CLOSED:
        return None
    return _new_york(template if hours == "us_equities" else "Default", day)


def _new_york(template: str, day: date) -> Span:
    early, late = TEMPLATES[template]
    is_half = day in NYSE_HALF
    close = time(13 if is_half else 16)
    if late:
        close = time(17 if is_half else 20)
    if template == "USEQ24Hour":
        # Its night belongs to the next day, so Monday's begins on Sunday.
        return _at(day - _DAY, time(20), _NEW_YORK), _at(day, close, _NEW_YORK), day
    return _at(day, time(4) if early else time(9, 30), _NEW_YORK), _at(day, close, _NEW_YORK), day


def _at(day: date, moment: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, moment, zone).astimezone(UTC)
