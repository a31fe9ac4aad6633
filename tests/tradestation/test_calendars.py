"""Exchange hours against what the exchanges published; local times, checked by hand.

Sources: CME Group press releases of 2018-12-02 and 2024-12-30 (days of mourning), DTN's schedules of
Presidents' Day 2023 and Independence Day 2024, NYSE's holiday pages, and the radio notice of June 2022 that
grain and livestock markets are shut on Juneteenth. 2026-04-03 is a Good Friday with an employment report.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dsm_core.errors import ConfigError
from dsm_tradestation.calendars import schedule_of
from dsm_tradestation.schedule import Schedule
from tradestation.wall_clock import CHICAGO, NEW_YORK, days, ns

EQUITY, RATES, FX = "CME_Equity", "CME Globex Fixed Income", "CMEGlobex_FX"
ENERGY, GRAINS, LIVESTOCK = "CMEGlobex_EnergyAndMetals", "CMEGlobex_Grains", "CMEGlobex_Livestock"
HOURS = [
    ("NYSE", "2024-03-08", "09:30-16:00"),
    ("NYSE", "2024-03-11", "09:30-16:00"),
    ("NYSE", "2024-07-03", "09:30-13:00"),
    ("NYSE", "2024-11-29", "09:30-13:00"),
    ("NYSE", "2024-12-24", "09:30-13:00"),
    ("NYSE", "2025-11-28", "09:30-13:00"),
    ("NYSE", "2026-12-24", "09:30-13:00"),
    (EQUITY, "2024-03-11", "17:00-16:00"),
    (EQUITY, "2024-11-04", "17:00-16:00"),
    (EQUITY, "2024-01-15", "17:00-12:00"),
    (EQUITY, "2024-06-19", "17:00-12:00"),
    (EQUITY, "2024-07-03", "17:00-12:15"),
    (EQUITY, "2024-07-04", "17:00-12:00"),
    (EQUITY, "2024-11-28", "17:00-12:00"),
    (EQUITY, "2024-11-29", "17:00-12:15"),
    (EQUITY, "2024-12-24", "17:00-12:15"),
    (EQUITY, "2024-12-26", "17:00-16:00"),
    (EQUITY, "2018-12-05", "17:00-08:30"),
    (EQUITY, "2025-01-09", "17:00-08:30"),
    (EQUITY, "2026-04-03", "17:00-08:15"),
    (EQUITY, "2021-06-25", "17:00-15:15 15:30-16:00"),
    (EQUITY, "2021-06-28", "17:00-16:00"),
    (EQUITY, "2012-11-16", "15:30-15:15"),
    (RATES, "2024-07-03", "17:00-16:00"),
    (RATES, "2024-07-04", "17:00-12:00"),
    (RATES, "2024-11-29", "17:00-12:15"),
    (RATES, "2025-01-09", "17:00-12:15"),
    (FX, "2024-07-04", "17:00-16:00"),
    (FX, "2025-01-09", "17:00-16:00"),
    (ENERGY, "2024-06-19", "17:00-13:30"),
    (ENERGY, "2024-07-04", "17:00-13:30"),
    (ENERGY, "2024-11-28", "17:00-13:30"),
    (ENERGY, "2024-11-29", "17:00-12:45"),
    (ENERGY, "2024-12-24", "17:00-12:45"),
    (ENERGY, "2025-01-09", "17:00-16:00"),
    (GRAINS, "2024-03-11", "19:00-07:45 08:30-13:20"),
    (GRAINS, "2023-02-21", "19:00-07:45 08:30-13:20"),
    (GRAINS, "2024-07-05", "08:30-13:20"),
    (GRAINS, "2024-11-29", "08:30-12:05"),
    (GRAINS, "2024-12-24", "19:00-07:45 08:30-12:05"),
    (GRAINS, "2024-12-26", "08:30-13:20"),
    (GRAINS, "2025-01-02", "08:30-13:20"),
    (GRAINS, "2025-01-09", "19:00-07:45 08:30-12:15"),
    (LIVESTOCK, "2024-03-11", "08:30-13:05"),
    (LIVESTOCK, "2024-11-29", "08:30-12:05"),
    ("FOREX", "2024-03-11", "17:00-17:00"),
]
SHUT = [
    ("NYSE", "2022-06-20 2024-01-15 2024-03-29 2024-06-19 2024-07-04 2024-11-28 2024-12-25 2025-01-09"),
    ("NYSE", "2018-12-05 2025-04-18 2025-06-19 2026-04-03 2026-06-19 2026-07-03"),
    (EQUITY, "2024-03-29 2024-12-25 2025-01-01 2025-04-18"),
    (RATES, "2018-12-05 2024-03-29 2024-12-25 2025-04-18"),
    (FX, "2024-03-29 2024-12-25 2025-04-18"),
    (ENERGY, "2024-03-29 2024-12-25 2026-04-03"),
    (GRAINS, "2022-06-20 2023-02-20 2024-06-19 2024-07-04 2024-11-28 2024-12-25 2026-04-03 2026-06-19"),
    (LIVESTOCK, "2022-06-20 2024-06-19 2024-07-04 2024-11-28 2026-07-03"),
    ("FOREX", "2024-03-09 2024-03-10"),
]


def the(name: str) -> Schedule:
    schedule = schedule_of(name)
    assert schedule is not None
    return schedule


def hours(name: str, day: str) -> str:
    """Stretches of a trading date, in local time."""
    schedule = the(name)
    at = np.flatnonzero(schedule.days == ns(day))
    if not len(at):
        return "shut"
    zone = ZoneInfo(NEW_YORK if name in ("NYSE", "FOREX") else CHICAGO)

    def local(times: np.ndarray) -> str:
        return f"{datetime.fromtimestamp(int(times[at[0]]) // 10**9, UTC).astimezone(zone):%H:%M}"

    first = f"{local(schedule.opens)}-{local(schedule.halts)}"
    second = f" {local(schedule.resumes)}-{local(schedule.closes)}"
    return first if schedule.halts[at[0]] == schedule.resumes[at[0]] else first + second


@pytest.mark.parametrize(("name", "day", "expected"), HOURS)
def test_an_exchange_kept_its_published_hours(name: str, day: str, expected: str) -> None:
    assert hours(name, day) == expected


@pytest.mark.parametrize(("name", "dates"), SHUT)
def test_an_exchange_was_shut(name: str, dates: str) -> None:
    assert {day: hours(name, day) for day in dates.split()} == dict.fromkeys(dates.split(), "shut")


@pytest.mark.parametrize(
    ("year", "count"),
    [(2019, 252), (2020, 253), (2021, 252), (2022, 251), (2023, 250), (2024, 252), (2025, 250)],
)
def test_new_york_has_as_many_trading_days_as_its_exchange_held(year: int, count: int) -> None:
    schedule = the("NYSE")
    inside = (schedule.days >= ns(f"{year}-01-01")) & (schedule.days < ns(f"{year + 1}-01-01"))
    assert int(inside.sum()) == count


@pytest.mark.parametrize(
    ("day", "early", "late"),
    [("2024-03-11", "04:00", "20:00"), ("2024-11-29", "04:00", "17:00"), ("2024-12-24", "04:00", "17:00")],
)
def test_trading_outside_the_regular_session_ends_three_hours_sooner_on_a_half_day(
    day: str, early: str, late: str
) -> None:
    schedule = the("NYSE")
    at = int(np.flatnonzero(schedule.days == ns(day))[0])
    assert int(schedule.early[at]) == ns(f"{day} {early}", NEW_YORK)
    assert int(schedule.late[at]) == ns(f"{day} {late}", NEW_YORK)


def test_round_the_clock_has_every_day_whole() -> None:
    schedule = the("24/7")
    inside = (schedule.days >= ns("2024-02-26")) & (schedule.days < ns("2024-03-04"))
    wanted = [ns(f"{day}") for day in days("2024-02-26", "2024-03-03")]
    assert schedule.opens[inside].tolist() == wanted
    assert (schedule.closes - schedule.opens == 86_400 * 10**9).all()


@pytest.mark.parametrize("name", ["NYSE", EQUITY, RATES, FX, ENERGY, GRAINS, LIVESTOCK, "FOREX", "24/7"])
def test_sessions_of_every_calendar_follow_each_other(name: str) -> None:
    for outside in (False, True):
        starts, ends = the(name).sessions(early=outside, late=outside)
        assert (starts < ends).all()
        assert (ends[:-1] <= starts[1:]).all()


def test_an_alias_of_the_library_has_the_same_corrections() -> None:
    assert np.array_equal(the("CBOT_Equity").closes, the(EQUITY).closes)
    assert np.array_equal(the("CL").closes, the(ENERGY).closes)


def test_none_is_no_calendar() -> None:
    assert schedule_of("none") is None


def test_a_calendar_that_does_not_exist_is_named_with_the_nearest_ones() -> None:
    with pytest.raises(ConfigError, match=r"'CME_Equty'.*CME_Equity.*'none'"):
        schedule_of("CME_Equty")


def test_a_calendar_is_made_once_for_all_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(schedule_of, ["CMEGlobex_Oilseeds"] * 32))
    assert len({id(schedule) for schedule in made}) == 1


PRELUDE = """
import logging, sys
from dsm_tradestation.calendars import schedule_of
from dsm_tradestation.grids import grid_of
from dsm_tradestation.instruments import read_instrument
from dsm_core.model.interval import Interval
logging.basicConfig(stream=sys.stdout, level="WARNING", format="%(levelname)s %(message)s")
def known(market, symbol, *intervals):
    instrument = read_instrument(market, symbol)
    grids = [grid_of(instrument, Interval(i), "Default", {}) for i in intervals]
    print(symbol, *[grid is not None for grid in grids])
