"""Defects of the older implementation that archives had a part in; each came back once too often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from binance.venues import DAY, HOUR, MINUTE, NOW, Desk, Venues, check_frame, make_rows, sources, utc
from dsm_binance.emulator import Emulator, Fault
from dsm_core.errors import AllSourcesFailedError
from torture.archive_files import DAY_START, MEMBER, csv_of, good_zip, serve_folder, zip_of
from torture.scale import count

MIDNIGHT = utc(2024, 6, 12)
STEPS = {"1s": timedelta(seconds=1), "1m": MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "4h": 4 * HOUR}


@pytest.fixture(scope="module")
def calendar() -> Iterator[Emulator]:
    with Emulator(now=NOW) as venue:
        yield venue


def test_a_file_whose_checksum_failed_is_never_used(venues: Venues, desk: Desk, tmp_path: Path) -> None:
    """Its rows can be read well: only the checksum tells that they are not what was published."""
    folder = serve_folder(tmp_path / "files", good_zip(), "0" * 64)
    manager = desk.manager(venues(data=[folder], rest=False), provider="binance")
    with pytest.raises(AllSourcesFailedError):
        manager.get_data("BTCUSDT", DAY_START, DAY_START + DAY - HOUR, "1h", enforce_source="vision")
    assert not list((tmp_path / "cache").rglob("*.arrow")), "a refused row is in the cache"
    venue = venues()
    for number in range(count(2, 12)):
        start = DAY_START - number * DAY
        fault = Fault("bad-checksum", f"{start:%Y-%m-%d}", times=None)
        spoiled = venues(faults=[fault])
        data = desk.manager(spoiled, provider="binance", cache_dir=tmp_path / f"cache{number}").query(
            "BTCUSDT", start, start + DAY - HOUR, "1h"
        )
        assert sources(data) == ["rest"]
        assert len(data) == 24
    assert venue.requests == []


@pytest.mark.parametrize("interval", STEPS)
@pytest.mark.parametrize("source", ["vision", "rest", "auto"])
def test_the_bar_of_midnight_is_there(
    interval: str, source: str, calendar: Emulator, desk: Desk, tmp_path: Path
) -> None:
    """It opens a day's file, and ends a range that somebody took for exclusive."""
    step, manager = STEPS[interval], desk.manager(calendar, provider="binance")
    beside = 3 * step
    spans = [(MIDNIGHT - beside, MIDNIGHT + beside), (MIDNIGHT - beside, MIDNIGHT), (MIDNIGHT, MIDNIGHT)]
    for start, end in spans:
        frame = manager.get_data("BTCUSDT", start, end, interval, enforce_source=source)
        check_frame(frame)
        expected = pd.date_range(start, end, freq=step)
        assert list(frame.index) == list(expected)
    whole = manager.get_data("BTCUSDT", "2024-06-11", "2024-06-12", interval, enforce_source="cache",
                             on_gaps="ignore")  # fmt: skip
    assert MIDNIGHT in whole.index


def _mondays(start: datetime, end: datetime) -> list[datetime]:
    days = [start + i * DAY for i in range((end - start) // DAY)]
    return [day for day in days if day.weekday() == 0]


def _firsts(start: datetime, end: datetime) -> list[datetime]:
    days = [start + i * DAY for i in range((end - start) // DAY)]
    return [day for day in days if day.day == 1]


@pytest.mark.parametrize("source", ["vision", "rest"])
@pytest.mark.parametrize(("interval", "opens"), [("1w", _mondays), ("1M", _firsts)])
def test_weeks_open_on_mondays_and_months_on_firsts(
    interval: str, opens: Any, source: str, calendar: Emulator, desk: Desk
) -> None:
    """The epoch was a Thursday, and months have no length: neither is a number of seconds."""
    start, end = utc(2021), utc(2024, 4)
    manager = desk.manager(calendar, provider="binance")
    frame = manager.get_data("BTCUSDT", start, end - HOUR, interval, enforce_source=source)
    check_frame(frame)
    assert list(frame.index) == opens(start, end)
    closes = [*frame.index[1:], None]
    for opened, closed, after in zip(frame.index, frame["close_time"], closes, strict=True):
        assert opened < closed
        assert after is None or closed == after - pd.Timedelta(1, "ms")


def test_a_row_of_another_day_never_stands_in_for_one_that_is_missing(
    venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    """A day's file that repeats the day before is not that day."""
    body = zip_of((MEMBER, csv_of(make_rows(DAY_START - DAY, 24))))
    venue = venues(data=[serve_folder(tmp_path / "files", body)], rest=False)
    manager = desk.manager(venue, provider="binance")
    asked = {"interval": "1h", "enforce_source": "vision", "on_gaps": "ignore"}
    with pytest.raises(AllSourcesFailedError):
        manager.get_data("BTCUSDT", DAY_START, DAY_START + DAY - HOUR, **asked)
    assert manager.get_data("BTCUSDT", DAY_START - DAY, DAY_START - HOUR, **asked).empty
