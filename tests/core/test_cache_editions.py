"""An answer that takes the place of an object's older edition frees what that one brought, and no more."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from core.cache_series import DAY, FUNDING, HOUR, MINUTE, at, entry, key_of, rows_of, table_of
from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.model.coverage import WITHDRAWN, LedgerEntry, Origin
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES, ChartSchema

KEY, START = key_of("1m"), at(2024, 1, 31, 23, 55)
SPAN = TimeRange(START - DAY, START + DAY)
OLD, NEW = (Origin(url="https://archive.example/a.zip", sha256=digit * 64) for digit in "12")
NOW = at(2026, 1, 1)


def told(start: int, end: int, origin: Origin, **given: object) -> LedgerEntry:
    return evolve(entry(start, end), origin=origin, **given)


def bars(first: int, count: int, value: float, origin: Origin) -> CacheBatch:
    rows = {START + (first + i) * MINUTE: value for i in range(count)}
    span = (START + first * MINUTE, START + (first + count) * MINUTE)
    return CacheBatch(table=table_of(rows), entries=(told(*span, origin),))


def write(store: CacheStore, *batches: CacheBatch, schema: ChartSchema = KLINES, key: object = KEY) -> None:
    store.write(key, schema, batches, now=NOW)  # type: ignore[arg-type]


def closes(store: CacheStore) -> list[float]:
    """Value of each of the ten minutes around the turn of the month; 0 where there is none."""
    found = rows_of(store.read(KEY, KLINES, SPAN).table, "close")
    return [found.get(START + i * MINUTE, 0.0) for i in range(10)]


def gone(first: int, count: int) -> LedgerEntry:
    span = (START + first * MINUTE, START + (first + count) * MINUTE)
    return told(*span, NEW, state="confirmed", reason=WITHDRAWN)


def edition(first: int, count: int, value: float, *absences: LedgerEntry) -> CacheBatch:
    batch = bars(first, count, value, NEW)
    return evolve(batch, entries=(*batch.entries, *absences), replaces=frozenset([OLD]))


def test_rows_of_the_older_edition_go_also_those_that_the_new_one_lacks(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    write(store, bars(0, 10, 1.0, OLD))
    # The two months are two files.
    write(store, edition(0, 4, 2.0, gone(4, 6)))
    assert closes(store) == [2.0] * 4 + [0.0] * 6
    ledger = CacheStore(tmp_path).read(KEY, KLINES, SPAN).ledger
    assert {(e.state, e.reason, e.origin) for e in ledger} == {
        ("rows", None, NEW),
        ("confirmed", WITHDRAWN, NEW),
    }


def test_rows_of_other_origin_stay(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    write(store, bars(0, 10, 1.0, OLD))
    write(store, bars(2, 2, 3.0, Origin()), bars(8, 1, 4.0, evolve(OLD, sha256="9" * 64)))
    write(store, edition(0, 7, 2.0, gone(7, 3)))
    assert closes(store) == [2.0, 2.0, 3.0, 3.0, 2.0, 2.0, 2.0, 0.0, 4.0, 0.0]


def test_an_absence_without_an_edition_removes_nothing(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    write(store, bars(0, 10, 1.0, OLD))
    write(store, evolve(edition(0, 4, 2.0, gone(4, 6)), replaces=frozenset()))
    assert closes(store) == [2.0] * 4 + [1.0] * 6


def test_what_another_process_brought_meanwhile_stays(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    write(store, bars(0, 10, 1.0, OLD))
    late = edition(0, 10, 2.0)
    newest = evolve(NEW, sha256="3" * 64)
    write(CacheStore(tmp_path), evolve(bars(0, 5, 5.0, newest), replaces=frozenset([OLD])))
    write(store, late)
    assert closes(store) == [5.0] * 5 + [2.0] * 5


def test_an_edition_without_a_row_leaves_its_absences(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    write(store, bars(0, 10, 1.0, OLD))
    empty = evolve(edition(0, 0, 2.0), entries=(gone(0, 10),))
    write(store, empty)
    assert closes(store) == [0.0] * 10
    assert store.read(KEY, KLINES, SPAN).ledger.ranges().span == TimeRange(START, START + 10 * MINUTE)


def test_events_of_the_older_edition_go(tmp_path: Path) -> None:
    key, store = key_of(None), CacheStore(tmp_path)
    times = [START + i * 8 * HOUR for i in range(4)]
    span = (START - 8 * HOUR, START + 40 * HOUR)
    first = CacheBatch(table=table_of(dict.fromkeys(times, 1.0), FUNDING), entries=(told(*span, OLD),))
    write(store, first, schema=FUNDING, key=key)
    rows = table_of(dict.fromkeys([times[0], times[3]], 2.0), FUNDING)
    second = CacheBatch(table=rows, entries=(told(*span, NEW),), replaces=frozenset([OLD]))
    write(store, second, schema=FUNDING, key=key)
    found = store.read(key, FUNDING, TimeRange(*span)).table
    assert rows_of(found, "funding_rate") == {times[0]: 2.0, times[3]: 2.0}
