"""Days, weeks and months: labels, ends, and which calendar an instrument has."""

from __future__ import annotations

import numpy as np
import pytest

from dsm_core.errors import ConfigError
from dsm_core.model.grid import EpochGrid
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import TimeRange
from dsm_tradestation.grids import calendar_of, label_opens
from dsm_tradestation.instruments import read_instrument
from tradestation.series_grid import grid
from tradestation.wall_clock import Bar, bars, ns, told


def test_equity_days_are_labelled_by_date_and_end_with_the_session() -> None:
    expected: list[Bar] = [
        (f"2024-03-{day} 00:00", f"2024-03-{day} {'21' if day < '10' else '20'}:00")
        for day in ("07", "08", "11", "12")
    ]
    assert bars(grid("equities", "MSFT", "1d"), "2024-03-07", "2024-03-13") == expected
    assert bars(grid("equities", "MSFT", "1d"), "2024-11-27", "2024-12-03") == [
        ("2024-11-27 00:00", "2024-11-27 21:00"),
        ("2024-11-29 00:00", "2024-11-29 18:00"),
        ("2024-12-02 00:00", "2024-12-02 21:00"),
    ]


def test_an_es_day_belongs_to_the_date_on_which_it_closes() -> None:
    assert bars(grid("futures", "@ES", "1d"), "2024-11-01", "2024-11-06") == [
        ("2024-11-01 00:00", "2024-11-01 21:00"),
        ("2024-11-04 00:00", "2024-11-04 22:00"),
        ("2024-11-05 00:00", "2024-11-05 22:00"),
    ]


def test_weeks_and_months_end_with_the_last_session_in_them() -> None:
    assert bars(grid("equities", "MSFT", "1w"), "2024-03-18", "2024-04-09") == [
        ("2024-03-18 00:00", "2024-03-22 20:00"),
        # Good Friday: the week ends on Thursday.
        ("2024-03-25 00:00", "2024-03-28 20:00"),
        ("2024-04-01 00:00", "2024-04-05 20:00"),
        ("2024-04-08 00:00", "2024-04-12 20:00"),
    ]
    # A Monday without a session still labels its week.
    assert bars(grid("equities", "MSFT", "1w"), "2024-01-15", "2024-01-16") == [
        ("2024-01-15 00:00", "2024-01-19 21:00")
    ]
    assert bars(grid("equities", "MSFT", "1M"), "2024-10-01", "2025-02-01") == [
        ("2024-10-01 00:00", "2024-10-31 20:00"),
        ("2024-11-01 00:00", "2024-11-29 18:00"),
        ("2024-12-01 00:00", "2024-12-31 21:00"),
        ("2025-01-01 00:00", "2025-01-31 21:00"),
    ]


@pytest.mark.parametrize(
    ("market", "symbol", "interval", "end", "label"),
    [
        ("equities", "MSFT", "1d", "2024-03-08 21:00", "2024-03-08"),
        ("equities", "MSFT", "1d", "2024-03-11 20:00", "2024-03-11"),
        ("equities", "MSFT", "1d", "2024-11-29 18:00", "2024-11-29"),
        ("equities", "MSFT", "1w", "2024-03-28 20:00", "2024-03-25"),
        ("equities", "MSFT", "1M", "2024-03-28 20:00", "2024-03-01"),
        # The exchange's evening is already tomorrow in UTC.
        ("equities", "MSFT", "1d", "2024-01-06 01:00", "2024-01-05"),
        ("futures", "@ES", "1d", "2024-11-04 22:00", "2024-11-04"),
        ("futures", "@ES", "1w", "2024-11-08 22:00", "2024-11-04"),
        # Still open on Sunday evening, in Chicago and in New York.
        ("futures", "@ES", "1d", "2024-11-03 23:30", "2024-11-04"),
        ("futures", "@ES", "1w", "2024-11-03 23:30", "2024-11-04"),
        ("forex", "EURUSD", "1d", "2024-03-10 21:30", "2024-03-11"),
        ("forex", "EURUSD", "1d", "2024-03-11 21:00", "2024-03-11"),
        ("forex", "EURUSD", "1M", "2024-03-31 23:00", "2024-04-01"),
        ("futures", "@KC", "1d", "2024-03-11 17:30", "2024-03-11"),
        ("crypto", "BTCUSD", "1d", "2024-03-11 00:00", "2024-03-10"),
        ("crypto", "BTCUSD", "1w", "2024-03-11 00:00", "2024-03-04"),
        ("crypto", "BTCUSD", "1M", "2024-04-01 00:00", "2024-03-01"),
    ],
)
def test_a_long_bar_is_labelled_by_the_date_of_its_close(
    market: str, symbol: str, interval: str, end: str, label: str
) -> None:
    found = label_opens(np.array([ns(end)]), Interval(interval), read_instrument(market, symbol))
    assert [told(t) for t in found.tolist()] == [f"{label} 00:00"]


