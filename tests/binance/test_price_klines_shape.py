"""The exact shape and values of mark prices, index prices and premiums, recorded ones too."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pandas as pd
import pytest

from binance.price_frames import (
    COLUMNS,
    EVERY,
    METHODS,
    ask,
    check_prices,
    name_of,
    price_frame,
)
from binance.venues import (
    DATA,
    Desk,
    assert_equal,
    sent,
    sha256_of,
    utc,
)
from dsm_binance.emulator import Emulator
from dsm_binance.kinds import CHART_SCHEMAS, MARK_PRICE, PREMIUM_INDEX
from dsm_core.errors import UnsupportedChartTypeError, UnsupportedIntervalError
from dsm_core.plugins import Answer
from dsm_core.schema.conform import conform

PRICES = DATA / "prices"
RECORDED = PRICES / "um/premiumIndexKlines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip"
STRICT: dict[str, Any] = {"on_gaps": "raise_any"}


def test_a_premium_resamples_to_what_the_venue_tells(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue, "um")
    given: dict[str, Any] = {"chart_type": "premium_index_klines"} | STRICT
    hours = manager.query("BTCUSDT", "2024-05-01", "2024-05-07", "1h", **given)
    told_days = manager.query("BTCUSDT", "2024-05-01", "2024-05-07", "1d", **given)
    assert_equal(hours.resample("1d").to_pandas(), told_days.to_pandas())
    assert (hours.to_pandas()["low"] < 0).any()
    assert (hours.to_pandas()["high"] > 0).any()
    assert set(hours.to_pandas()["count"]) == {720}


def test_a_recorded_file_comes_back_as_an_independent_parser_reads_it(desk: Desk) -> None:
    with zipfile.ZipFile(RECORDED) as archive:
        rows = list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))[1:]
    with Emulator(data=[PRICES], now=utc(2026, 8)) as venue:
        manager = desk.manager(venue, "um")
        given: dict[str, Any] = {"chart_type": "premium_index_klines"} | STRICT
        data = manager.query("BTCUSDT", "2024-01", "2024-01", "1h", **given)
        assert_equal(data.to_pandas(), price_frame(rows))
        assert {s.sha256 for s in data.provenance} == {sha256_of(RECORDED)}
        rest = desk.manager(venue, "um", cache_dir=desk.tmp_path / "rest")
        told_by_rest = rest.query("BTCUSDT", "2024-01", "2024-01", "1h", enforce_source="rest", **given)
        assert_equal(told_by_rest.to_pandas(), price_frame(rows))
        assert ask(venue, "um", "klines", symbol="BTCUSDT", interval="1h")[1] == []
    assert data.to_pandas()["close"].min() < 0


@pytest.mark.parametrize("kind", [MARK_PRICE, PREMIUM_INDEX], ids=lambda kind: kind.chart_type)
def test_the_documented_answer_is_read_without_its_placeholders(kind: Any) -> None:
    rows = json.loads((DATA / "rest/um" / f"{kind.method}.docexample.json").read_text())
    table = conform(Answer.from_rows(rows, kind.cells).rows, kind.schema).table
    frame = table.to_pandas().set_index("open_time")
    assert_equal(frame, price_frame(rows))


def test_the_schemas_have_no_volume_and_say_why() -> None:
    for schema in CHART_SCHEMAS:
        assert list(schema.column_names) == COLUMNS
        assert "volume columns are placeholders" in schema.notes
        unit = "fraction" if schema.name == "premium_index_klines" else "quote currency"
        assert all(column.unit.startswith(unit) for column in schema.columns[:4])


def test_an_empty_answer_has_the_same_shape(venue: Emulator, desk: Desk) -> None:
    for market, chart in EVERY:
        frame = desk.manager(venue, market).get_data(
            name_of(market, chart), "2016-01", "2016-01", "1d", chart_type=chart, on_gaps="ignore"
        )
        check_prices(frame)
        assert len(frame) == 0


@pytest.mark.parametrize("chart", METHODS)
def test_spot_has_no_price_klines_and_futures_no_seconds(chart: str, venue: Emulator, desk: Desk) -> None:
    with pytest.raises(UnsupportedChartTypeError):
        desk.manager(venue).get_data("BTCUSDT", "2024-05-01", "2024-05-01", "1h", chart_type=chart)
    with pytest.raises(UnsupportedIntervalError):
        desk.manager(venue, "um").get_data("BTCUSDT", "2024-05-01", "2024-05-01", "1s", chart_type=chart)
    assert sent(venue) == []


def test_the_unfinished_bar_comes_when_it_is_asked_for(venue: Emulator, desk: Desk) -> None:
    for market, chart in EVERY:
        given: dict[str, Any] = {"last": 3, "interval": "1h", "chart_type": chart}
        manager, name = desk.manager(venue, market), name_of(market, chart)
        closed = manager.get_data(name, **given)
        opened = manager.get_data(name, **given, include_open_bar=True)
        assert closed.index[-1] == pd.Timestamp(utc(2024, 6, 15, 11))
        assert opened.index[-1] == pd.Timestamp(utc(2024, 6, 15, 12))
        assert opened["count"].iloc[-1] < closed["count"].iloc[-1] // 60
