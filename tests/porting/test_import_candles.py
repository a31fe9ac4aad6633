"""Files of freqtrade and ccxt: their names are told, pairs become the venue's symbols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dsm_core.cache import CacheStore
from dsm_core.errors import RequestError, UnsupportedIntervalError
from dsm_core.model.series import SeriesKey
from dsm_core.porting import import_ccxt, import_freqtrade
from porting.files import (
    HOUR_MS,
    HOURLY,
    NOW_NS,
    START_MS,
    candles,
    held,
    sources,
    write_feather,
    write_json,
)

CLOSES = {row[0]: row[4] for row in candles(5)}
PERPETUAL = SeriesKey.parse("binance/um/klines/BTCUSDT/1h")
COIN = SeriesKey.parse("binance/cm/klines/BTCUSD_PERP/1h")


def one(store: CacheStore, path: Path, **given: Any) -> Any:
    [done] = import_freqtrade(store, path, now=NOW_NS, **given)
    return done


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("BTC_USDT-1h.feather", HOURLY),
        ("BTC_USDT-1h.json", HOURLY),
        ("futures/BTC_USDT_USDT-1h-futures.feather", PERPETUAL),
        ("futures/BTC_USDT_USDT-1h-futures.json", PERPETUAL),
        ("futures/BTC_USD_BTC-1h-futures.feather", COIN),
    ],
)
def test_the_name_tells_pair_interval_and_market(
    store: CacheStore, tmp_path: Path, name: str, key: SeriesKey
) -> None:
    write = write_json if name.endswith("json") else write_feather
    done = one(store, write(tmp_path / name, candles(5)))
    assert (done.key, done.rows) == (key, 5)
    assert held(store, key) == CLOSES
    assert sources(store, key) == [("imported", f"imported:{Path(name).name}")]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_feather_times_come_in_any_unit(store: CacheStore, tmp_path: Path, unit: str) -> None:
    one(store, write_feather(tmp_path / "BTC_USDT-1h.feather", candles(5), unit))
    assert held(store) == CLOSES


def test_a_month_is_written_mo_by_freqtrade(store: CacheStore, tmp_path: Path) -> None:
    done = one(store, write_feather(tmp_path / "BTC_USDT-1Mo.feather", candles(1)))
    assert str(done.key.interval) == "1M"


def test_a_folder_is_walked_and_each_file_is_told_of(store: CacheStore, tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_feather(data / "BTC_USDT-1h.feather", candles(5))
    write_feather(data / "futures" / "BTC_USDT_USDT-1h-futures.feather", candles(5))
    write_feather(data / "futures" / "BTC_USDT_USDT-1h-mark.feather", candles(5))
    write_feather(data / "BTC_USDT-trades.feather", candles(5))
    write_json(data / "ETH_USDT-1h.json", "not at all")
    write_json(data / "pairs.json", "[]")
    (data / "notes.txt").write_text("mine")
    done = {file.path.name: file for file in import_freqtrade(store, data, now=NOW_NS)}
    assert {name: file.outcome for name, file in done.items()} == {
        "BTC_USDT-1h.feather": "imported",
        "BTC_USDT-trades.feather": "skipped",
        "BTC_USDT_USDT-1h-futures.feather": "imported",
        "BTC_USDT_USDT-1h-mark.feather": "skipped",
        "ETH_USDT-1h.json": "refused",
        "pairs.json": "refused",
    }
    assert "mark" in done["BTC_USDT_USDT-1h-mark.feather"].problem
    assert "--series" in done["pairs.json"].problem
    assert [str(series.key) for series in store.ls()] == [str(PERPETUAL), str(HOURLY)]


def test_a_folder_with_nothing_to_import_is_refused(store: CacheStore, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no"):
        list(import_freqtrade(store, tmp_path, now=NOW_NS))
    write_json(tmp_path / "a-1h.json", "[]")
    with pytest.raises(RequestError, match="single file"):
        list(import_freqtrade(store, tmp_path, HOURLY, now=NOW_NS))


@pytest.mark.parametrize(
    "name", ["BTC_USDT-1h.json", "BTC-USDT-1h.json", "BTCUSDT-1h.json", "btc_usdt-1h.json"]
)
def test_ccxt_rows_come_in_by_name_and_market(store: CacheStore, tmp_path: Path, name: str) -> None:
    done = import_ccxt(store, write_json(tmp_path / name, candles(5)), market="spot", now=NOW_NS)
    assert (done.key, held(store)) == (HOURLY, CLOSES)


def test_ccxt_rows_come_in_by_series(store: CacheStore, tmp_path: Path) -> None:
    path = write_json(tmp_path / "dump.json", [[*row[:5], None] for row in candles(5)])
    assert import_ccxt(store, path, COIN, now=NOW_NS).rows == 5
    assert held(store, COIN) == CLOSES


def test_a_pair_becomes_the_markets_own_symbol(store: CacheStore, tmp_path: Path) -> None:
    path = write_json(tmp_path / "BTC_USD-1h.json", candles(5))
    assert import_ccxt(store, path, market="cm", now=NOW_NS).key == COIN
    assert import_ccxt(store, path, market="spot", now=NOW_NS).key.symbol == "BTCUSD"


ROWS = candles(3)
REFUSED: list[tuple[Any, str]] = [
    ("", "is empty"),
    ("Dear reader", "no JSON"),
    ("[" * 100_000, "no JSON"),
    ("{}", r"no list of \[ms"),
    ("[1, 2]", r"no list of \[ms"),
    ([[START_MS, 1, 2]], r"no list of \[ms"),
    ([[START_MS, 1, 2, 1, "many", 1]], "close"),
    ([[START_MS, 1, 2, 1, {"a": 1}, 1]], "close"),
    ([["soon", 1, 2, 1, 1, 1]], "soon"),
    ([[10**40, 1, 2, 1, 1, 1]], "cannot be read"),
    ([[10**17, 1, 2, 1, 1, 1]], "open_time"),
    (f"[[{START_MS}, 1, 1e999, 1, 1, 1]]", "finite"),
    (f"[[{START_MS}, 1, NaN, 1, 1, 1]]", "finite"),
    ([[START_MS, 1, None, 1, 1, 1]], "absent"),
    ([[START_MS + 1, 1, 2, 1, 1, 1]], "off the grid"),
]


@pytest.mark.parametrize(("content", "told"), REFUSED)
def test_json_that_is_no_list_of_bars_is_refused(
    store: CacheStore, tmp_path: Path, content: Any, told: str
) -> None:
    path = write_json(tmp_path / "BTC_USDT-1h.json", content)
    with pytest.raises(RequestError, match=told):
        import_ccxt(store, path, market="spot", now=NOW_NS)
    assert store.ls() == []


def test_an_empty_list_brings_nothing(store: CacheStore, tmp_path: Path) -> None:
    path = write_json(tmp_path / "BTC_USDT-1h.json", [])
    assert import_ccxt(store, path, market="spot", now=NOW_NS).rows == 0


def test_feather_that_is_none_or_lacks_columns_is_refused(store: CacheStore, tmp_path: Path) -> None:
    path = write_json(tmp_path / "BTC_USDT-1h.feather", "no feather at all")
    with pytest.raises(RequestError, match="no Feather file"):
        one(store, path)
    other = write_feather(tmp_path / "ETH_USDT-1h.feather", [row[:3] for row in ROWS])
    with pytest.raises(RequestError, match="lacks low, close, volume"):
        one(store, other)
    with pytest.raises(RequestError, match=r"neither \.feather nor \.json"):
        one(store, write_json(tmp_path / "BTC_USDT-1h.hdf5", "x"))


@pytest.mark.parametrize(
    ("name", "market", "told"),
    [
        ("dump.json", "spot", "neither symbol nor interval.*--series"),
        ("BTC_USDT.json", "spot", "neither symbol nor interval.*--series"),
        ("BTC_USDT-1h.json", None, "--market"),
        ("BTC_USDT_X_Y-1h.json", "spot", "no pair"),
        ("__-1h.json", "spot", "no pair"),
        ("BTC_USDT_USDT-1h-mark.json", None, "mark"),
        ("B_-1h.json", "spot", "'B'"),
    ],
)
def test_a_name_that_does_not_tell_names_the_remedy(
    store: CacheStore, tmp_path: Path, name: str, market: str | None, told: str
) -> None:
    with pytest.raises(RequestError, match=told):
        import_ccxt(store, write_json(tmp_path / name, ROWS), market=market, now=NOW_NS)


def test_an_interval_that_the_venue_has_not_is_refused(store: CacheStore, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedIntervalError, match="7h"):
        one(store, write_json(tmp_path / "BTC_USDT-7h.json", candles(3, step=7 * HOUR_MS)))


def test_the_unfinished_last_candle_of_a_dump_is_left_out(store: CacheStore, tmp_path: Path) -> None:
    rows = candles(3, start=NOW_NS // 10**6 - 2 * HOUR_MS)
    path = write_json(tmp_path / "BTC_USDT-1h.json", rows)
    done = import_ccxt(store, path, market="spot", now=NOW_NS + 1)
    assert (done.rows, done.unfinished) == (2, 1)
    assert json.loads(path.read_text()) == rows
