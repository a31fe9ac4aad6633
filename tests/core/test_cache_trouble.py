"""Damage, newer formats, full disks and folders that are not what they seem."""

from __future__ import annotations

import builtins
import errno
import os
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from core.cache_series import DAY, MINUTE, at, key_of, minutes, rows_of
from dsm_core.cache import CacheStore, folder
from dsm_core.cache.file import encode, peek
from dsm_core.cache.header import Header
from dsm_core.cache.opened import OPENED, OpenedFiles
from dsm_core.errors import CacheUnavailableError, CacheWarning
from dsm_core.model.coverage import NOT_FETCHED
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES, ChartSchema

JANUARY = at(2024, 1, 1)
MONTH = TimeRange(JANUARY, at(2024, 2, 1))
LATER = at(2026, 1, 1)
KEY = key_of()


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    store = CacheStore(tmp_path / "cache")
    store.write(KEY, KLINES, [minutes(JANUARY, 5)], now=LATER)
    return store


@pytest.fixture
def file(store: CacheStore) -> Path:
    (path,) = store.root.rglob("*.arrow")
    return path


def flip(path: Path, place: int = 700) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    OPENED.reset()


def count(store: CacheStore) -> int:
    return len(store.read(KEY, KLINES, MONTH).table)


def test_a_damaged_file_is_set_aside_told_once_and_healed(store: CacheStore, file: Path) -> None:
    for name in ("2024-01.arrow.corrupt", "2024-01.arrow.corrupt1"):
        flip(file)
        with pytest.warns(CacheWarning, match="checksum does not match") as told:
            found = store.read(KEY, KLINES, MONTH)
        assert len(told) == 1
        assert (len(found.table), found.ledger.entries, found.damaged) == (0, (), (file,))
        assert file.with_name(name).exists()
        assert store.read(KEY, KLINES, MONTH).damaged == ()
        store.write(KEY, KLINES, [minutes(JANUARY, 5)], now=LATER)
        assert count(store) == 5


def test_a_writer_sets_a_damaged_file_aside_too(store: CacheStore, file: Path) -> None:
    flip(file)
    with pytest.warns(CacheWarning, match="set aside"):
        store.write(KEY, KLINES, [minutes(JANUARY + DAY, 2)], now=LATER)
    assert count(store) == 2


def test_a_file_in_the_wrong_place_is_not_believed(store: CacheStore, file: Path) -> None:
    other = key_of("1m", "ETHUSDT")
    wrong = file.parents[2] / "ETHUSDT" / "1m"
    wrong.mkdir(parents=True)
    (wrong / file.name).write_bytes(file.read_bytes())
    file.rename(file.with_name("2024-02.arrow"))
    assert [problem is None for _, problem in store.verify()] == [False, False]
    with pytest.warns(CacheWarning, match="it holds 2024-01 of binance/spot/klines/BTCUSDT"):
        assert len(store.read(other, KLINES, MONTH).table) == 0
    with pytest.warns(CacheWarning, match="it holds 2024-01 of"):
        assert len(store.read(KEY, KLINES, TimeRange(MONTH.end, MONTH.end + DAY)).table) == 0


def test_a_damaged_file_of_another_cache_stays_where_it_is(
    store: CacheStore, file: Path, tmp_path: Path
) -> None:
    mine = CacheStore(tmp_path / "mine", read_from=[store.root])
    assert count(mine) == 5
    flip(file)
    with pytest.warns(CacheWarning):
        assert mine.read(KEY, KLINES, MONTH).damaged == (file,)
    assert count(mine) == 0
    assert file.exists()
    assert [problem for _, problem in store.verify()] == ["its checksum does not match its bytes"]
    assert not mine.root.exists()


def test_a_file_of_a_newer_format_is_left_alone(store: CacheStore, file: Path) -> None:
    table = minutes(JANUARY, 5).table
    old = peek(str(file))
    assert isinstance(old, Header)
    header = Header(
        **{name: getattr(old, name) for name in ("key", "period", "rows", "first", "last", "ledger")},
        generation=9,
        format=99,
    )
    file.write_bytes(b"".join(encode(table, header)))
    kept = file.read_bytes()
    with pytest.warns(CacheWarning, match="format is 99"):
        store.write(KEY, KLINES, [minutes(JANUARY, 1, value=7.0), minutes(MONTH.end, 1)], now=LATER)
    assert count(store) == 0
    assert file.read_bytes() == kept
    assert len(store.read(KEY, KLINES, TimeRange(MONTH.end, MONTH.end + DAY)).table) == 1
    assert store.ls()[0].files == 1


