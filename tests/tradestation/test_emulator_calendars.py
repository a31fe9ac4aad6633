"""The emulator's own hours against those of the calendar library, day by day: each can be found wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from dsm_tradestation.calendars import schedule_of
from dsm_tradestation.emulator import Listing, TradeStationEmulator
from dsm_tradestation.emulator.holidays import FIRST_YEAR, LAST_YEAR
from dsm_tradestation.emulator.hours import Hours, sessions_of
from tradestation.emulated import Caller

pytest.importorskip("pandas_market_calendars")

# Energy closes at 13:30 in Chicago on holidays since 2022; the library gives the old hours to these.
LIBRARY_ERRS = {
    "2022-09-05",
    "2023-09-04",
    "2024-09-02",
    "2025-09-01",
    "2026-06-19",
    "2026-07-03",
    "2026-11-27",
    "2027-09-06",
}


def emulated(hours: Hours, template: str = "Default") -> dict[str, tuple[int, ...]]:
    found = sessions_of(hours, template)
    days = found.dates.astype("datetime64[D]").astype(str)
    times = zip(found.opens, found.halts, found.resumes, found.closes, strict=True)
    return {day: tuple(int(at) for at in row) for day, row in zip(days, times, strict=True)}


def of_the_provider(calendar: str) -> dict[str, tuple[int, ...]]:
    found = schedule_of(calendar)
    assert found is not None
    days = (found.days // 86_400_000_000_000).astype("datetime64[D]").astype(str)
    halts, resumes = found.halts, found.resumes
    times = zip(found.opens, halts, resumes, found.closes, strict=True)
    return {
        day: tuple(int(at) // 1_000_000 for at in row)
        for day, row in zip(days, times, strict=True)
        if FIRST_YEAR <= int(day[:4]) <= LAST_YEAR
    }


@pytest.mark.parametrize(
    ("hours", "calendar", "apart"),
    [
        ("us_regular", "NYSE", set()),
        ("cme", "CME_Equity", set()),
        ("cme_rates", "CME Globex Fixed Income", set()),
        ("cme_energy", "CMEGlobex_EnergyAndMetals", LIBRARY_ERRS),
        ("forex", "FOREX", set()),
        ("crypto", "24/7", set()),
    ],
)
def test_the_providers_calendar_and_the_emulators_hours_agree_on_every_day(
    hours: Hours, calendar: str, apart: set[str]
) -> None:
    ours, theirs = emulated(hours), of_the_provider(calendar)
    assert len(ours) > 2000
    assert {day for day in ours.keys() | theirs.keys() if ours.get(day) != theirs.get(day)} == apart


@pytest.mark.parametrize(
    ("template", "early", "late"),
    [("USEQPre", True, False), ("USEQPost", False, True), ("USEQPreAndPost", True, True)],
)
def test_both_extend_a_stock_session_alike(template: str, early: bool, late: bool) -> None:
    schedule = schedule_of("NYSE")
    assert schedule is not None
    starts, ends = (times // 1_000_000 for times in schedule.sessions(early=early, late=late))
    ours = sessions_of("us_equities", template)
    covered = (starts >= ours.opens[0]) & (starts <= ours.opens[-1])
    assert (starts[covered] == ours.opens).all()
    assert (ends[covered] == ours.closes).all()


def test_stock_index_futures_paused_before_the_settlement_until_2021() -> None:
    listing = Listing("@ES", "FUTURE", price=4000, increment="0.25")
    with TradeStationEmulator(listings=[listing], now=datetime(2022, 1, 1, tzinfo=UTC)) as venue:
        caller = Caller(venue)
        for day, tail in (("24", ["15:00", "15:15", "16:00"]), ("28", ["15:00", "16:00"])):
            rows = caller.minutes("@ES", 60, f"2021-06-{day}T19:30:00Z", f"2021-06-{day}T21:00:00Z")
            # Chicago is five hours behind in June.
            assert [f"{int(row['TimeStamp'][11:13]) - 5}{row['TimeStamp'][13:16]}" for row in rows] == tail
        [daily] = caller.bars("@ES", unit="Daily", firstdate="2021-06-24T12:00:00Z", lastdate="2021-06-25")
        minutes = caller.minutes("@ES", 1, "2021-06-23T22:00:30Z", "2021-06-24T21:00:00Z")
    assert len(minutes) == 23 * 60 - 15
    assert sum(row["TotalTicks"] for row in minutes) == daily["TotalTicks"]


def test_the_years_covered_are_whole() -> None:
    for hours in ("us_equities", "us_regular", "cme", "cme_rates", "cme_energy", "forex", "crypto"):
        found: Any = sessions_of(hours)
        assert (np.diff(found.opens) > 0).all()
        assert (found.opens[1:] >= found.closes[:-1]).all()
        first, last = (date.fromisoformat(str(np.datetime64(int(found.dates[row]), "D"))) for row in (0, -1))
        assert first <= date(FIRST_YEAR, 1, 2)
        assert last >= date(LAST_YEAR, 12, 31)
