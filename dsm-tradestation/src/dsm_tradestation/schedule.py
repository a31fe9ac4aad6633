"""The trading dates of a market and the hours of each, in UTC; and the two markets whose rule is simple."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time
from typing import Final, Self

import numpy as np
import pandas as pd
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.model.time_range import NS_PER_S

__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "Change",
    "Schedule",
    "Times",
    "forex_week",
    "local_ns",
    "round_the_clock",
]

Times = NDArray[np.int64]
FIRST_YEAR: Final = 1970
# Far enough for any request that can be asked; a fixed end needs no clock.
LAST_YEAR: Final = 2050
_DAY_NS: Final = 86_400 * NS_PER_S


@frozen
class Change:
    """What an exchange did on one trading date otherwise than its usual hours; times are local."""

    day: date
    opens: time | None = None
    closes: time | None = None
    is_shut: bool = False


@frozen(eq=False)
class Schedule:
    """Hours of each trading date, int64 UTC nanoseconds, ascending, one entry a date in every array.

    Parameters
    ----------
    days
        Trading dates, as 00:00 UTC. A session that opens on Sunday evening belongs to Monday's.
    opens, closes
        Regular trading, half-open.
    halts, resumes
        The break inside it; both equal to the close where there is none.
    early, late
        Start of trading before the open, end of trading after the close; equal to those where there is none.
    """

    days: Times
    opens: Times
    closes: Times
    halts: Times
    resumes: Times
    early: Times
    late: Times

    @classmethod
    def of(
        cls,
        days: Times,
        opens: Times,
        closes: Times,
        *,
        halts: Times | None = None,
        resumes: Times | None = None,
        early: Times | None = None,
        late: Times | None = None,
    ) -> Self:
        """Hours with what is left out filled in; a break that touches an end of the session is none."""
        halts, resumes = (closes, closes) if halts is None or resumes is None else (halts, resumes)
        # A close inside the break means that trading did not come back after it.
        closes = np.where((opens < halts) & (halts < closes) & (closes <= resumes), halts, closes)
        split = (opens < halts) & (halts < resumes) & (resumes < closes)
        return cls(
            days,
            opens,
            closes,
            np.where(split, halts, closes),
            np.where(split, resumes, closes),
            opens if early is None else np.minimum(early, opens),
            closes if late is None else np.maximum(late, closes),
        )

    def sessions(self, *, early: bool = False, late: bool = False) -> tuple[Times, Times]:
        """Starts and ends of stretches without a break, ascending.

        Parameters
        ----------
        early, late
            Whether trading before the open and after the close belongs to the session.
        """
        starts, ends = self.early if early else self.opens, self.late if late else self.closes
        split = self.halts < self.resumes
        firsts = np.where(split, self.halts, ends)
        order = np.argsort(np.concatenate((starts, self.resumes[split])), kind="stable")
        all_starts = np.concatenate((starts, self.resumes[split]))[order]
        return all_starts, np.concatenate((firsts, ends[split]))[order]

    def changed(self, changes: Iterable[Change], zone: str) -> Self:
        """The schedule with some dates put right; a change of a date that it does not have is ignored."""
        known = {change.day: change for change in changes}
        wanted = np.array(list(known), dtype="datetime64[D]").astype(np.int64) * _DAY_NS
        told = list(known.values())
        place = np.minimum(np.searchsorted(self.days, wanted), len(self.days) - 1)
        hits = np.flatnonzero(self.days[place] == wanted).tolist()
        opens, closes = self.opens.copy(), self.closes.copy()
        keep = np.ones(len(self.days), dtype=bool)
        for hit in hits:
            at, change = place[hit], told[hit]
            keep[at] = not change.is_shut
            if change.opens is not None:
                opens[at] = local_ns(self.days[at : at + 1], change.opens, zone)[0]
            if change.closes is not None:
                closes[at] = local_ns(self.days[at : at + 1], change.closes, zone)[0]
        return self._with(opens, closes, keep)

    def _with(self, opens: Times, closes: Times, keep: NDArray[np.bool_]) -> Self:
        # Trading outside regular hours goes with the hours that it adjoins.
        early = np.where(self.early == self.opens, opens, self.early)
        late = np.where(self.late == self.closes, closes, self.late)
        columns = (self.days, opens, closes, self.halts, self.resumes, early, late)
        days, opens, closes, halts, resumes, early, late = (column[keep] for column in columns)
        return type(self).of(days, opens, closes, halts=halts, resumes=resumes, early=early, late=late)


def local_ns(days: Times, moment: time, zone: str) -> Times:
    """UTC nanoseconds of a local time on each day; the time must exist there on every one of them."""
    wall = days + ((moment.hour * 60 + moment.minute) * 60) * NS_PER_S
    stamps = pd.DatetimeIndex(wall.astype("datetime64[ns]")).tz_localize(zone).as_unit("ns")
    return np.asarray(stamps.asi8, dtype=np.int64)


def forex_week() -> Schedule:
    """Sunday 17:00 to Friday 17:00 New York, a trading date each 24 hours; holidays are not told."""
    days = _all_days()
    days = days[np.is_busday(days.astype("datetime64[ns]").astype("datetime64[D]"))]
    five = time(17)
    opens = local_ns(days - _DAY_NS, five, "America/New_York")
    return Schedule.of(days, opens, local_ns(days, five, "America/New_York"))


def round_the_clock() -> Schedule:
    """Every day of the year, from midnight to midnight UTC."""
    days = _all_days()
    return Schedule.of(days, days, days + _DAY_NS)


def _all_days() -> Times:
    days = np.arange(f"{FIRST_YEAR}-01-01", f"{LAST_YEAR + 1}-01-01", dtype="datetime64[D]")
    return days.astype(np.int64) * _DAY_NS
