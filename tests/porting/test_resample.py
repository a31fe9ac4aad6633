"""Joined bars are those that the venue would have given, and what cannot be joined is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binance.venues import NOW, Desk, utc
from core.cache_series import HOUR, table_of
from core.strategies import quick
from dsm_binance.emulator import Emulator
from dsm_core import MarketData
from dsm_core.errors import RequestError
from dsm_core.model.grid import grid_for
from dsm_core.model.interval import Interval
from dsm_core.output.resample import resample
from dsm_core.schema.chart_type import KLINES

SUMS = ["volume", "quote_asset_volume", "taker_buy_volume", "taker_buy_quote_volume"]
EXACT = ["open", "high", "low", "close", "close_time", "count"]


def told(data: MarketData) -> list[tuple[datetime, datetime, int | None, str, bool]]:
    return [(g.start_time, g.end_time, g.bars, g.reason, g.final) for g in data.gaps]


@pytest.mark.parametrize(
    ("symbol", "own", "coarse", "start", "end"),
    [
        ("BTCUSDT", "1m", "5m", "2024-02-29", "2024-03-01"),
        ("BTCUSDT", "1m", "1h", "2024-02-29", "2024-03-01"),
        ("BTCUSDT", "1h", "4h", "2024-02", "2024-03"),
        ("BTCUSDT", "1h", "1d", "2024-02", "2024-03"),
        ("BTCUSDT", "1d", "3d", "2024-01-01", "2024-04-29"),
        ("BTCUSDT", "1d", "1w", "2024-01-01", "2024-04-28"),
        ("BTCUSDT", "1h", "1M", "2023-01", "2024-05"),
        ("NEWUSDT", "1h", "1d", "2024-01", "2024-03"),
        ("NEWUSDT", "1h", "1M", "2024-01", "2024-05"),
    ],
)
def test_joined_bars_are_the_venues_own(
    venue: Emulator, desk: Desk, symbol: str, own: str, coarse: str, start: str, end: str
) -> None:
    manager = desk.manager(venue)
    data = manager.query(symbol, start, end, own, on_gaps="ignore").resample(coarse)
    got, want = data.to_pandas(), manager.get_data(symbol, start, end, coarse, on_gaps="ignore")
    pd.testing.assert_frame_equal(got[EXACT], want[EXACT], check_exact=True, check_freq=False)
    # The venue adds decimals, which float64 cannot.
    pd.testing.assert_frame_equal(got[SUMS], want[SUMS], rtol=1e-13, check_freq=False)
    assert list(got.columns) == list(want.columns)
    assert data.coverage.expected == len(data) + (data.coverage.missing or 0)


def test_bars_that_the_venue_has_not_leave_a_final_gap(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue).query("BTCUSDT", "2024-03-01", "2024-03-01", "1m").resample("1h")
    assert told(data) == [(utc(2024, 3, 1, 2), utc(2024, 3, 1, 5), 3, "venue_has_none", True)]
    # 05:00 has its second half, and is the venue's own bar.
    assert utc(2024, 3, 1, 5) in data.to_pandas().index


def test_a_bar_that_lacks_a_source_bar_is_a_gap_with_its_reason(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    for day in ("2024-04-01", "2024-04-03"):
        manager.get_data("BTCUSDT", day, day, "1h")
    data = manager.query(
        "BTCUSDT", "2024-04-01", "2024-04-03", "1h", enforce_source="cache", on_gaps="ignore"
    )
    joined = data.resample("12h")
    assert told(joined) == [(utc(2024, 4, 2), utc(2024, 4, 3), 2, "not_requested", False)]
    assert joined.gaps[0].detail == data.gaps[0].detail
    assert [t.hour for t in joined.to_pandas().index] == [0, 12, 0, 12]
    assert joined.resample("3d").gaps[0].reason == "not_requested"
    assert (joined.coverage.expected, joined.coverage.missing) == (6, 2)


def test_bars_that_the_range_cuts_are_left_out_and_told_of(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue).query("BTCUSDT", utc(2024, 4, 1, 5), utc(2024, 4, 1, 17), "1h")
    joined = data.resample("4h")
    assert [t.hour for t in joined.to_pandas().index] == [8, 12]
    assert told(joined) == [
        (utc(2024, 4, 1, 4), utc(2024, 4, 1, 8), 1, "not_requested", False),
        (utc(2024, 4, 1, 16), utc(2024, 4, 1, 20), 1, "not_requested", False),
    ]
    assert [g.detail for g in joined.gaps] == [
        "the range begins inside this bar",
        "the range ends inside this bar",
    ]


def test_a_range_inside_one_bar_gives_no_bar(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue).query("BTCUSDT", utc(2024, 4, 10), utc(2024, 4, 11), "1h").resample("1M")
    assert len(data) == 0
    assert told(data) == [(utc(2024, 4), utc(2024, 5), 1, "not_requested", False)]


def test_a_bar_that_is_open_is_left_out_also_with_the_open_source_bar(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    data = manager.query("BTCUSDT", utc(2024, 6, 15), None, "1h", include_open_bar=True)
    assert len(data) == 13
    joined = data.resample("8h")
    assert [t.hour for t in joined.to_pandas().index] == [0]
    assert told(joined) == [(utc(2024, 6, 15, 8), utc(2024, 6, 15, 16), 1, "not_closed_yet", False)]
    assert joined.coverage.complete


def test_the_future_stays_a_gap(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue).query("BTCUSDT", "2024-06-15", "2024-06-16", "1h").resample("12h")
    assert told(data) == [(utc(2024, 6, 15, 12), utc(2024, 6, 17), 3, "not_closed_yet", False)]


def test_an_empty_answer_has_the_same_shape(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    later = NOW + timedelta(days=1)
    data = manager.query("BTCUSDT", later, later, "1h", inclusive="neither").resample("1d")
    assert data.to_pandas().dtypes.equals(manager.query("BTCUSDT", last=1, interval="1d").to_pandas().dtypes)


def test_columns_and_sources_stay_as_they_were_asked_for(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue).query(
        "BTCUSDT", "2024-06-14", "2024-06-15", "1h", columns=["close", "low"], include_source_metadata=True
    )
    joined = data.resample("6h")
    frame = joined.to_pandas()
    assert list(frame.columns) == ["close", "low", "_data_source"]
    assert frame["_data_source"].tolist() == ["VISION"] * 4 + ["REST"] * 2
    assert [(s.rows, s.source) for s in joined.provenance] == [(4, "vision"), (2, "rest")]


def test_a_bar_of_several_files_or_sources_names_what_they_share(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    days = manager.query("BTCUSDT", "2024-06-12", "2024-06-13", "1h").resample("2d")
    assert [(s.source, s.origin) for s in days.provenance] == [("vision", None)]
    sources = manager.query("BTCUSDT", utc(2024, 6, 14, 12), utc(2024, 6, 15, 5), "1h").resample("18h")
    assert [(s.source, s.origin, s.rows) for s in sources.provenance] == [("vision+rest", None, 1)]


def test_joining_twice_is_joining_once(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue).query("BTCUSDT", "2024-02", "2024-03", "1h")
    once, twice = data.resample("1d"), data.resample("4h").resample("1d")
    assert once.to_pandas()[EXACT].equals(twice.to_pandas()[EXACT])
    assert told(once) == told(twice)


@pytest.mark.parametrize(
    ("own", "coarse"),
    [
        ("1h", "1h"), ("1h", "30m"), ("1h", "90m"), ("4h", "6h"), ("1d", "36h"), ("1w", "1M"), ("3d", "1w"),
        ("1w", "30d"), ("1M", "1w"), ("1h", "999999w"), ("1h", "999999M"), ("1M", "9999M"), ("1w", "14d"),
    ],
)  # fmt: skip
def test_what_is_no_whole_multiple_is_refused(venue: Emulator, desk: Desk, own: str, coarse: str) -> None:
    data = desk.manager(venue).query("BTCUSDT", "2024-01", "2024-02", own, on_gaps="ignore")
    with pytest.raises(RequestError, match=f"{Interval(coarse)}.* {own}"):
        data.resample(coarse)


def test_text_that_is_no_interval_is_refused(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue).query("BTCUSDT", "2024-02-01", "2024-02-01", "1h")
    for text in ("", "hour", "0h", "-4h"):
        with pytest.raises(RequestError):
            data.resample(text)


def test_events_cannot_be_joined(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue, "um", chart_type="funding_rate")
    data = manager.query("BTCUSDT", "2024-02-01", "2024-02-01", None)
    with pytest.raises(RequestError, match="Only bars"):
        data.resample("1d")


def test_nulls_are_ignored_and_nothing_but_nulls_is_null() -> None:
    table = table_of({i * HOUR: float(i) for i in range(4)})
    for name, values in {"volume": [None, 2.0, None, None], "count": [None, None, None, 5]}.items():
        column = pa.array(values, table.schema.field(name).type)
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)
    joined = resample(table, KLINES, np.array([0, 0, 2, 2], dtype=np.int64) * HOUR)
    assert joined.schema.equals(KLINES.arrow())
    assert joined.column("volume").to_pylist() == [2.0, None]
    assert joined.column("count").to_pylist() == [None, 5]


@quick
@given(st.sets(st.integers(0, 60), max_size=40), st.sampled_from(["2h", "6h", "1d"]))
def test_rows_are_joined_as_a_loop_would(places: set[int], coarse: str) -> None:
    rng = np.random.default_rng(len(places))
    rows = {place * HOUR: float(rng.integers(1, 1000)) for place in places}
    grid = grid_for(Interval(coarse))
    by_bar: dict[int, list[float]] = {}
    for t in sorted(rows):
        by_bar.setdefault(grid.floor(t), []).append(rows[t])
    opens = sorted(by_bar)
    slots = np.array([grid.floor(t) for t in sorted(rows)], dtype=np.int64)
    got = resample(table_of(rows), KLINES, slots)
    expected: dict[str, list[Any]] = {
        "open": [by_bar[t][0] for t in opens],
        "high": [max(by_bar[t]) for t in opens],
        "low": [min(by_bar[t]) for t in opens],
        "close": [by_bar[t][-1] for t in opens],
        "volume": [sum(by_bar[t]) for t in opens],
        "count": [int(sum(by_bar[t])) for t in opens],
    }
    assert got.column("open_time").cast(pa.int64()).to_pylist() == opens
    assert {name: got.column(name).to_pylist() for name in expected} == expected