@pytest.mark.parametrize("interval", ["1d", "1w", "1M"])
@pytest.mark.parametrize(
    ("market", "symbol"),
    [
        ("equities", "MSFT"),
        ("futures", "@ES"),
        ("futures", "@C"),
        ("futures", "@CL"),
        ("forex", "EURUSD"),
        ("crypto", "BTCUSD"),
    ],
)
def test_labels_of_stamps_are_the_opens_of_the_grid(market: str, symbol: str, interval: str) -> None:
    known = grid(market, symbol, interval)
    assert known is not None
    opens = known.slots(TimeRange(ns("2007-01-01"), ns("2030-01-01")))
    ends = known.ends(known.indices(opens))
    assert np.array_equal(label_opens(ends, Interval(interval), read_instrument(market, symbol)), opens)


@pytest.mark.parametrize(
    ("market", "symbol", "calendar"),
    [
        ("equities", "BRK.B", "NYSE"),
        ("index", "$SPX.X", "NYSE"),
        ("index", "$VIX.X", "none"),
        ("futures", "@NQ", "CME_Equity"),
        ("futures", "@TY", "CME Globex Fixed Income"),
        ("futures", "@EC", "CMEGlobex_FX"),
        ("futures", "@CL", "CMEGlobex_EnergyAndMetals"),
        ("futures", "@GC", "CMEGlobex_EnergyAndMetals"),
        ("futures", "@W", "CMEGlobex_Grains"),
        ("futures", "@LC", "CMEGlobex_Livestock"),
        ("futures", "@BTC", "none"),
        ("futures", "@KC", "none"),
        ("futures", "@XYZ", "none"),
        ("futures", "@ES.D", "none"),
        ("forex", "EURUSD", "FOREX"),
        ("crypto", "BTCUSD", "24/7"),
        ("options", "AAPL 210129C137", "none"),
    ],
)
def test_each_instrument_has_its_calendar(market: str, symbol: str, calendar: str) -> None:
    assert calendar_of(read_instrument(market, symbol), {}) == calendar


def test_a_configured_calendar_goes_before_the_usual_one_and_a_symbol_before_its_root() -> None:
    own = {"xyz": "CME_Equity", "XYZH25": "none", "MSFT": "none"}
    assert calendar_of(read_instrument("futures", "@XYZ"), own) == "CME_Equity"
    assert calendar_of(read_instrument("futures", "XYZH25"), own) == "none"
    assert grid("futures", "@XYZ", "1h", calendars=own) == grid("futures", "@ES", "1h")
    assert grid("equities", "MSFT", "1h", calendars=own) is None
    with pytest.raises(ConfigError, match="'CME_Equty'"):
        grid("futures", "@XYZ", "1h", calendars={"XYZ": "CME_Equty"})


def test_weeks_and_months_need_no_calendar_but_options_have_none() -> None:
    weeks = grid("futures", "@XYZ", "1w")
    assert isinstance(weeks, EpochGrid)
    assert bars(weeks, "2024-03-04", "2024-03-12") == [
        ("2024-03-04 00:00", "2024-03-11 00:00"),
        ("2024-03-11 00:00", "2024-03-18 00:00"),
    ]
    assert bars(grid("futures", "@XYZ", "1M"), "2024-02-01", "2024-03-01") == [
        ("2024-02-01 00:00", "2024-03-01 00:00")
    ]
    for interval in ("1m", "1d"):
        assert grid("futures", "@XYZ", interval) is None
    for interval in ("1m", "1d", "1w", "1M"):
        assert grid("options", "AAPL 210129C137", interval) is None
