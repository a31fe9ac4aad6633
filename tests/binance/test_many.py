"""Many series in one call: their shapes, their errors, and long ranges piece by piece."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from binance.venues import Desk, Venues, check_frame, sent, utc
from dsm_binance.emulator import Emulator, Fault, Listing
from dsm_core import MarketData
from dsm_core.errors import (
    IncompleteDataError,
    IncompleteDataWarning,
    InvalidRangeError,
    RequestError,
    SymbolNotFoundError,
    UnsupportedIntervalError,
)
from dsm_core.model import SeriesKey
from dsm_core.output import MarketDataSet

NOW = utc(2024, 6, 15, 12, 0, 30)
NAMES = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
RANGE: tuple[Any, ...] = ("2024-06-10", "2024-06-11", "1h")


@pytest.fixture(scope="module")
def _market() -> Iterator[Emulator]:
    listings = [Listing(name, "um", listed_at=utc(2024, 5)) for name in NAMES]
    listings += [Listing(name, "spot", listed_at=utc(2024, 5)) for name in NAMES[:2]]
    listings += [Listing("LATEUSDT", "um", listed_at=utc(2024, 6, 11, 6))]
    with Emulator(listings=listings, now=NOW) as venue:
        yield venue


@pytest.fixture
def market(_market: Emulator) -> Emulator:
    _market.clear_requests()
    _market.reset_limits()
    return _market


def test_many_come_long_wide_or_by_symbol(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    found = manager.get_many([*NAMES, "LATEUSDT"], *RANGE, on_gaps="ignore")
    alone = {name: manager.get_data(name, *RANGE, on_gaps="ignore") for name in found}
    long = found.to_pandas()
    assert long.index.names == ["symbol", "open_time"]
    for name, frame in alone.items():
        check_frame(frame)
        pd.testing.assert_frame_equal(long.loc[name], frame, check_freq=False)
        pd.testing.assert_frame_equal(found.to_pandas("dict")[name], frame, check_freq=False)
        pd.testing.assert_frame_equal(found[name].to_pandas(), frame, check_freq=False)
    wide = found.to_pandas("wide")
    assert wide.columns.names == ["column", "symbol"]
    assert list(wide["close"].columns) == list(found)
    assert len(wide) == 48
    assert wide.index.is_monotonic_increasing
    assert wide["close"]["LATEUSDT"].notna().sum() == len(alone["LATEUSDT"]) == 18
    for name, frame in alone.items():
        assert wide["close"][name].dropna().tolist() == frame["close"].tolist()
    for shape in ("long", "wide", "dict"):
        asked = manager.get_many(NAMES, *RANGE, shape=shape).to_pandas()
        assert isinstance(asked, dict if shape == "dict" else pd.DataFrame)


def test_other_readers_take_the_set_as_it_is(market: Emulator, desk: Desk) -> None:
    found = desk.manager(market, "um").get_many(NAMES, *RANGE)
    for frame in (pl.DataFrame(found), pl.DataFrame(pa.RecordBatchReader.from_stream(found))):
        assert frame.equals(found.to_polars())
    assert pa.table(found).equals(found.to_arrow())
    assert frame.height == 3 * 48
    assert frame["symbol"].unique(maintain_order=True).to_list() == NAMES
    sums = duckdb.sql(
        "select symbol, count(*), sum(close) from found group by symbol order by symbol"
    ).fetchall()
    assert len(sums) == 3
    for name, rows, total in sums:
        assert (rows, total) == (48, pytest.approx(found[name].to_pandas()["close"].sum(), rel=1e-12))


def test_a_set_reads_like_a_dict(market: Emulator, desk: Desk) -> None:
    found = desk.manager(market, "um").get_many([*NAMES, "NOPEUSDT"], *RANGE)
    assert list(found) == list(found.keys()) == NAMES
    assert dict(found) == dict(found.items())
    assert [found[name] for name in NAMES] == list(found.values())
    assert "BTCUSDT" in found
    assert "NOPEUSDT" not in found
    assert found.get("BTCUSDT") is found["BTCUSDT"]
    assert (found.get("NOPEUSDT"), found.get("NOPEUSDT", 7)) == (None, 7)
    with pytest.raises(KeyError, match="NOPEUSDT"):
        found["NOPEUSDT"]
    assert repr(found) == "<MarketDataSet 3 series, 144 rows, 1 error>"


def test_an_error_of_one_series_is_collected_or_raised(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    names = ["BTCUSDT", "NOPEUSDT", "BTC-USDT", "ETHUSDT"]
    found = manager.get_many(names, *RANGE)
    assert list(found) == ["BTCUSDT", "ETHUSDT"]
    assert {k: type(e) for k, e in found.errors.items()} == {
        "NOPEUSDT": SymbolNotFoundError,
        "BTC-USDT": RequestError,
    }
    assert "BTCUSDT" in str(found.errors["BTC-USDT"].hint)
    for bad in ("NOPEUSDT", "BTC-USDT"):
        with pytest.raises((SymbolNotFoundError, RequestError), match=bad):
            manager.get_many(["BTCUSDT", bad], *RANGE, on_error="raise")
    with pytest.raises(RequestError, match="errors"):
        manager.get_many(["NOPEUSDT"], *RANGE).to_pandas()
    assert "NOPEUSDT" in found._repr_html_()


def test_a_symbol_of_another_market_fails_alone(market: Emulator, desk: Desk) -> None:
    found = desk.manager(market, "um").get_many(["BTCUSD_PERP", "BTCUSDT"], *RANGE)
    assert list(found) == ["BTCUSDT"]
    assert isinstance(found.errors["BTCUSD_PERP"], RequestError)


def test_a_symbol_given_twice_is_fetched_once(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    found = manager.get_many(["BTCUSDT", "ETHUSDT", "BTCUSDT"], *RANGE)
    assert list(found) == ["BTCUSDT", "ETHUSDT"]
    paths = [r.path for r in sent(market, "zip")]
    assert len(paths) == len(set(paths)) == 4
    market.clear_requests()
    again = manager.get_many(["BTCUSDT", "ETHUSDT"], *RANGE)
    assert again.to_arrow().equals(found.to_arrow())
    assert (again.requests, sent(market)) == (0, [])


def test_a_call_that_makes_no_sense_asks_nobody(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    with pytest.raises(RequestError, match="No symbols"):
        manager.get_many([], *RANGE)
    with pytest.raises(RequestError, match="one text"):
        manager.get_many("BTCUSDT", *RANGE)
    with pytest.raises(RequestError, match="7"):
        manager.get_many([7], *RANGE)  # type: ignore[list-item]
    with pytest.raises(RequestError, match="shape"):
        manager.get_many(NAMES, *RANGE, shape="deep")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="on_error"):
        manager.get_many(NAMES, *RANGE, on_error="hide")
    with pytest.raises(InvalidRangeError):
        manager.get_many(NAMES, "2024-06-12", "2024-06-10", "1h", on_error="raise")
    with pytest.raises(UnsupportedIntervalError):
        manager.get_many(NAMES, "2024-06-10", "2024-06-10", "7m", on_error="raise")
    assert sent(market) == []


def test_a_pair_is_told_its_symbol_and_a_list_in_one_text_how_to_ask(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    found = manager.get_many(["BTC/USDT", "BTC/USDT:USDT", "BINANCE:BTCUSDT", "BTC USDT"], *RANGE)
    assert {error.hint for error in found.errors.values()} == {"Did you mean 'BTCUSDT'?"}
    for text in ("BTCUSDT,ETHUSDT", "btcusdt ethusdt", "BTC/USDT; ETH/USDT", "BTCUSDT|ETHUSDT"):
        with pytest.raises(RequestError, match=r"get_many\(\['BTCUSDT', 'ETHUSDT'\]\)"):
            manager.get_data(text, *RANGE)
    assert sent(market) == []


def test_a_malformed_series_key_fails_alone(market: Emulator, desk: Desk) -> None:
    keys = [
        "BTCUSDT",
        "a/b",
        "moon/um/klines/BTCUSDT/1h",
        "binance/um/klines/BTCUSDT/7m",
        "binance/um/x/BTCUSDT/1h",
    ]
    found = desk.manager(market, "um").get_many(keys, *RANGE)
    assert list(found) == ["BTCUSDT"]
    assert set(found.errors) == set(keys[1:])


def test_ten_thousand_symbols_of_no_form_are_told_quickly(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    begin = time.perf_counter()
    found = manager.get_many([f"no-{i}" for i in range(10_000)], *RANGE)
    assert time.perf_counter() - begin < 10
    assert (len(found), len(found.errors), sent(market)) == (0, 10_000, [])


def test_series_keys_mix_markets_intervals_and_kinds(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    keys = ["BTCUSDT", "binance/spot/klines/BTCUSDT/1h", "binance/um/klines/BTCUSDT/4h"]
    given = [*keys, SeriesKey.parse("binance/spot/klines/ETHUSDT/1h")]
    found = manager.get_many(given, *RANGE)
    assert [len(data) for data in found.values()] == [48, 48, 12, 48]
    spot = desk.manager(market, "spot").get_data("BTCUSDT", *RANGE)
    label = keys[1]
    again = manager.get_many([*given, "binance/futures_usdt/klines/BTCUSDT/4h"], *RANGE)
    assert list(again) == [*keys, "binance/spot/klines/ETHUSDT/1h"]
    pd.testing.assert_frame_equal(found[label].to_pandas(), spot, check_freq=False)
    premium = found.to_pandas("wide")["close"][["BTCUSDT", label]].dropna()
    assert len(premium) == 48


def test_gaps_of_many_series_are_one_warning_or_one_error(venues: Venues, desk: Desk) -> None:
    listings = [Listing(name, "um", listed_at=utc(2024, 5)) for name in NAMES]
    faults = [
        Fault("500", f"re:{name}.*(2024-06-11.zip|klines\\?)|klines\\?.*{name}", times=None)
        for name in NAMES[:2]
    ]
    venue = venues(listings=listings, faults=faults)
    manager = desk.manager(venue, "um", config={"http": {"retry_count": 0}})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = manager.get_many(NAMES, *RANGE)
    assert [w.category for w in told] == [IncompleteDataWarning]
    assert "2 of 3 series" in str(told[0].message)
    assert told[0].filename == __file__
    assert set(found.gaps) == set(NAMES[:2])
    with pytest.raises(IncompleteDataError) as short:
        manager.get_many(NAMES, *RANGE, on_gaps="raise")
    assert isinstance(short.value.data, MarketDataSet)
    assert [len(d) for d in short.value.data.values()] == [24, 24, 48]
    assert len(manager.get_many(NAMES, *RANGE, on_gaps="ignore")) == 3


def joined(pieces: list[MarketData]) -> pd.DataFrame:
    return pd.concat([piece.to_pandas() for piece in pieces])


@pytest.mark.parametrize("chunk", ["1d", "1w", "1M", "6h"])
def test_pieces_join_to_the_whole(chunk: str, market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    start, end = utc(2024, 5, 29, 7), utc(2024, 6, 10, 15)
    pieces = list(manager.iter_data("BTCUSDT", start, end, "1h", chunk=chunk))
    whole = manager.get_data("BTCUSDT", start, end, "1h")
    pd.testing.assert_frame_equal(joined(pieces), whole, check_freq=False)
    assert len(pieces) == {"1d": 13, "1w": 3, "1M": 2, "6h": 50}[chunk]
    longest = {"1d": 24, "1w": 7 * 24, "1M": 31 * 24, "6h": 6}[chunk]
    assert max(map(len, pieces)) <= longest
    paths = [r.path for r in sent(market, "zip")]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("inclusive", ["both", "left", "right", "neither"])
def test_pieces_keep_the_ends_as_asked(inclusive: Any, market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    span = (utc(2024, 6, 9, 22), utc(2024, 6, 11, 2))
    whole = manager.get_data("BTCUSDT", *span, "1h", inclusive=inclusive)
    pieces = list(manager.iter_data("BTCUSDT", *span, "1h", inclusive=inclusive))
    pd.testing.assert_frame_equal(joined(pieces), whole, check_freq=False)


def test_pieces_of_a_span_up_to_now_and_of_funding_join_too(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    pieces = list(manager.iter_data("BTCUSDT", interval="1h", last="3d"))
    pd.testing.assert_frame_equal(
        joined(pieces), manager.get_data("BTCUSDT", interval="1h", last="3d"), check_freq=False
    )
    rates = list(manager.iter_data("BTCUSDT", "2024-06-01", "2024-06-10", chart_type="funding_rate"))
    whole = manager.get_data("BTCUSDT", "2024-06-01", "2024-06-10", chart_type="funding_rate")
    pd.testing.assert_frame_equal(joined(rates), whole, check_freq=False)
    with pytest.raises(RequestError):
        list(manager.iter_data("BTCUSDT", "2024-06-01", "2024-06-10", "1h", chunk="soon"))


def test_thirty_days_of_minutes_hold_one_day_in_memory(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=[Listing("BTCUSDT", "um", listed_at=utc(2024, 4))])
    manager = desk.manager(venue, "um")
    manager.prefetch("BTCUSDT", "2024-05-01", "2024-05-30", "1m")
    day = manager.query("BTCUSDT", "2024-05-01", "2024-05-01", "1m").to_arrow().nbytes
    tracemalloc.start()
    try:
        rows = 0
        for piece in manager.iter_data("BTCUSDT", "2024-05-01", "2024-05-30", "1m"):
            rows += len(piece.to_pandas())
            assert piece.to_arrow().nbytes <= 1.1 * day
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == 30 * 1440
    assert peak < 8 * day + 4_000_000


def test_the_first_piece_comes_before_the_last_is_fetched(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    pieces = manager.iter_data("SOLUSDT", "2024-06-02", "2024-06-12", "1h")
    assert sent(market) == []
    assert len(next(pieces)) == 24
    assert {r.path.rpartition("/")[2] for r in sent(market, "zip")} == {"SOLUSDT-1h-2024-06-02.zip"}


def test_the_asynchronous_face_gives_the_same(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    expected = manager.get_many(NAMES, *RANGE)

    async def ask() -> tuple[MarketDataSet, pd.DataFrame, tuple[Any, ...]]:
        async with desk.async_manager(market, "um", cache_dir=desk.tmp_path / "other") as other:
            found = await other.get_many(NAMES, *RANGE)
            pieces = [piece async for piece in other.iter_data("BTCUSDT", *RANGE)]
            return found, joined(pieces), await other.update()

    found, pieces, lines = asyncio.run(ask())
    assert found.to_arrow().equals(expected.to_arrow())
    pd.testing.assert_frame_equal(pieces, expected["BTCUSDT"].to_pandas(), check_freq=False)
    hours = (NOW.replace(second=0) - utc(2024, 6, 12)) // timedelta(hours=1)
    assert [line.rows for line in lines] == [hours] * 3
