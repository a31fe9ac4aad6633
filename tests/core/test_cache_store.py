"""What the store promises, case by case."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from core.cache_series import (
    DAY,
    FUNDING,
    HOUR,
    MINUTE,
    SECOND,
    at,
    entry,
    key_of,
    minutes,
    rows_of,
    table_of,
)
from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.errors import SchemaMismatchError
from dsm_core.events import CacheWritten, Event, EventBus
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES

JANUARY = at(2024, 1, 1)
FEBRUARY = at(2024, 2, 1)
LATER = at(2026, 1, 1)
KEY = key_of()


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    return CacheStore(tmp_path / "cache")


def names(store: CacheStore) -> list[str]:
    return sorted(p.name for p in store.root.rglob("*.arrow"))


def close(store: CacheStore, start: int, end: int) -> dict[int, float]:
    return rows_of(store.read(KEY, KLINES, TimeRange(start, end)).table, "close")


def states(store: CacheStore, start: int, end: int) -> list[tuple[int, int, str]]:
    ledger = store.read(KEY, KLINES, TimeRange(start, end)).ledger
    return [((e.start - start) // MINUTE, (e.end - start) // MINUTE, e.state) for e in ledger]


def test_an_empty_cache_has_the_shape_and_makes_no_folder(store: CacheStore) -> None:
    found = store.read(KEY, KLINES, TimeRange(JANUARY, FEBRUARY), columns=["close"])
    assert found.table.schema == pa.schema([KLINES.arrow().field("open_time"), KLINES.arrow().field("close")])
    assert (len(found.table), found.ledger.entries, found.damaged) == (0, (), ())
    assert not store.has_rows_before(KEY, KLINES, FEBRUARY)
    assert store.fold(KEY, KLINES, now=LATER) == 0
    store.write(KEY, KLINES, [], now=LATER)
    assert store.ls() == []
    assert not store.root.exists()


def test_rows_and_ledger_are_cut_to_the_span(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 10)], now=LATER)
    assert list(close(store, JANUARY + 3 * MINUTE, JANUARY + 5 * MINUTE)) == [
        JANUARY + 3 * MINUTE,
        JANUARY + 4 * MINUTE,
    ]
    assert states(store, JANUARY + 3 * MINUTE, JANUARY + 5 * MINUTE) == [(0, 2, "rows")]
    assert states(store, JANUARY + 8 * MINUTE, JANUARY + 20 * MINUTE) == [(0, 2, "rows")]


def test_columns_come_in_the_order_asked_for_after_the_index(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 2)], now=LATER)
    found = store.read(KEY, KLINES, TimeRange(JANUARY, FEBRUARY), columns=["volume", "open_time", "open"])
    assert found.table.column_names == ["open_time", "volume", "open"]


def test_an_open_month_lives_in_days_and_folds_at_the_next_write(store: CacheStore) -> None:
    day = JANUARY + 9 * DAY
    store.write(KEY, KLINES, [minutes(day, 3), minutes(day + DAY, 3)], now=day + DAY)
    assert names(store) == ["2024-01-10.arrow", "2024-01-11.arrow"]
    store.write(KEY, KLINES, [minutes(FEBRUARY, 1)], now=FEBRUARY + HOUR)
    assert names(store) == ["2024-01.arrow", "2024-02-01.arrow"]
    assert len(close(store, JANUARY, FEBRUARY + DAY)) == 7


def test_fold_joins_what_has_closed_and_says_how_much(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 3), minutes(FEBRUARY, 3)], now=JANUARY)
    assert store.fold(KEY, KLINES, now=FEBRUARY - 1) == 0
    assert store.fold(KEY, KLINES, now=FEBRUARY) == 1
    assert names(store) == ["2024-01.arrow", "2024-02-01.arrow"]
    assert store.fold(KEY, KLINES, now=LATER) == 1
    assert store.fold(KEY, KLINES, now=LATER) == 0


def test_open_periods_of_every_length(store: CacheStore) -> None:
    for interval, step in (("1s", SECOND), ("1h", HOUR)):
        batch = minutes(JANUARY, 2, step=step)
        store.write(key_of(interval), KLINES, [batch], now=JANUARY + 2 * step)
    rows = table_of({JANUARY + 7: 0.1}, FUNDING)
    told = CacheBatch(table=rows, entries=(entry(JANUARY, JANUARY + DAY),))
    store.write(key_of(None), FUNDING, [told], now=JANUARY + DAY)
    assert names(store) == ["2024-01-01T00.arrow", "2024-01.arrow", "2024-01.arrow"]


def test_a_step_back_of_the_clock_does_not_split_a_closed_month(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 3)], now=LATER)
    store.write(KEY, KLINES, [minutes(JANUARY + DAY, 3)], now=JANUARY + 2 * DAY)
    assert names(store) == ["2024-01.arrow"]


def test_rows_replace_inside_what_they_cover_and_nowhere_else(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 6, value=1.0)], now=LATER)
    table = table_of({JANUARY + i * MINUTE: 2.0 for i in range(6)})
    told = entry(JANUARY + 2 * MINUTE, JANUARY + 4 * MINUTE, source="rest")
    store.write(KEY, KLINES, [CacheBatch(table=table, entries=(told,))], now=LATER)
    assert list(close(store, JANUARY, FEBRUARY).values()) == [1, 1, 2, 2, 1, 1]


def test_rows_that_a_newer_answer_lacks_go(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 3)], now=LATER)
    table = table_of({JANUARY: 2.0})
    told = (entry(JANUARY, JANUARY + 2 * MINUTE), entry(JANUARY + 2 * MINUTE, JANUARY + 3 * MINUTE))
    store.write(KEY, KLINES, [CacheBatch(table=table, entries=told)], now=LATER)
    assert close(store, JANUARY, FEBRUARY) == {JANUARY: 2.0}


def test_an_absence_removes_no_row(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 3)], now=LATER)
    absent = entry(JANUARY - MINUTE, JANUARY + 5 * MINUTE, "confirmed")
    store.write(KEY, KLINES, [CacheBatch(table=table_of({}), entries=(absent,))], now=LATER)
    assert len(close(store, JANUARY, FEBRUARY)) == 3
    assert states(store, JANUARY, FEBRUARY) == [(0, 3, "rows"), (3, 5, "confirmed")]
    assert names(store) == ["2023-12.arrow", "2024-01.arrow"]


def test_a_week_across_new_year_makes_no_file_without_rows(store: CacheStore) -> None:
    monday = at(2024, 12, 30)
    batch = minutes(monday, 1, step=7 * DAY)
    store.write(key_of("1w"), KLINES, [batch], now=LATER)
    assert names(store) == ["2024.arrow"]


def test_events_vouch_for_a_period_without_any(store: CacheStore) -> None:
    batch = CacheBatch(table=table_of({}, FUNDING), entries=(entry(JANUARY, FEBRUARY),))
    store.write(key_of(None), FUNDING, [batch], now=LATER)
    found = store.read(key_of(None), FUNDING, TimeRange(JANUARY, LATER))
    assert (len(found.table), len(found.ledger.entries)) == (0, 1)
    assert not store.has_rows_before(key_of(None), FUNDING, LATER)


def test_one_write_touches_each_file_once_and_says_so(tmp_path: Path) -> None:
    bus, events = EventBus(), list[Event]()
    bus.subscribe(events.append)
    store = CacheStore(tmp_path, bus=bus)
    whole = minutes(FEBRUARY - 5 * MINUTE, 10)
    store.write(KEY, KLINES, [whole, minutes(JANUARY, 5)], now=LATER)
    assert [(Path(e.path).name, e.rows) for e in events if isinstance(e, CacheWritten)] == [
        ("2024-01.arrow", 10),
        ("2024-02.arrow", 5),
    ]
    assert all(Path(e.path).stat().st_size == e.bytes_written for e in events if isinstance(e, CacheWritten))


def test_what_is_known_already_is_not_written_again(tmp_path: Path) -> None:
    bus, events = EventBus(), list[Event]()
    store = CacheStore(tmp_path, bus=bus)
    store.write(KEY, KLINES, [minutes(JANUARY, 5)], now=LATER)
    bus.subscribe(events.append)
    absent = entry(JANUARY, JANUARY + 5 * MINUTE, "provisional")
    store.write(KEY, KLINES, [CacheBatch(table=table_of({}), entries=(absent,))], now=LATER)
    assert events == []


def test_rows_out_of_order_or_of_another_schema_are_refused(store: CacheStore) -> None:
    good = minutes(JANUARY, 3)
    for table in (good.table.take(pa.array([1, 0])), good.table.drop_columns("close")):
        with pytest.raises(SchemaMismatchError):
            store.write(KEY, KLINES, [CacheBatch(table=table, entries=good.entries)], now=LATER)


def test_rows_on_both_sides_are_found_across_months(store: CacheStore) -> None:
    store.write(KEY, KLINES, [minutes(JANUARY, 2), minutes(LATER, 1)], now=LATER)
    assert not store.has_rows_before(KEY, KLINES, JANUARY)
    assert store.has_rows_before(KEY, KLINES, JANUARY + 1)
    assert store.has_rows_after(KEY, KLINES, LATER)
    assert not store.has_rows_after(KEY, KLINES, LATER + 1)


def test_ls_tells_of_each_series(store: CacheStore) -> None:
    other = key_of("1h", "eth.usd", adjusted="true")
    store.write(KEY, KLINES, [minutes(JANUARY, 2), minutes(FEBRUARY, 3)], now=LATER)
    store.write(other, KLINES, [minutes(JANUARY, 1, step=HOUR)], now=LATER)
    told = {s.key: (s.files, s.rows, s.first, s.last) for s in store.ls()}
    assert told == {
        KEY: (2, 5, JANUARY, FEBRUARY + 2 * MINUTE),
        other: (1, 1, JANUARY, JANUARY),
    }
    assert all(s.bytes == sum(p.stat().st_size for p in s.path.glob("*.arrow")) for s in store.ls())
    assert [problem for _, problem in store.verify()] == [None] * 3


def test_another_cache_fills_what_the_first_one_lacks(tmp_path: Path) -> None:
    mine, shared = (
        CacheStore(tmp_path / "mine", read_from=[tmp_path / "shared"]),
        CacheStore(tmp_path / "shared"),
    )
    shared.write(KEY, KLINES, [minutes(JANUARY, 6, value=1.0)], now=LATER)
    mine.write(KEY, KLINES, [minutes(JANUARY + 2 * MINUTE, 2, value=2.0)], now=LATER)
    absent = (
        entry(JANUARY + 4 * MINUTE, JANUARY + 5 * MINUTE, "confirmed"),
        entry(JANUARY + 5 * MINUTE, JANUARY + 8 * MINUTE, "provisional"),
    )
    mine.write(KEY, KLINES, [CacheBatch(table=table_of({}), entries=absent)], now=LATER)
    assert list(close(mine, JANUARY, FEBRUARY).values()) == [1, 1, 2, 2, 1]
    assert states(mine, JANUARY, FEBRUARY) == [
        (0, 2, "rows"),
        (2, 4, "rows"),
        (4, 5, "confirmed"),
        (5, 6, "rows"),
        (6, 8, "provisional"),
    ] or states(mine, JANUARY, FEBRUARY)[0] == (0, 4, "rows")
    assert mine.has_rows_before(KEY, KLINES, JANUARY + 1)


def test_thousands_of_runs_are_no_burden(store: CacheStore) -> None:
    opens = range(JANUARY, JANUARY + 10 * DAY, 2 * MINUTE)
    told = [entry(t, t + MINUTE) for t in opens] + [
        entry(t + MINUTE, t + 2 * MINUTE, "confirmed") for t in opens
    ]
    batch = CacheBatch(
        table=table_of(dict.fromkeys(opens, 1.0)), entries=tuple(sorted(told, key=lambda e: e.start))
    )
    for _ in range(2):
        store.write(KEY, KLINES, [batch], now=LATER)
    assert len(store.read(KEY, KLINES, TimeRange(JANUARY, FEBRUARY)).ledger.entries) == len(told)
