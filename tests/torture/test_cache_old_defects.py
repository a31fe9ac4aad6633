"""What older programs of this kind got wrong with their caches, each shown not to happen here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.cache_series import minutes, rows_of
from dsm_core import DataSourceManager
from dsm_core.cache import CacheStore
from dsm_core.cache.opened import OPENED
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, MarketType
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES
from plugins.venues import Server
from torture.cache_acts import FEBRUARY, LATER
from torture.minute_venue import DAY, day, minute_manager, minute_venue, wrong_rows


@pytest.fixture
def venue() -> Iterator[Server]:
    with minute_venue() as server:
        yield server


@pytest.fixture
def manager(venue: Server, tmp_path: Path) -> Iterator[DataSourceManager]:
    with minute_manager(venue, tmp_path / "cache") as made:
        yield made


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2024, 6, 1, hour, minute, tzinfo=UTC)


def test_a_partial_write_does_not_erase_a_day(manager: DataSourceManager, venue: Server) -> None:
    assert wrong_rows(day(manager)) == 0
    store = CacheStore(manager._session.store.root)  # type: ignore[union-attr]
    # One bar is fetched again and written: the other 1,439 of its day are what they were.
    (held,) = store.ls()
    batch = minutes(int(at(7, 30).timestamp()) * 10**9, 1, value=5.0)
    store.write(held.key, KLINES, [batch], now=LATER)
    asked = len(venue.asked)
    frame = day(manager)
    assert len(frame) == 1440
    assert frame.index.is_unique
    assert frame["open"].eq(5.0).sum() == 1
    assert wrong_rows(frame) == 2  # the one that was changed: a wrong row, and one that is missing
    assert len(venue.asked) == asked


def test_ranges_fetched_one_after_the_other_make_a_whole_day(
    manager: DataSourceManager, venue: Server
) -> None:
    for hour in (5, 17, 6, 23, 0):
        manager.get_data("BTCUSDT", at(hour), at(hour, 59), "1m")
    assert wrong_rows(day(manager)) == 0
    asked = len(venue.asked)
    assert wrong_rows(day(manager)) == 0
    assert len(venue.asked) == asked


def key(symbol: str, market: str = "spot", interval: str = "1m", **options: str) -> SeriesKey:
    pairs = tuple(sorted(options.items()))
    chart = ChartType("klines")
    return SeriesKey("binance", MarketType(market), chart, symbol, Interval(interval), pairs)


ALIKE = [
    key("BTCUSDT"),
    key("BTCUSDT_240628"),
    key("BTCUSD_PERP"),
    key("BTCUSD", adjusted="perp"),
    key("BTCUSDT_1m"),
    key("BTCUSDT", interval="1h"),
    key("BTC_USDT"),
    key("_"),
    key("__"),
    key("SPOT_BTCUSDT_1M"),
    key("BTCUSDT", market="spot_btcusdt"),
    key("btcusdt"),
    key("BTC/USDT"),
    key("BTC%2FUSDT"),
    key("BTCUSDT;a=b"),
    key("BTCUSDT", a="b"),
    key("BTCUSDT", a="b_c", d="e"),
    key("BTCUSDT", a="b", c_d="e"),
]


def test_keys_with_underscores_and_separators_never_share_rows(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    for number, one in enumerate(ALIKE):
        store.write(one, KLINES, [minutes(FEBRUARY, 3, value=float(number))], now=LATER)
    OPENED.reset()
    for number, one in enumerate(ALIKE):
        span = TimeRange(FEBRUARY, FEBRUARY + 10**12)
        assert set(rows_of(CacheStore(tmp_path).read(one, KLINES, span).table, "close").values()) == {number}
    assert {held.key for held in store.ls()} == set(ALIKE)
    assert len({str(path.parent).lower() for path in tmp_path.rglob("*.arrow")}) == len(ALIKE)


def segments(data: Any) -> list[tuple[Any, ...]]:
    return [
        (s.start_time, s.end_time, s.rows, s.source, s.origin, s.sha256, s.fetched_at)
        for s in data.provenance
    ]


def test_provenance_is_kept_when_rows_are_read_again(venue: Server, tmp_path: Path) -> None:
    with minute_manager(venue, tmp_path / "cache") as manager:
        first = manager.query("BTCUSDT", DAY, DAY, "1m")
    OPENED.reset()
    with minute_manager(venue, tmp_path / "cache") as manager:
        again = manager.query("BTCUSDT", DAY, DAY, "1m")
        frame = manager.get_data("BTCUSDT", DAY, DAY, "1m", include_source_metadata=True)
    assert sum(segment.rows for segment in first.provenance) == 1440
    assert segments(again) == segments(first)
    assert {s.source for s in again.provenance} == {"rest"}
    assert [s.from_cache for s in first.provenance] == [False]
    assert [s.from_cache for s in again.provenance] == [True]
    assert set(frame["_data_source"]) == {"REST"}