def test_rows_with_other_columns_are_kept_aside_not_mixed(store: CacheStore, file: Path) -> None:
    narrow = ChartSchema(KLINES.name, KLINES.kind, KLINES.index, KLINES.columns[:4])
    with pytest.warns(CacheWarning, match="columns"):
        assert len(store.read(KEY, narrow, MONTH).table) == 0
    assert file.exists()
    assert count(store) == 5
    batch = minutes(JANUARY, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheWarning)
        thin = type(batch)(table=batch.table.select(narrow.arrow().names), entries=batch.entries)
        store.write(KEY, narrow, [thin], now=LATER)
    assert len(store.read(KEY, narrow, MONTH).table) == 2
    assert file.with_name(file.name + ".outdated").exists()


def test_a_full_disk_keeps_the_old_file(
    store: CacheStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.open

    def full(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        opened = real(path, mode, *args, **kwargs)
        if "x" in mode:
            opened.close()
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened

    monkeypatch.setattr(folder, "open", full, raising=False)
    with pytest.raises(CacheUnavailableError, match="No space left") as caught:
        store.write(KEY, KLINES, [minutes(JANUARY + DAY, 2)], now=LATER)
    assert caught.value.details["errno"] == errno.ENOSPC
    assert count(store) == 5
    assert list(store.root.rglob("*.tmp")) == []
    monkeypatch.undo()
    store.write(KEY, KLINES, [minutes(JANUARY + DAY, 2)], now=LATER)
    assert count(store) == 7


@pytest.mark.parametrize("step", ["fsync", "replace", "mkdir"])
def test_a_step_that_fails_raises_one_error_and_harms_nothing(
    store: CacheStore, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(CacheUnavailableError, match="Input/output"):
        store.write(key_of("1h"), KLINES, [minutes(JANUARY, 2, step=60 * MINUTE)], now=LATER)
    assert list(store.root.rglob("*.tmp")) == []
    assert count(store) == 5


def test_a_file_that_became_a_folder_is_an_error_not_a_crash(store: CacheStore, file: Path) -> None:
    file.unlink()
    file.mkdir()
    with pytest.raises(CacheUnavailableError):
        store.read(KEY, KLINES, MONTH)
    with pytest.raises(CacheUnavailableError):
        store.write(KEY, KLINES, [minutes(JANUARY, 5)], now=LATER)


def test_a_folder_that_became_a_file_is_an_error_not_a_crash(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    root.write_text("not a folder")
    store = CacheStore(root)
    with pytest.raises(CacheUnavailableError):
        store.read(KEY, KLINES, MONTH)
    with pytest.raises(CacheUnavailableError):
        store.write(KEY, KLINES, [minutes(JANUARY, 5)], now=LATER)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_out_of_the_cache_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "cache"
    (root / "binance").mkdir(parents=True)
    (root / "binance" / "spot").symlink_to(outside)
    store = CacheStore(root)
    with pytest.raises(CacheUnavailableError, match="leads out"):
        store.read(KEY, KLINES, MONTH)
    with pytest.raises(CacheUnavailableError, match="leads out"):
        store.write(KEY, KLINES, [minutes(JANUARY, 5)], now=LATER)
    assert list(outside.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_made_later_is_refused_by_the_next_write(store: CacheStore, tmp_path: Path) -> None:
    series = store.root / "binance"
    series.rename(tmp_path / "elsewhere")
    series.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheUnavailableError, match="leads out"):
        store.write(KEY, KLINES, [minutes(JANUARY, 5)], now=LATER)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_the_root_itself_may_be_a_link(store: CacheStore, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(store.root)
    assert count(CacheStore(link)) == 5


def test_leftovers_of_dead_writers_are_swept(store: CacheStore, file: Path) -> None:
    for period in ("2024-01", "2024-03"):
        file.with_name(f".{period}.0011223344556677.tmp").write_bytes(b"half a file")
    store.write(KEY, KLINES, [minutes(JANUARY, 1)], now=LATER)
    assert list(store.root.rglob("*.tmp")) == []


def test_a_fold_between_look_and_open_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = CacheStore(tmp_path)
    store.write(KEY, KLINES, [minutes(JANUARY, 2), minutes(JANUARY + DAY, 2)], now=JANUARY + 2 * DAY)
    real = folder.SeriesFolder.find
    looks = []

    def find(self: folder.SeriesFolder, span: TimeRange) -> list[folder.Found]:
        found = real(self, span)
        looks.append(len(found))
        if len(looks) == 1:
            CacheStore(tmp_path).fold(KEY, KLINES, now=LATER)
        return found

    monkeypatch.setattr(folder.SeriesFolder, "find", find)
    OPENED.reset()
    assert count(store) == 4
    assert looks == [2, 1]


def test_leftovers_of_a_fold_cut_short_never_win_over_the_coarse_file(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    for value in (1.0, 2.0):
        store.write(KEY, KLINES, [minutes(JANUARY, 3, value=value)], now=JANUARY + DAY)
    (day,) = tmp_path.rglob("2024-01-01.arrow")
    leftover = day.read_bytes()
    store.write(KEY, KLINES, [minutes(JANUARY, 2, value=3.0)], now=LATER)
    day.write_bytes(leftover)
    # February has no file, so days are looked for, and those of January are seen.
    span = TimeRange(JANUARY, MONTH.end + DAY)
    assert list(rows_of(store.read(KEY, KLINES, span).table, "close").values()) == [3, 3, 2]
    store.write(KEY, KLINES, [minutes(JANUARY + DAY, 1)], now=LATER)
    assert not day.exists()
    assert list(rows_of(store.read(KEY, KLINES, span).table, "close").values()) == [3, 3, 2, 1]


def test_a_file_replaced_by_another_process_is_opened_anew(
    store: CacheStore, file: Path, tmp_path: Path
) -> None:
    assert count(store) == 5
    other = CacheStore(tmp_path / "other")
    other.write(KEY, KLINES, [minutes(JANUARY, 9)], now=LATER)
    (tmp_path / "other" / file.relative_to(store.root)).replace(file)
    assert count(store) == 9


def test_a_file_healed_meanwhile_is_not_set_aside(
    store: CacheStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = file.read_bytes()
    flip(file)
    real = folder.SeriesFolder.lock

    def lock(self: folder.SeriesFolder, *args: Any) -> Any:
        file.write_bytes(good)
        return real(self, *args)

    monkeypatch.setattr(folder.SeriesFolder, "lock", lock)
    with pytest.warns(CacheWarning):
        store.read(KEY, KLINES, MONTH)
    assert count(store) == 5
    assert [p.name for p in file.parent.iterdir() if p.suffix != ".lock"] == [file.name]


@pytest.mark.parametrize("days", [1, 200])
def test_a_fold_in_the_middle_of_a_look_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    store = CacheStore(tmp_path)
    store.write(KEY, KLINES, [minutes(JANUARY, 2)], now=JANUARY + DAY)
    real = os.stat
    folded = []

    def stat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        if str(path).endswith("2024-01-01.arrow") and not folded:
            folded.append(path)
            CacheStore(tmp_path).fold(KEY, KLINES, now=LATER)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", stat)
    span = TimeRange(JANUARY, JANUARY + days * DAY)
    assert len(store.read(KEY, KLINES, span).table) == 2
    assert folded


def test_files_that_keep_vanishing_are_an_error(store: CacheStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(OpenedFiles, "get", gone)
    with pytest.raises(CacheUnavailableError, match="kept vanishing"):
        store.read(KEY, KLINES, MONTH)


def test_opened_files_are_bounded_and_follow_replacement(store: CacheStore, file: Path) -> None:
    small = OpenedFiles(max_files=1, max_heap_bytes=1)
    found = folder.SeriesFolder(str(file.parent), folder.PeriodKind.MONTH).find(MONTH)[0]
    small.get(found.path, found.version, found.period, KEY, KLINES)
    assert len(small._files) == 0
    assert count(store) == 5
    CacheStore(store.root).write(KEY, KLINES, [minutes(JANUARY, 9, value=3.0)], now=LATER)
    assert rows_of(store.read(KEY, KLINES, MONTH).table, "close")[JANUARY] == 3.0
    assert count(store) == 9


def test_of_a_lost_footer_the_whole_period_is_wanted_and_nothing_else(store: CacheStore, file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)
    with pytest.warns(CacheWarning, match="set aside"):
        store.read(KEY, KLINES, MONTH)
    (told,) = store.read(KEY, KLINES, MONTH).ledger
    assert (told.start, told.end, told.state, told.reason) == (
        MONTH.start, MONTH.end, "provisional", NOT_FETCHED
    )  # fmt: skip
    assert [held.files for held in store.ls()] == [1]
    assert all(problem is None for _, problem in store.verify())


def test_of_an_open_period_only_what_has_passed_is_wanted(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    today = time.time_ns() // DAY * DAY
    store.write(KEY, KLINES, [minutes(today, 2)], now=today)
    (file,) = store.root.rglob("*.arrow")
    os.truncate(file, file.stat().st_size // 2)
    span = TimeRange(today, today + DAY)
    with pytest.warns(CacheWarning, match="set aside"):
        store.read(KEY, KLINES, span)
    after = time.time_ns()
    (told,) = store.read(KEY, KLINES, span).ledger
    assert told.start == today < told.end <= after
    assert [path.name for path in store.root.rglob("*.arrow")] == [file.name]
