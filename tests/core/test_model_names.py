"""Intervals and open names are text with attributes, and equal what they mean."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import quick
from dsm_core.errors import RequestError
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, DataSource, MarketType, OpenName
from dsm_core.plugins.registry import DataProvider

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("60m", "1h"),
        ("24h", "1d"),
        ("60s", "1m"),
        ("3600s", "1h"),
        ("86400s", "1d"),
        ("1440m", "1d"),
        ("1mo", "1M"),
        ("12mo", "12M"),
        ("90s", "90s"),
        ("120m", "2h"),
        ("36h", "36h"),
        ("007m", "7m"),
    ],
)
def test_equal_lengths_are_equal_intervals(written: str, same: str) -> None:
    assert Interval(written) == Interval(same) == same
    assert hash(Interval(written)) == hash(same)


@pytest.mark.parametrize(("a", "b"), [("7d", "1w"), ("1m", "1M"), ("30d", "1M"), ("12M", "365d")])
def test_calendar_intervals_differ_from_their_usual_length(a: str, b: str) -> None:
    assert Interval(a) != Interval(b)


@quick
@given(st.integers(1, 999_999), st.sampled_from([*SECONDS]))
def test_reading_an_interval_keeps_its_length(number: int, unit: str) -> None:
    read = Interval(f"{number}{unit}")
    assert read.nanoseconds == number * SECONDS[unit] * 10**9
    assert read.number * SECONDS[read.unit] == number * SECONDS[unit]
    assert Interval(str(read)) == read


@pytest.mark.parametrize(
    "text",
    ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"],
)
def test_the_usual_intervals_are_constants(text: str) -> None:
    interval = Interval(text)
    assert getattr(Interval, interval.name) == interval
    assert interval.value == str(interval) == text
    assert repr(interval) == f"Interval({text!r})"


def test_names_of_constants_tell_unit_and_number() -> None:
    assert Interval.HOUR_8 == Interval("8h") == "8h"
    assert Interval("45m").name == "MINUTE_45"
    assert Interval.MONTH_1.name == "MONTH_1"


def test_months_have_no_length_in_nanoseconds_and_a_path_name_that_keeps_case_apart() -> None:
    assert Interval("1M").nanoseconds is None
    assert (Interval("1M").path_name, Interval("1m").path_name) == ("1mo", "1m")
    assert Interval(Interval("3M").path_name) == Interval("3M")


@pytest.mark.parametrize(
    "bad",
    ["", "m", "0m", "00h", "-1m", "1.5h", "1y", "1D", "1H", "1S", " 1m", "1m ", "1m\n", "1234567s", "1MO"],
)
def test_text_that_is_no_interval_is_refused_by_name(bad: str) -> None:
    with pytest.raises(RequestError) as caught:
        Interval(bad)
    assert repr(bad) in str(caught.value)
    assert caught.value.details["value"] == bad


@pytest.mark.parametrize("bad", [None, 60, 1.5, b"1m", ["1m"]])
def test_a_value_of_another_type_is_no_interval(bad: object) -> None:
    with pytest.raises(RequestError, match="is not an interval"):
        Interval(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [Interval("8h"), Interval("1M"), MarketType.SPOT, ChartType("bars"), DataSource.REST, DataProvider("x1")],
)
def test_names_survive_pickling_and_copying(value: str) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(value, protocol))
        assert (type(again), again) == (type(value), value)
    for again in (copy.copy(value), copy.deepcopy(value)):
        assert (type(again), again) == (type(value), value)


def test_aliases_become_the_name_they_stand_for() -> None:
    assert MarketType("um") == MarketType.FUTURES_USDT == "futures_usdt"
    assert MarketType("CM") == MarketType.FUTURES_COIN == "futures_coin"
    assert MarketType("um").name == "FUTURES_USDT"


def test_open_names_are_lower_case_text_with_name_and_value() -> None:
    source = DataSource(" Vision ")
    assert source == DataSource.VISION == "vision"
    assert (str(source), source.name, source.value) == ("vision", "VISION", "vision")
    assert repr(source) == "DataSource.VISION"
    assert f"{source}" == "vision"
    assert {source: 1}["vision"] == 1


def test_any_well_formed_name_is_open_to_a_provider() -> None:
    assert MarketType("lending_2") == "lending_2"
    assert MarketType(MarketType.SPOT) is not None


@pytest.mark.parametrize(
    "bad", ["", " ", "2spot", "spot-um", "a b", "spot!", "späť", "_spot", "a\nb", "../x"]
)
def test_ill_formed_names_are_refused_by_name(bad: str) -> None:
    for cls in (MarketType, ChartType, DataSource, DataProvider):
        with pytest.raises(RequestError) as caught:
            cls(bad)
        assert repr(bad) in str(caught.value)
        assert cls.__name__ in str(caught.value)


@pytest.mark.parametrize("bad", [None, 1, b"spot", object()])
def test_names_of_another_type_are_refused(bad: object) -> None:
    with pytest.raises(RequestError, match="takes a name"):
        OpenName(bad)  # type: ignore[arg-type]


@quick
@given(st.text(max_size=12))
def test_any_text_is_an_interval_or_a_request_error(text: str) -> None:
    for read in (Interval, MarketType):
        try:
            value = read(text)
        except RequestError:
            continue
        assert read(str(value)) == value
        assert value.isascii()


@pytest.mark.parametrize(
    ("cls", "attribute", "told"),
    [
        (MarketType, "SPOTT", "MarketType.SPOT"),
        (MarketType, "spot", "MarketType.SPOT"),
        (ChartType, "KLINE", "ChartType.KLINES"),
        (DataSource, "VISON", "DataSource.VISION"),
        (DataSource, "X", "DataSource('x')"),
        (Interval, "HOURS_1", "Interval.HOUR_1"),
        (Interval, "HOUR_3", "Interval('3h')"),
        (Interval, "MINUTES_45", "Interval('45m')"),
        (DataProvider, "BINANCEE", "Did you mean 'binance'"),
    ],
)
def test_a_misspelt_constant_names_the_one_that_was_meant(cls: type, attribute: str, told: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(cls, attribute)
    assert told in str(caught.value)
    assert attribute.lower() in str(caught.value).lower()
    assert caught.value.name == attribute
    assert not hasattr(cls, attribute)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1H", "1h"),
        ("1D", "1d"),
        ("5min", "5m"),
        ("1 hour", "1h"),
        ("4hrs", "4h"),
        ("15T", "15m"),
        ("daily", None),
        ("1day", "1d"),
        ("1MO", "1mo"),
        ("1y", "12M"),
        ("60", None),
        (" 1m", "1m"),
    ],
)
def test_an_interval_in_another_way_of_writing_names_the_right_one(written: str, meant: str | None) -> None:
    with pytest.raises(RequestError) as caught:
        Interval(written)
    if meant is None:
        assert "Did you mean" not in str(caught.value)
    else:
        read = str(caught.value).partition("Did you mean '")[2].partition("'")[0]
        assert Interval(read) == Interval(meant)
