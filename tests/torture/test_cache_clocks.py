"""Clocks that go back, file times that mean nothing, and formats of another time."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.cache_series import DAY, minutes, rows_of
from dsm_core.cache import CacheStore, repair
from dsm_core.cache.file import encode, peek
from dsm_core.cache.header import Header
from dsm_core.cache.opened import OPENED
from dsm_core.errors import CacheWarning, IncompleteDataWarning
from dsm_core.model.time_range import TimeRange
from dsm_core.plugins.schemas import schema_of
from dsm_core.schema.chart_type import KLINES
from plugins.venues import Server
from torture.cache_acts import FEBRUARY, KEY, LATER
from torture.minute_venue import NOW, day, minute_manager, minute_venue, wrong_rows
from torture.scale import count
from torture.tally import tally

STEPS = count(30, 400)
MONTH = TimeRange(FEBRUARY, FEBRUARY + 29 * DAY)
CENTURY_NS = 100 * 365 * DAY


@pytest.fixture(scope="module")
def venue() -> Iterator[Server]:
    with minute_venue() as server:
        yield server


def closed(label: str, now: datetime) -> int:
    """Bars of a day that have closed by then."""
    past = now - datetime.fromisoformat(f"{label}T00:00:00+00:00")
    return max(0, min(1440, past // timedelta(minutes=1)))


def test_a_clock_that_jumps_costs_no_row_and_brings_none_of_the_future(tmp_path: Path, venue: Server) -> None:
    chosen, now, lost = random.Random(3), NOW, 0
    with minute_manager(venue, tmp_path / "cache", clock=lambda: now) as manager:
        for _ in range(STEPS):
            now = datetime(2024, 5, 1, tzinfo=UTC) + timedelta(minutes=chosen.randrange(90 * 1440))
            label = f"2024-{chosen.choice((5, 6)):02d}-{chosen.randrange(1, 30):02d}"
            with warnings.catch_warnings():
                # What has not closed yet is a gap.
                warnings.simplefilter("ignore", IncompleteDataWarning)
                lost += wrong_rows(day(manager, label), label, closed(label, now))
        store = CacheStore(tmp_path / "cache")
        assert all(problem is None for _, problem in store.verify())
        now = datetime(2024, 12, 1, tzinfo=UTC)
        held = [wrong_rows(day(manager, f"2024-05-{n:02d}"), f"2024-05-{n:02d}") for n in range(1, 30)]
    tally("clock set back and forth", injected=STEPS, survived=STEPS, rows_lost=lost + sum(held))
    assert lost + sum(held) == 0


@pytest.mark.parametrize("when", [0, FEBRUARY, FEBRUARY + CENTURY_NS], ids=["epoch", "one", "future"])
def test_file_times_mean_nothing(when: int, tmp_path: Path, venue: Server) -> None:
    with minute_manager(venue, tmp_path / "cache") as manager:
        for label in ("2024-05-30", "2024-06-01", "2024-06-02"):
            day(manager, label)
        asked = len(venue.asked)
        for path in (tmp_path / "cache").rglob("*"):
            os.utime(path, ns=(when, when))
        for _ in range(2):
            for label in ("2024-05-30", "2024-06-01", "2024-06-02"):
                assert wrong_rows(day(manager, label), label) == 0
            OPENED.reset()
        assert len(venue.asked) == asked
        manager.update()
        assert wrong_rows(day(manager)) == 0
    tally("file times changed", injected=1, survived=1)


def of_format(version: int, file: Path) -> bytes:
    """A cache file as a DSM of that format might write it: whole, with a right checksum."""
    old = peek(str(file))
    assert isinstance(old, Header)
    names = ("key", "period", "generation", "rows", "first", "last", "ledger")
    facts = {name: getattr(old, name) for name in names}
    return b"".join(encode(minutes(FEBRUARY, 5).table, Header(**facts, format=version)))


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    store = CacheStore(tmp_path / "cache")
    store.write(KEY, KLINES, [minutes(FEBRUARY, 5)], now=LATER)
    return store


@pytest.fixture
def file(store: CacheStore) -> Path:
    (path,) = store.root.rglob("*.arrow")
    return path


@pytest.mark.parametrize("version", [2, 99, 10**6])
def test_a_format_from_the_future_survives_whatever_is_done(
    version: int, store: CacheStore, file: Path
) -> None:
    data = of_format(version, file)
    file.write_bytes(data)
    OPENED.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheWarning)
        assert len(store.read(KEY, KLINES, MONTH).table) == 0
        store.write(KEY, KLINES, [minutes(FEBRUARY, 9, value=5.0)], now=LATER)
        store.fold(KEY, KLINES, now=LATER)
    done = repair(store, schema_of, now=LATER)
    assert (done.set_aside, [path for path, _ in done.left]) == ((), [file])
    store.prune(max_bytes=1)
    store.clear()
    assert file.read_bytes() == data
    assert [path.name for path in file.parent.iterdir() if path.suffix != ".lock"] == [file.name]
    tally("format from the future", injected=6, survived=6)


def test_a_series_is_cleared_and_its_files_from_the_future_stay(store: CacheStore, file: Path) -> None:
    data = of_format(2, file)
    file.write_bytes(data)
    store.write(KEY, KLINES, [minutes(FEBRUARY - DAY, 5)], now=LATER)
    OPENED.reset()
    done = store.clear()
    assert (done.series, done.files, done.newer) == (1, 1, 1)
    assert list(store.root.rglob("*.arrow")) == [file]
    assert file.read_bytes() == data
    tally("format from the future", injected=1, survived=1)


@pytest.mark.parametrize("version", [0, -1])
def test_a_format_from_the_past_is_a_gap_and_makes_way(version: int, store: CacheStore, file: Path) -> None:
    data = of_format(version, file)
    file.write_bytes(data)
    OPENED.reset()
    with pytest.warns(CacheWarning, match=f"its format is {version}"):
        assert len(store.read(KEY, KLINES, MONTH).table) == 0
    with pytest.warns(CacheWarning, match="outdated"):
        store.write(KEY, KLINES, [minutes(FEBRUARY, 9, value=5.0)], now=LATER)
    assert set(rows_of(store.read(KEY, KLINES, MONTH).table, "close").values()) == {5.0}
    assert file.with_name(f"{file.name}.outdated").read_bytes() == data
    tally("format from the past", injected=1, survived=1)
