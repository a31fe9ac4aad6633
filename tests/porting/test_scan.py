"""A lazy frame over the cache reads what a query needs, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from attrs import evolve

from core.cache_series import at, key_of, minutes
from dsm_core.cache import CachedRows, CacheStore
from dsm_core.errors import CacheWarning, RequestError
from dsm_core.model.names import MarketType
from dsm_core.porting import scan_cache
from dsm_core.schema.chart_type import FUNDING_RATE, KLINES

KEYS = [key_of(symbol=symbol) for symbol in ("AAUSDT", "BBUSDT")]
FEBRUARY = datetime(2024, 2, 1, tzinfo=UTC)
NEXT_DAY = FEBRUARY + timedelta(days=1)
MONTH = timedelta(days=29)
LAST = pl.lit(at(2024, 2, 1) - 1).cast(pl.Datetime("ns", "UTC"))
FAR = datetime(2200, 1, 1, tzinfo=UTC)
time, symbol = pl.col("open_time"), pl.col("symbol")
Reads = list[tuple[str, str, list[str]]]


@pytest.fixture
def filled(store: CacheStore) -> CacheStore:
    """Two series of 100 minutes in each of three months, of which the last is open."""
    for key in KEYS:
        for month in (1, 2, 3):
            batch = minutes(at(2024, month, 1), 100, float(month))
            store.write(key, KLINES, [batch], now=at(2024, 3, 10))
    return store


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """What is read: symbol, month and columns."""
    seen: Reads = []
    read = CacheStore.read

    def noted(store: CacheStore, key: Any, schema: Any, span: Any, *, columns: Any = None) -> CachedRows:
        month = datetime.fromtimestamp((span.end - 1) // 10**9, UTC).strftime("%m")
        seen.append((key.symbol, month, list(columns)))
        return read(store, key, schema, span, columns=columns)

    monkeypatch.setattr(CacheStore, "read", noted)
    return seen


def test_all_rows_are_there_with_their_symbol_and_interval(filled: CacheStore) -> None:
    frame = scan_cache(filled, [*KEYS, key_of(symbol="NONE")]).collect()
    assert frame.columns == ["symbol", "interval", "open_time", *KLINES.column_names]
    assert frame.schema["open_time"] == pl.Datetime("ns", "UTC")
    assert frame.height == 600
    assert frame["symbol"].unique(maintain_order=True).to_list() == ["AAUSDT", "BBUSDT"]
    assert set(frame["interval"]) == {"1m"}
    assert frame.filter(symbol == "AAUSDT")["open_time"].is_sorted()


def test_nothing_is_read_before_collect_and_then_only_columns_needed(
    filled: CacheStore, reads: Reads
) -> None:
    query = scan_cache(filled, KEYS).group_by("symbol").agg(pl.col("close").sum())
    assert reads == []
    assert sorted(query.collect().rows()) == [("AAUSDT", 600.0), ("BBUSDT", 600.0)]
    assert [(month, columns) for _, month, columns in reads[:3]] == [
        (m, ["close"]) for m in ("01", "02", "03")
    ]


QUERIES: list[tuple[Callable[[], pl.Expr], int, list[tuple[str, str]]]] = [
    (lambda: symbol == "BBUSDT", 300, [("BBUSDT", "01"), ("BBUSDT", "02"), ("BBUSDT", "03")]),
    (lambda: (symbol == "BBUSDT") & (time >= FEBRUARY) & (time < NEXT_DAY), 100,
     [("BBUSDT", "02")]),
    (lambda: symbol.is_in(["AAUSDT"]) & time.is_between(FEBRUARY, FEBRUARY + timedelta(minutes=1)), 2,
     [("AAUSDT", "02")]),
    (lambda: (time == FEBRUARY) & (pl.col("close") > 0), 2, [("AAUSDT", "02"), ("BBUSDT", "02")]),
    (lambda: pl.lit(FEBRUARY) > time, 200, [("AAUSDT", "01"), ("BBUSDT", "01")]),
    (lambda: (symbol == "AAUSDT") & time.is_between(FEBRUARY, FEBRUARY + MONTH, closed="left"), 100,
     [("AAUSDT", "02")]),
    (lambda: (symbol == "AAUSDT") & (time > LAST), 200, [("AAUSDT", "02"), ("AAUSDT", "03")]),
    (lambda: (symbol == "AAUSDT") & (time <= LAST), 100, [("AAUSDT", "01")]),
    (lambda: pl.col("interval") != "1m", 0, []),
    (lambda: time > FAR, 0, []),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "rows", "read"), QUERIES)
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_filter_keeps_what_it_rules_out_from_being_read(
    filled: CacheStore, reads: Reads, condition: Any, rows: int, read: Any, engine: Any
) -> None:
    every = scan_cache(filled, KEYS).collect()
    reads.clear()
    found = scan_cache(filled, KEYS).filter(condition()).collect(engine=engine)
    assert found.height == rows
    assert found.equals(every.filter(condition()))
    assert [(name, month) for name, month, _ in reads] == read


def test_a_filter_that_is_not_understood_reads_all_and_is_right(filled: CacheStore) -> None:
    condition = (symbol == "NONE") | (time.dt.month() == 2) & ~(time.dt.minute() > 0)
    assert scan_cache(filled, KEYS).filter(condition).collect().height == 4


def test_a_head_stops_reading(filled: CacheStore, reads: Reads) -> None:
    assert scan_cache(filled, KEYS).head(150).collect().height == 150
    assert [(name, month) for name, month, _ in reads] == [("AAUSDT", "01"), ("AAUSDT", "02")]


def test_the_newest_write_wins(filled: CacheStore) -> None:
    query = scan_cache(filled, KEYS[:1]).select(pl.col("close").sum())
    assert query.collect().item() == 600.0
    filled.write(KEYS[0], KLINES, [minutes(at(2024, 3, 1), 100, 5.0)], now=at(2024, 5, 1))
    assert query.collect().item() == 800.0


def test_a_damaged_file_is_set_aside_and_the_rest_is_read(filled: CacheStore) -> None:
    [file] = [f for f in filled.root.rglob("2024-01.arrow") if "AAUSDT" in f.parts]
    file.write_bytes(b"x" * 1000)
    with pytest.warns(CacheWarning, match=r"2024-01\.arrow"):
        assert scan_cache(filled, KEYS).select(pl.len()).collect().item() == 500
    assert file.with_name("2024-01.arrow.corrupt").exists()


def test_no_rows_are_an_empty_frame_with_the_columns(store: CacheStore) -> None:
    for keys in ([], [key_of()]):
        frame = scan_cache(store, keys).filter(pl.col("close") > 1).collect()
        assert (frame.height, frame.width) == (0, 3 + len(KLINES.columns))
    events = scan_cache(store, [], schema=FUNDING_RATE).collect()
    assert events.columns == ["symbol", "interval", "funding_time", *FUNDING_RATE.column_names]


def test_keys_that_do_not_go_together_are_refused(store: CacheStore) -> None:
    futures = evolve(key_of(), market_type=MarketType.FUTURES_USDT)
    with pytest.raises(RequestError, match="same symbol and interval"):
        scan_cache(store, [key_of(), futures])
    with pytest.raises(RequestError, match="one chart type"):
        scan_cache(store, [key_of(), key_of(None)])


def test_a_second_cache_is_read_too(filled: CacheStore, tmp_path: Path) -> None:
    both = CacheStore(tmp_path / "own", read_from=[filled.root])
    assert scan_cache(both, KEYS).select(pl.len()).collect().item() == 600
