"""Bars as a clock on the wall of the exchange tells them: what the grids are compared with.

Made from zoneinfo and addition alone; nothing of the code under test goes into it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from dsm_core.model.grid import Grid
from dsm_core.model.time_range import TimeRange, to_ns

NEW_YORK = "America/New_York"
CHICAGO = "America/Chicago"
Bar = tuple[str, str]


def ns(text: str, zone: str = "UTC") -> int:
    """UTC nanoseconds of local text, such as ``2024-03-08 09:30``."""
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def told(t: int) -> str:
    """UTC text of nanoseconds; to the minute, which is all that a bar here needs."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=t // 1000)).strftime("%Y-%m-%d %H:%M")


def session(zone: str, start: str, end: str, minutes: int) -> list[Bar]:
    """Bars that count from the local ``start``; the last one ends with the session."""
    opens, closes = ns(start, zone), ns(end, zone)
    step = minutes * 60 * 10**9
    return [(told(t), told(min(t + step, closes))) for t in range(opens, closes, step)]


def sessions(zone: str, hours: Iterable[tuple[str, str]], minutes: int) -> list[Bar]:
    """Bars of several sessions."""
    return [bar for start, end in hours for bar in session(zone, start, end, minutes)]


def days(first: str, last: str) -> list[date]:
    """Dates, both ends included."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(n) for n in range((end - start).days + 1)]


def nights(dates: Iterable[date], opens: time, closes: time) -> list[tuple[str, str]]:
    """Sessions that open the evening before their date."""
    return [(f"{day - timedelta(1)} {opens:%H:%M}", f"{day} {closes:%H:%M}") for day in dates]


def bars(grid: Grid | None, first: str, after: str) -> list[Bar]:
    """Bars of a grid that open from ``first`` up to ``after``, UTC text, exclusive."""
    assert grid is not None
    opens = grid.slots(TimeRange(ns(first), ns(after)))
    ends = grid.ends(grid.indices(opens))
    return [(told(o), told(e)) for o, e in zip(opens.tolist(), np.asarray(ends).tolist(), strict=True)]
