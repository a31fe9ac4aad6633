"""What the store tells of each series without reading it as a reader does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.cache_series import DAY, HOUR, MINUTE, at, entry, key_of, minutes, table_of
from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES

JANUARY = at(2024, 1, 1)
FEBRUARY = at(2024, 2, 1)
LATER = at(2026, 1, 1)
KEY = key_of()


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    return CacheStore(tmp_path / "cache")


def mixed(start: int) -> CacheBatch:
    """Six bars, of which the last two came from REST, and a confirmed hole."""
    told = (
        entry(start, start + 4 * MINUTE),
        entry(start + 4 * MINUTE, start + 6 * MINUTE, source="rest"),
        entry(start + 6 * MINUTE, start + 9 * MINUTE, "confirmed", source="rest"),
    )
    return CacheBatch(table=table_of({start + i * MINUTE: 1.0 for i in range(6)}), entries=told)


def test_a_ledger_is_what_a_reader_sees(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 5), mixed(FEBRUARY), minutes(LATER, 2)], now=LATER + HOUR)
    (known,) = store.ledgers()
    assert known.ledger == store.read(KEY, KLINES, TimeRange(JANUARY, LATER + DAY)).ledger
    assert known.summary == store.ls()[0]
    assert known.rows_by_source == {"vision": 11, "rest": 2}


def test_only_series_that_are_asked_for_are_told_of(store: CacheStore) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        store.write(key_of(symbol=symbol), KLINES, [minutes(JANUARY, 2)], now=LATER)
    assert [k.summary.key.symbol for k in store.ledgers(lambda key: key.symbol != "BTCUSDT")] == ["ETHUSDT"]


def test_leftovers_of_a_fold_cut_short_count_for_nothing(store: CacheStore, tmp_path: Path) -> None:
    day = JANUARY + 9 * DAY
    store.write(KEY, KLINES, [mixed(day)], now=day + HOUR)
    (fine,) = store.root.rglob("*.arrow")
    shutil.copy(fine, tmp_path / fine.name)
    store.write(KEY, KLINES, [minutes(day, 6)], now=LATER)
    shutil.copy(tmp_path / fine.name, fine)
    (known,) = store.ledgers()
    assert known.summary.files == 2
    assert known.rows_by_source == {"vision": 6}
    assert known.ledger == store.read(KEY, KLINES, TimeRange(JANUARY, FEBRUARY)).ledger


def test_files_that_tell_nothing_are_passed_over(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 2), minutes(FEBRUARY, 2)], now=LATER)
    first, second = sorted(store.root.rglob("*.arrow"))
    first.write_bytes(b"not Arrow")
    second.rename(second.with_name("2024-03.arrow"))
    assert list(store.ledgers()) == []


def test_rows_of_a_damaged_file_are_not_counted(store: CacheStore) -> None:
    store.write(KEY, KLINES, [mixed(JANUARY)], now=LATER)
    (path,) = store.root.rglob("*.arrow")
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    (known,) = store.ledgers()
    assert known.rows_by_source == {}


def test_an_empty_cache_has_no_ledgers(store: CacheStore) -> None:
    assert list(store.ledgers()) == []


def test_a_file_that_vanishes_is_looked_for_again(store: CacheStore) -> None:
    day = JANUARY + 9 * DAY
    store.write(KEY, KLINES, [minutes(day, 3)], now=day + HOUR)
    folded = False

    def keep(_: object) -> bool:
        nonlocal folded
        if not folded:
            folded = True
            store.fold(KEY, KLINES, now=LATER)
        return True

    (known,) = store.ledgers(keep)
    assert known.rows_by_source == {"vision": 3}
    assert known.summary.path.joinpath("2024-01.arrow").exists()