"""
QUESTIONS = """
known("equities", "MSFT", "1m", "1d", "1w", "1M")
known("futures", "@ES", "1h", "1d", "1w", "1M")
known("forex", "EURUSD", "1h", "1d", "1w", "1M")
known("crypto", "BTCUSD", "7m", "1d", "1w", "1M")
known("options", "AAPL 210129C137", "1m", "1d", "1w", "1M")
"""
WITHOUT = [
    "MSFT False False True True",
    "@ES False False True True",
    "EURUSD True True True True",
    "BTCUSD True True True True",
    "AAPL 210129C137 False False False False",
]


def printed(script: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=folder, timeout=60
    )
    return done.stdout.splitlines()


def test_without_the_library_bars_are_unknown_where_only_it_knows_them(tmp_path: Path) -> None:
    gone = "import sys; sys.modules['pandas_market_calendars'] = None\n"
    assert printed(gone + PRELUDE + QUESTIONS, tmp_path) == WITHOUT


CONFIGURED = """
from dsm_core.config import check_config
from dsm_tradestation.config import TradeStationConfig
def check(**calendars):
    given = {"providers": {"tradestation": {"calendars": calendars}}}
    print(*check_config(given, {"tradestation": TradeStationConfig}, env={}))
check(MSFT="none", ES="24/7", SB="FOREX")
check(MSFT="NYSE")
"""


def test_without_the_library_a_configured_calendar_is_refused_with_the_extra(tmp_path: Path) -> None:
    gone = "import sys; sys.modules['pandas_market_calendars'] = None\n"
    fine, refused = printed(gone + CONFIGURED, tmp_path)
    assert fine == ""
    assert "MSFT: calendar 'NYSE' cannot be had" in refused
    assert 'pip install "dsm-tradestation[calendars]"' in refused


# One that breaks, and one that has other names.
@pytest.mark.parametrize("names", [["NYSE", "CME_Equity"], []])
def test_a_library_that_fails_is_told_of_once_and_is_as_good_as_none(
    names: list[str], tmp_path: Path
) -> None:
    (tmp_path / "pandas_market_calendars.py").write_text(
        f"def get_calendar_names(): return {names}\n"
        "def get_calendar(name): raise AttributeError('schedule of ' + name)\n"
    )
    path = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    lines = printed(path + PRELUDE + QUESTIONS + QUESTIONS, tmp_path)
    assert [line for line in lines if "WARNING" not in line] == WITHOUT * 2
    assert [line for line in lines if "WARNING" in line] == [
        "WARNING calendar_failed calendar=NYSE error=AttributeError('schedule of NYSE')",
        "WARNING calendar_failed calendar=CME_Equity error=AttributeError('schedule of CME_Equity')",
    ]
