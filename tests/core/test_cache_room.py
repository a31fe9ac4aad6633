"""Making room: the least recently used goes first, whole, and nothing that is in use."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core.cache_series import DAY, HOUR, MINUTE, at, key_of, minutes, rows_of
from dsm_core.cache import CacheStore, DocumentStore
from dsm_core.cache.evict import _take, _units
from dsm_core.cache.file import encode, peek
from dsm_core.cache.header import Header
from dsm_core.cache.in_use import MARKS, TOUCH_NS, Marks, unmarked
from dsm_core.cache.limit import SizeLimit
from dsm_core.errors import CacheUnavailableError, CacheWarning
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES

JANUARY = at(2024, 1, 1)
MONTHS = [at(2024, month, 1) for month in range(1, 7)]
LATER = at(2026, 1, 1)
YEAR = TimeRange(JANUARY, at(2025, 1, 1))
KEY = key_of()
LONG_AGO = 30 * DAY


def age(path: Path, ago: int) -> None:
    """Let a file have been used last so long ago."""
    then = time.time_ns() - ago
    os.utime(path, ns=(then, then))


def fill(store: CacheStore, key: SeriesKey = KEY, months: int = 4) -> list[Path]:
    """Months of one series, the first of them used longest ago; gives their files."""
    store.write(key, KLINES, [minutes(start, 50) for start in MONTHS[:months]], now=LATER)
    files = sorted((store.root / "binance/spot/klines" / key.symbol / "1m").glob("*.arrow"))
    for number, file in enumerate(files):
        age(file, LONG_AGO - number * DAY)
    return files


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    return CacheStore(tmp_path / "cache")


def names(store: CacheStore) -> list[str]:
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*.arrow"))


def size(store: CacheStore) -> int:
    return sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())


def test_what_was_used_longest_ago_goes_first_and_no_more_than_must(store: CacheStore) -> None:
    files = fill(store)
    one = files[0].stat().st_size
    done = store.prune(max_bytes=size(store) - one)
    assert (done.files, done.bytes, done.in_use, done.bytes_left) == (1, one, 0, size(store))
    assert not files[0].exists()
    assert len(names(store)) == 3


def used(path: Path, ago: int) -> int:
    """Let a file have been used last so long ago, and be the file it was; gives that time."""
    then = time.time_ns() - ago
    os.utime(path, ns=(then, path.stat().st_mtime_ns))
    return path.stat().st_atime_ns


def test_a_read_counts_as_use_and_is_recorded_once_an_hour(store: CacheStore) -> None:
    files = fill(store)
    january = TimeRange(MONTHS[0], MONTHS[1])
    store.read(KEY, KLINES, january)
    before = files[0].stat()
    # It is open and checked by now, so that the system sees no read.
    then = used(files[0], LONG_AGO)
    store.read(KEY, KLINES, january)
    after = files[0].stat()
    assert after.st_atime_ns - then > LONG_AGO - HOUR
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    recent = used(files[0], TOUCH_NS // 2)
    store.read(KEY, KLINES, january)
    assert files[0].stat().st_atime_ns == recent
    store.prune(max_bytes=size(store) - 1)
    assert files[0].exists()
    assert not files[1].exists()


def test_a_look_into_a_cache_to_read_from_is_no_use_of_it(store: CacheStore, tmp_path: Path) -> None:
    file, *_ = fill(store)
    mine = CacheStore(tmp_path / "mine", read_from=[store.root])
    assert len(mine.read(KEY, KLINES, YEAR).table)
    then = used(file, LONG_AGO)
    assert len(mine.read(KEY, KLINES, YEAR).table)
    assert file.stat().st_atime_ns == then


def test_what_was_used_or_written_since_the_look_stays(store: CacheStore) -> None:
    fill(store)
    read, written, *_ = sorted(_units(str(store.root)), key=lambda unit: unit.used)
    store.read(KEY, KLINES, TimeRange(MONTHS[0], MONTHS[1]))
    store.write(KEY, KLINES, [minutes(MONTHS[1], 60)], now=LATER)
    for unit in (read, written):
        assert _take(str(store.root), unit, time.time_ns(), is_dry=False) is False
    assert len(names(store)) == 4


def test_a_large_file_stays_readable_to_who_has_it(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 20_000)], now=LATER)
    table = store.read(KEY, KLINES, YEAR).table
    assert store.prune(max_bytes=1).files == 1
    assert set(rows_of(table, "close").values()) == {1.0}
    assert len(store.read(KEY, KLINES, YEAR).table) == 0


def test_looking_at_a_cache_is_no_use(store: CacheStore) -> None:
    file, *_ = fill(store)
    then = file.stat().st_atime_ns
    assert all(problem is None for _, problem in store.verify())
    store.ls()
    list(store.ledgers())
    assert file.stat().st_atime_ns == then


def test_a_clock_that_was_ahead_makes_no_file_the_newest_for_good(store: CacheStore) -> None:
    ahead, behind, *_ = fill(store)
    age(ahead, -1000 * DAY)
    store.read(KEY, KLINES, TimeRange(MONTHS[0], MONTHS[1]))
    assert abs(ahead.stat().st_atime_ns - time.time_ns()) < HOUR
    store.prune(max_bytes=size(store) - 1)
    assert ahead.exists()
    assert not behind.exists()


def test_what_was_removed_is_unknown_and_not_absent(store: CacheStore) -> None:
    fill(store, months=2)
    store.prune(unused_since=time.time_ns() - LONG_AGO + HOUR)
    held = store.read(KEY, KLINES, YEAR)
    assert held.damaged == ()
    assert min(e.start for e in held.ledger) == MONTHS[1]
    assert min(rows_of(held.table, "close")) == MONTHS[1]


def test_an_age_is_a_bound_of_its_own(store: CacheStore) -> None:
    files = fill(store)
    done = store.prune(unused_since=time.time_ns() - LONG_AGO + DAY + HOUR)
    assert done.files == 2
    assert [file.exists() for file in files] == [False, False, True, True]
    assert store.prune(unused_since=time.time_ns() - LONG_AGO).files == 0


def test_a_dry_run_removes_nothing(store: CacheStore) -> None:
    fill(store)
    before = names(store)
    done = store.prune(max_bytes=1, is_dry=True)
    assert (done.files, names(store)) == (4, before)


def test_an_emptied_series_leaves_no_folder_and_no_lock(store: CacheStore) -> None:
    fill(store)
    assert store.prune(max_bytes=1).files == 4
    assert list(store.root.rglob("*")) == []
    fill(store)
    assert len(names(store)) == 4


def test_documents_and_files_set_aside_count_and_go(store: CacheStore) -> None:
    documents = DocumentStore(store.root)
    documents.write(("binance", "spot", "symbols"), ["x" * 1000], fetched=1)
    document = store.root / "binance/spot/symbols.json"
    file, *_ = fill(store, months=1)
    aside = file.rename(file.with_name(f"{file.name}.corrupt"))
    held = store.prune(max_bytes=10**9)
    assert held.bytes_left == document.stat().st_size + aside.stat().st_size
    age(document, 2 * LONG_AGO)
    assert store.prune(max_bytes=held.bytes_left - 1).files == 1
    assert (document.exists(), aside.exists()) == (False, True)
    assert store.prune(max_bytes=1).files == 1
    assert list(store.root.rglob("*")) == []


def test_a_document_that_is_read_is_used(store: CacheStore) -> None:
    documents = DocumentStore(store.root)
    documents.write(("binance", "symbols"), [1], fetched=1)
    document = store.root / "binance/symbols.json"
    then = used(document, LONG_AGO)
    store.documents()
    assert document.stat().st_atime_ns == then
    assert documents.read(("binance", "symbols")) is not None
    assert document.stat().st_atime_ns > then


def test_leftovers_of_a_fold_go_with_their_coarse_file(store: CacheStore) -> None:
    day = minutes(JANUARY, 5, value=1.0)
    store.write(KEY, KLINES, [day], now=JANUARY + DAY)
    (fine,) = store.root.rglob("*.arrow")
    leftover = fine.read_bytes()
    store.write(KEY, KLINES, [minutes(JANUARY, 5, value=2.0)], now=LATER)
    fine.write_bytes(leftover)
    coarse = fine.with_name("2024-01.arrow")
    age(coarse, LONG_AGO)
    age(fine, LONG_AGO)
    # Alone the old rows would be believed again.
    assert store.prune(max_bytes=coarse.stat().st_size).files == 2
    assert names(store) == []


def test_a_series_that_somebody_uses_stays(store: CacheStore) -> None:
    files = fill(store)
    other = key_of("1m", "ETHUSDT")
    (spare,) = fill(store, other, months=1)
    with store.using(KEY):
        done = store.prune(max_bytes=1)
        assert (done.files, done.in_use) == (1, 4)
        assert all(file.exists() for file in files)
        assert not spare.exists()
    assert store.prune(max_bytes=1).files == 4


def test_a_series_that_begins_while_it_is_used_is_kept_too(store: CacheStore) -> None:
    with store.using(KEY):
        files = fill(store)
        assert store.prune(max_bytes=1).files == 0
        assert all(file.exists() for file in files)


def test_very_many_series_in_use_take_few_descriptors(store: CacheStore) -> None:
    keys = [key_of("1m", f"S{number}") for number in range(300)]
    for key in keys:
        (store.root / "binance/spot/klines" / key.symbol / "1m").mkdir(parents=True)
    files = fill(store)
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    with store.using(*keys, KEY):
        after = len(os.listdir("/proc/self/fd")) if before else 0
        assert after - before < 200
        assert store.prune(max_bytes=1).files == 0
        assert all(file.exists() for file in files)
    assert MARKS.is_idle


def test_a_writer_at_work_is_not_waited_for(store: CacheStore) -> None:
    files = fill(store)
    from dsm_core.cache.folder import SeriesFolder  # noqa: PLC0415
    from dsm_core.cache.period import PeriodKind, parse_period  # noqa: PLC0415

    folder = SeriesFolder(str(files[0].parent), PeriodKind.MONTH)
    january = parse_period("2024-01")
    assert january is not None
    with folder.lock(january):
        done = store.prune(max_bytes=1)
    assert (done.files, done.in_use) == (3, 1)
    assert files[0].exists()


def test_a_mark_ends_with_its_last_user(tmp_path: Path) -> None:
    marks = Marks()
    with marks.using(str(tmp_path), str(tmp_path)):
        with marks.using(str(tmp_path), str(tmp_path)), unmarked(str(tmp_path)) as is_free:
            assert is_free is False
        with unmarked(str(tmp_path)) as is_free:
            assert is_free is False
    with unmarked(str(tmp_path)) as is_free:
        assert is_free is True


def test_what_a_newer_dsm_wrote_is_left_alone(store: CacheStore) -> None:
    file, other, *_ = fill(store)
    old = peek(str(file))
    assert isinstance(old, Header)
    facts = {n: getattr(old, n) for n in ("key", "period", "generation", "rows", "first", "last", "ledger")}
    file.write_bytes(b"".join(encode(minutes(JANUARY, 50).table, Header(**facts, format=99))))
    age(file, 2 * LONG_AGO)
    assert store.prune(max_bytes=1).files == 3
    assert file.exists()
    assert not other.exists()


def test_files_that_are_not_the_caches_stay(store: CacheStore) -> None:
    file, *_ = fill(store)
    mine = [file.with_name("notes.txt"), file.with_name("mine.arrow"), store.root / "README"]
    for path in mine:
        path.write_text("mine")
    store.prune(max_bytes=1)
    assert all(path.exists() for path in mine)
    assert not file.exists()


def test_a_link_out_of_the_cache_is_not_followed(store: CacheStore, tmp_path: Path) -> None:
    elsewhere = CacheStore(tmp_path / "elsewhere")
    files = fill(elsewhere)
    store.root.mkdir()
    (store.root / "binance").symlink_to(elsewhere.root / "binance")
    assert store.prune(max_bytes=1).files == 0
    assert all(file.exists() for file in files)


def test_a_store_with_a_limit_makes_room_after_a_write(tmp_path: Path) -> None:
    files = fill(CacheStore(tmp_path / "cache"))
    one = files[0].stat().st_size
    store = CacheStore(tmp_path / "cache", max_bytes=4 * one + one // 2)
    store.write(KEY, KLINES, [minutes(MONTHS[4], 50)], now=LATER)
    held = sum(path.stat().st_size for path in store.root.rglob("*.arrow"))
    assert held <= 4 * one + one // 2
    assert not files[0].exists()
    assert (files[0].parent / "2024-05.arrow").exists()


def test_room_is_made_once_what_was_in_use_no_longer_is(tmp_path: Path) -> None:
    store = CacheStore(tmp_path / "cache", max_bytes=1000)
    with store.using(KEY):
        files = fill(store)
        store.make_room()
        assert all(file.exists() for file in files)
    store.make_room()
    assert names(store) == []
    store.make_room()


def test_a_limit_does_not_look_after_every_write(tmp_path: Path) -> None:
    fill(CacheStore(tmp_path))
    limit = SizeLimit(str(tmp_path), 10**9)
    limit.add(1000)
    assert limit.keep() is not None
    limit.add(1000)
    assert limit.keep() is None
    limit.add(10**9)
    assert limit.keep() is not None


def test_a_limit_that_cannot_be_kept_fails_nobody(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    limit = SizeLimit(str(tmp_path / "cache"), 1)
    limit.add(5)
    assert limit.keep() is None
    assert SizeLimit(str(tmp_path), None).keep() is None


def test_a_prune_that_fails_says_so(store: CacheStore, tmp_path: Path) -> None:
    store.root.write_text("no folder")
    with pytest.raises(CacheUnavailableError, match="cannot be used"):
        store.prune(max_bytes=1)


def test_a_file_has_the_time_of_its_write_and_not_of_the_last_tick(store: CacheStore) -> None:
    for number in range(30):
        before = time.time_ns()
        store.write(KEY, KLINES, [minutes(JANUARY, 5, value=float(number))], now=LATER)
        (file,) = store.root.rglob("*.arrow")
        assert before <= file.stat().st_mtime_ns <= time.time_ns()


def test_a_removed_period_is_written_again_from_nothing(store: CacheStore) -> None:
    files = fill(store)
    assert store.prune(max_bytes=1).files == 4
    batch = minutes(JANUARY + MINUTE, 3, value=9.0)
    store.write(KEY, KLINES, [batch], now=LATER)
    assert files[0].exists()
    assert set(rows_of(store.read(KEY, KLINES, YEAR).table, "close").values()) == {9.0}


def test_of_what_was_used_in_the_same_hour_the_oldest_period_goes_first(store: CacheStore) -> None:
    files = fill(store)
    hour = (time.time_ns() - LONG_AGO) // HOUR * HOUR
    # As a fetch of a whole history leaves them, the newest end perhaps first.
    for minute, file in zip((40, 30, 20, 10), files, strict=True):
        os.utime(file, ns=(hour + minute * MINUTE,) * 2)
    assert store.prune(max_bytes=size(store) - files[0].stat().st_size).files == 1
    assert [file.exists() for file in files] == [False, True, True, True]


def test_a_limit_below_what_is_at_work_is_told_once_by_a_warning_and_each_time_by_the_store(
    tmp_path: Path,
) -> None:
    store = CacheStore(tmp_path / "cache", max_bytes=1000)
    with store.using(KEY):
        fill(store)
        for file in store.root.rglob("*.arrow"):
            age(file, 0)
    with pytest.warns(CacheWarning, match=r"cache\.max_size is 1\.0 kB; 0 B are held\. Raise it") as told:
        problem = store.make_room()
    assert len(told) == 1
    assert problem == str(told[0].message)
    assert problem.startswith("The cache has too little room: 4 files written or used within the hour")
    assert store.make_room() is None
    store.write(KEY, KLINES, [minutes(JANUARY, 50)], now=LATER)
    assert store.make_room() is not None


def test_what_goes_after_a_long_while_is_no_trouble(tmp_path: Path) -> None:
    fill(CacheStore(tmp_path / "cache"))
    old = sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*.arrow"))
    store = CacheStore(tmp_path / "cache", max_bytes=old)
    store.write(KEY, KLINES, [minutes(MONTHS[4], 50)], now=LATER)
    assert store.make_room() is None
    assert len(names(store)) < 5
