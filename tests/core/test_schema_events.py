"""Events of one instant: a key keeps them apart, and without one neither is lost in silence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.errors import SchemaMismatchError
from dsm_core.model import ChartType, LedgerEntry, MarketType, SeriesKey, TimeRange
from dsm_core.schema import ChartSchema, Column
from dsm_core.schema.conform import conform

COLUMNS = [Column("number", "int64", "the venue's"), Column("side", "string", "B or S", nullable=True)]
KEYED = ChartSchema("keyed_of_a_test", "events", "time", COLUMNS, key=["number"])
BARE = ChartSchema("bare_of_a_test", "events", "time", COLUMNS)


def rows(
    times: Sequence[int], numbers: Sequence[int], sides: Sequence[str | None] | None = None
) -> dict[str, Any]:
    return {
        "time": pa.array(times, pa.int64()).cast(pa.timestamp("s", "UTC")),
        "number": pa.array(numbers, pa.int64()),
        "side": pa.array(sides or ["B"] * len(times), pa.string()),
    }


def test_events_of_one_instant_are_sorted_by_their_key() -> None:
    made = conform(rows([5, 3, 5, 5], [9, 1, 2, 10]), KEYED)
    assert made.table["number"].to_pylist() == [1, 2, 9, 10]
    assert made.duplicates == 0


def test_of_one_event_that_comes_twice_the_later_stays() -> None:
    made = conform(rows([5, 5, 5], [1, 2, 1], ["B", "B", "S"]), KEYED)
    assert made.table["number"].to_pylist() == [1, 2]
    assert made.table["side"].to_pylist() == ["S", "B"]
    assert made.duplicates == 1


def test_without_a_key_two_different_events_of_one_instant_are_refused() -> None:
    with pytest.raises(SchemaMismatchError, match=r"bare_of_a_test share the time 1970-01-01 00:00:05.*key="):
        conform(rows([5, 3, 5], [1, 2, 3]), BARE)


def test_without_a_key_the_same_event_twice_is_one() -> None:
    made = conform(rows([5, 3, 5], [1, 2, 1], [None, "B", None]), BARE)
    assert made.table["number"].to_pylist() == [2, 1]


def test_a_span_cuts_whole_instants() -> None:
    second = 10**9
    made = conform(rows([1, 2, 2, 3], [1, 2, 3, 4]), KEYED, span=TimeRange(2 * second, 3 * second))
    assert (made.table["number"].to_pylist(), made.outside) == ([2, 3], 2)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12), st.randoms())
def test_order_and_repetition_change_nothing(events: list[tuple[int, int]], random: Any) -> None:
    shuffled = [*events, *events]
    random.shuffle(shuffled)
    made = conform(rows([t for t, _ in shuffled], [n for _, n in shuffled]), KEYED).table
    assert list(zip(made["time"].cast("int64").to_pylist(), made["number"].to_pylist(), strict=True)) == [
        (t * 10**9, n) for t, n in sorted(set(events))
    ]
    assert conform(made, KEYED).table.equals(made)


def test_the_cache_keeps_all_events_of_an_instant(tmp_path: Path) -> None:
    store, second = CacheStore(tmp_path), 10**9
    key = SeriesKey("house", MarketType.SPOT, ChartType(KEYED.name), "X")
    for numbers in ([1, 2], [2, 3, 4]):
        batch = CacheBatch(
            table=conform(rows([5] * len(numbers), numbers), KEYED).table,
            entries=(
                LedgerEntry(
                    start=0, end=9 * second, state="rows", source="rest", first_fetched=1, last_fetched=1
                ),
            ),
        )
        store.write(key, KEYED, [batch], now=10 * second)
    held = CacheStore(tmp_path).read(key, KEYED, TimeRange(0, 9 * second)).table
    assert held["number"].to_pylist() == [2, 3, 4]


def test_the_cache_refuses_times_out_of_order(tmp_path: Path) -> None:
    table = conform(rows([3, 5], [1, 2]), KEYED).table
    key = SeriesKey("house", MarketType.SPOT, ChartType(KEYED.name), "X")
    batch = CacheBatch(table=table.take(pa.array([1, 0])), entries=())
    with pytest.raises(SchemaMismatchError, match="sorted"):
        CacheStore(tmp_path).write(key, KEYED, [batch], now=10**10)
