"""Full disks, read-only disks, and things in the wrong place: rows come all the same, and nothing is lost."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cache_series import DAY, MINUTE, minutes, rows_of
from dsm_core.cache import CacheBatch, CacheStore, DocumentStore
from dsm_core.cache.opened import OPENED
from dsm_core.errors import CacheUnavailableError, CacheWarning
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES
from plugins.venues import Server
from torture.cache_acts import FEBRUARY, KEY, LATER
from torture.disks import filled, read_only, small_disk
from torture.minute_venue import day, minute_manager, minute_venue, wrong_rows
from torture.scale import count
from torture.tally import tally

EVERYTHING = TimeRange(FEBRUARY - 40 * DAY, FEBRUARY + 40 * DAY)
PAGE = 4096


@pytest.fixture(scope="module")
def venue() -> Iterator[Server]:
    with minute_venue() as server:
        yield server


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as place:
        yield place


def rows(store: CacheStore) -> dict[int, float]:
    OPENED.reset()
    return rows_of(store.read(KEY, KLINES, EVERYTHING).table, "close")


def littered(store: CacheStore) -> list[Path]:
    return list(store.root.rglob("*.tmp"))


def problem_of(store: CacheStore, batch: CacheBatch) -> str | None:
    """Write; what was wrong, if anything."""
    try:
        store.write(KEY, KLINES, [batch], now=FEBRUARY - 1)
    except CacheUnavailableError as error:
        return str(error)
    return None


def test_a_full_disk_keeps_the_old_content_wherever_the_room_ends(disk: Path) -> None:
    store = CacheStore(disk / "cache")
    store.write(KEY, KLINES, [minutes(FEBRUARY - DAY, 400, value=1.0)], now=FEBRUARY - 1)
    old = rows(store)
    refused = 0
    sizes = range(0, 40 * PAGE, PAGE * count(3, 1))
    for left in sizes:
        new = minutes(FEBRUARY - DAY + 200 * MINUTE, 400, value=float(left + 2))
        after = old | rows_of(new.table, "close")
        with filled(disk, left):
            problem = problem_of(store, new)
            assert rows(store) == (old if problem else after)
            assert littered(store) == []
        assert problem is None or "No space left" in problem
        refused += problem is not None
        store.write(KEY, KLINES, [new], now=FEBRUARY - 1)
        old = after
        assert rows(store) == old
    assert 0 < refused < len(sizes)
    tally("disk full during a write", injected=len(sizes), survived=len(sizes))


def test_a_fold_that_finds_no_room_loses_nothing_and_is_done_later(disk: Path) -> None:
    store = CacheStore(disk / "cache")
    for number in range(3):
        batch = minutes(FEBRUARY - (number + 1) * DAY, 200, value=float(number))
        store.write(KEY, KLINES, [batch], now=FEBRUARY - 1)
    old = rows(store)
    with filled(disk, 3 * PAGE):
        with pytest.raises(CacheUnavailableError, match="No space left"):
            store.fold(KEY, KLINES, now=LATER)
        assert rows(store) == old
        assert littered(store) == []
    assert store.fold(KEY, KLINES, now=LATER) == 1
    assert rows(store) == old
    assert [path.name for path in store.root.rglob("*.arrow")] == ["2024-01.arrow"]
    tally("disk full during a fold", injected=1, survived=1)


def test_a_call_delivers_every_row_though_the_disk_is_full(disk: Path, venue: Server) -> None:
    with minute_manager(venue, disk / "cache") as manager:
        with filled(disk, 0), pytest.warns(CacheWarning, match="No space left"):
            assert wrong_rows(day(manager)) == 0
        assert wrong_rows(day(manager)) == 0
        asked = len(venue.asked)
        assert wrong_rows(day(manager)) == 0
        assert len(venue.asked) == asked
    tally("disk full during a call", injected=1, survived=1)


def test_a_read_only_cache_answers_and_is_told_of(disk: Path, venue: Server) -> None:
    with minute_manager(venue, disk / "cache") as manager:
        assert wrong_rows(day(manager)) == 0
        (file,) = disk.rglob("*.arrow")
        with read_only(disk):
            OPENED.reset()
            asked = len(venue.asked)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert wrong_rows(day(manager)) == 0
            assert len(venue.asked) == asked
            with pytest.warns(CacheWarning, match="[Rr]ead-only"):
                frame = manager.get_data("ETHUSDT", "2024-06-01", "2024-06-01", "1m")
            assert wrong_rows(frame) == 0
        assert file.exists()
    tally("read-only disk", injected=2, survived=2)


def test_a_damaged_file_on_a_read_only_disk_stays_and_is_no_row(disk: Path, venue: Server) -> None:
    with minute_manager(venue, disk / "cache") as manager:
        day(manager)
        (file,) = disk.rglob("*.arrow")
        data = bytearray(file.read_bytes())
        data[5000] ^= 4
        file.write_bytes(data)
        with read_only(disk):
            OPENED.reset()
            with pytest.warns(CacheWarning):
                assert wrong_rows(day(manager)) == 0
        assert file.exists()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CacheWarning)
            assert wrong_rows(day(manager)) == 0
        assert file.with_name(f"{file.name}.corrupt").exists()
    tally("damage on a read-only disk", injected=1, survived=1)


def replaced_by_a_folder(file: Path, _: Path) -> None:
    file.unlink()
    (file / "inside").mkdir(parents=True)


def folder_replaced_by_a_file(file: Path, _: Path) -> None:
    folder = file.parent
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("in the way")


def folder_that_leads_out(file: Path, outside: Path) -> None:
    file.parent.rename(outside / "moved")
    file.parent.symlink_to(outside / "moved")


def replaced_by_a_pipe(file: Path, _: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize(
    "spoil", [replaced_by_a_folder, replaced_by_a_pipe, folder_replaced_by_a_file, folder_that_leads_out]
)
def test_what_is_in_the_way_costs_no_row_and_is_told_of(spoil, tmp_path: Path, venue: Server) -> None:  # type: ignore[no-untyped-def]
    outside = tmp_path / "outside"
    outside.mkdir()
    with minute_manager(venue, tmp_path / "cache") as manager:
        day(manager)
    (file,) = (tmp_path / "cache").rglob("*.arrow")
    spoil(file, outside)
    before = sorted((path, path.lstat().st_mtime_ns) for path in outside.rglob("*"))
    OPENED.reset()
    with minute_manager(venue, tmp_path / "cache") as manager, pytest.warns(CacheWarning):
        assert wrong_rows(day(manager)) == 0
    assert sorted((path, path.lstat().st_mtime_ns) for path in outside.rglob("*")) == before
    tally(f"in the way: {spoil.__name__.replace('_', ' ')}", injected=1, survived=1)


def test_a_file_that_is_a_link_out_of_the_cache_is_never_written_through(tmp_path: Path) -> None:
    store = CacheStore(tmp_path / "cache")
    store.write(KEY, KLINES, [minutes(FEBRUARY, 5, value=1.0)], now=LATER)
    (file,) = store.root.rglob("*.arrow")
    elsewhere = file.rename(tmp_path / "elsewhere.arrow")
    file.symlink_to(elsewhere)
    held = elsewhere.read_bytes()
    store.write(KEY, KLINES, [minutes(FEBRUARY, 2, value=7.0)], now=LATER)
    assert list(rows(store).values()) == [7, 7, 1, 1, 1]
    assert not file.is_symlink()
    file.unlink()
    file.symlink_to(elsewhere)
    store.prune(max_bytes=1)
    store.clear()
    assert elsewhere.read_bytes() == held
    tally("a file that is a link out", injected=3, survived=3)


def test_use_is_recorded_on_a_disk_that_records_none(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", more="noatime") as disk:
        store, documents = CacheStore(disk / "cache"), DocumentStore(disk / "cache")
        store.write(KEY, KLINES, [minutes(FEBRUARY, 5)], now=LATER)
        documents.write(("binance", "symbols"), [1], fetched=1)
        files = [*store.root.rglob("*.arrow"), *store.root.rglob("*.json")]
        long_ago = time.time_ns() - 9 * DAY
        for file in files:
            os.utime(file, ns=(long_ago, long_ago))
        store.ls()
        store.documents()
        assert [file.stat().st_atime_ns for file in files] == [long_ago, long_ago]
        assert len(rows(store)) == 5
        assert documents.read(("binance", "symbols")) is not None
        assert all(file.stat().st_atime_ns > long_ago + 8 * DAY for file in files)
        assert all(file.stat().st_mtime_ns == long_ago for file in files)
    tally("a disk that records no use", injected=1, survived=1)
