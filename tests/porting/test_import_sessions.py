"""Files of bars of an exchange's sessions come in as the series of the configuration has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.sessions_venue import SessionVenue, grid_of, utc
from dsm_core import DataSourceManager
from dsm_core.cache import CacheStore
from dsm_core.errors import RequestError
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange, to_ns
from dsm_core.plugins.registry import default_registry
from dsm_core.porting import import_csv

KEY = SeriesKey.parse("bourse/equities/klines/SPY/1h")
SATURDAY = utc(2026, 11, 28, 12)
WEEK = TimeRange(to_ns(utc(2026, 11, 23)), to_ns(utc(2026, 11, 28)))


@pytest.fixture
def venue() -> Iterator[SessionVenue]:
    with SessionVenue(SATURDAY) as venue, default_registry.registered("bourse", venue.client()):
        yield venue


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    return CacheStore(tmp_path / "cache")


def written(folder: Path, opens: list[int], at: datetime) -> Path:
    """A CSV file of bars, last written at that time."""
    path = folder / "bars.csv"
    lines = [f"{t // 10**9},1.0,2.0,0.5,1.5,10.0" for t in opens]
    path.write_text("\n".join(["open_time,open,high,low,close,volume", *lines]) + "\n", encoding="utf-8")
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def test_a_week_of_a_file_is_served_without_a_request(
    venue: SessionVenue, store: CacheStore, tmp_path: Path
) -> None:
    path = written(tmp_path, grid_of("1h").slots(WEEK).tolist(), SATURDAY)
    done = import_csv(store, path, KEY, now=to_ns(SATURDAY))
    assert (str(done.key), done.rows, done.unfinished) == (f"{KEY};hours=regular", 25, 0)
    config = {"http": {"state_dir": str(tmp_path / "state")}, "cache": {"dir": str(store.root)}}
    with DataSourceManager("equities", provider="bourse", config=config, clock=lambda: venue.now) as manager:
        data = manager.query("SPY", "2026-11-23", "2026-11-29", "1h", on_gaps="raise_any")
    assert (len(data), data.requests, venue.taken()) == (25, 0, [])
    assert data.to_pandas()["close_time"].max() == utc(2026, 11, 27, 17, 59, 59, 999_000)


def test_only_a_bar_that_was_open_when_the_file_was_written_is_left_out(
    venue: SessionVenue, store: CacheStore, tmp_path: Path
) -> None:
    opens = grid_of("1h").slots(WEEK).tolist()
    path = written(tmp_path, opens, utc(2026, 11, 27, 17, 45))
    done = import_csv(store, path, KEY, now=to_ns(SATURDAY))
    assert (done.rows, done.unfinished) == (24, 1)


def test_a_bar_that_the_session_does_not_have_is_refused(
    venue: SessionVenue, store: CacheStore, tmp_path: Path
) -> None:
    opens = [to_ns(datetime(2026, 11, 26, 15, 30, tzinfo=UTC))]
    with pytest.raises(RequestError, match="off the grid"):
        import_csv(store, written(tmp_path, opens, SATURDAY), KEY, now=to_ns(SATURDAY))


def test_a_series_without_a_calendar_takes_no_file(
    venue: SessionVenue, store: CacheStore, tmp_path: Path
) -> None:
    key = SeriesKey.parse("bourse/equities/klines/UNKNOWN.HOURS/1h")
    path = written(tmp_path, grid_of("1h").slots(WEEK).tolist(), SATURDAY)
    with pytest.raises(RequestError, match="no series of bars on a grid"):
        import_csv(store, path, key, now=to_ns(SATURDAY))
