"""Names on disk: nothing collides, nothing leaves the root, and periods mean what they say."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cache_series import DAY, FUNDING, HOUR, MINUTE, at, key_of
from dsm_core.cache import escape, unescape
from dsm_core.cache.paths import MAX_COMPONENT, LetterCase, series_folder
from dsm_core.cache.period import PeriodKind, coarse_kind, parse_period, period_at, periods_in
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES

SPELLINGS = st.sampled_from(["upper", "lower"])
TEXTS = st.text(max_size=60) | st.sampled_from(
    [
        "",
        ".",
        "..",
        "/",
        "\\",
        "\0",
        "CON",
        "con",
        "nul",
        "COM1",
        "lpt9",
        "a b",
        "BTC.",
        "BTC ",
        "é",
        "~",
        "%41",
    ]
)
SAFE = re.compile(r"(%|(%~[0-9a-f]{32}|%[0-9A-F]{2}|[A-Za-z0-9_-])+)\Z")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("BTCUSDT", "BTCUSDT"),
        ("ETH-29MAR24-3500-C", "ETH-29MAR24-3500-C"),
        ("btc", "%62%74%63"),
        ("BRK.B", "BRK%2EB"),
        ("币安", "%E5%B8%81%E5%AE%89"),
        ("CON", "%43ON"),
        ("COM10", "COM10"),
        ("..", "%2E%2E"),
        ("", "%"),
    ],
)
def test_a_symbol_is_spelt_as_documented(text: str, name: str) -> None:
    assert escape(text) == name


@given(TEXTS, SPELLINGS)
def test_a_component_is_safe_and_reads_back(text: str, keep: LetterCase) -> None:
    name = escape(text, keep=keep)
    assert SAFE.match(name)
    assert not re.match(r"(con|prn|aux|nul|com\d|lpt\d)\Z", name, re.IGNORECASE)
    assert len(name) <= MAX_COMPONENT
    if "%~" in name:
        with pytest.raises(ValueError, match="shortened"):
            unescape(name)
    else:
        assert unescape(name) == text


@given(st.text(st.characters(), max_size=8), st.text(st.characters(), max_size=8), SPELLINGS)
def test_two_texts_never_share_a_name_even_where_case_is_ignored(a: str, b: str, keep: LetterCase) -> None:
    assert (escape(a, keep=keep).casefold() == escape(b, keep=keep).casefold()) == (a == b)


@pytest.mark.parametrize(
    "pair", [("btc", "BTC"), ("Btc", "bTC"), ("A" * 200, "A" * 201), ("a" * 50, "A" * 150)]
)
def test_pairs_that_a_careless_scheme_mixes_up_stay_apart(pair: tuple[str, str]) -> None:
    first, second = (escape(text).casefold() for text in pair)
    assert first != second


@given(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_a_series_folder_stays_below_the_root(symbol: str, options: dict[str, str]) -> None:
    parts = series_folder(key_of("1M", symbol, **options)).split("/")
    assert len(parts) == 5
    assert all(part and part not in (".", "..") and len(part) <= MAX_COMPONENT for part in parts)
    assert parts[-1].startswith("1mo")


def test_a_series_folder_reads_as_documented() -> None:
    assert series_folder(key_of("1m")) == "binance/spot/klines/BTCUSDT/1m"
    assert series_folder(key_of("1M", "BRK.B", session="Pre", adjusted="true")) == (
        "binance/spot/klines/BRK%2EB/1mo;adjusted=true;session=%50re"
    )
    assert series_folder(key_of(None)) == "binance/spot/funding_rate/BTCUSDT/all"


@pytest.mark.parametrize(
    ("interval", "kind"),
    [
        ("1s", PeriodKind.DAY),
        ("59s", PeriodKind.DAY),
        ("90s", PeriodKind.MONTH),
        ("1m", PeriodKind.MONTH),
        ("59m", PeriodKind.MONTH),
        ("1h", PeriodKind.YEAR),
        ("1w", PeriodKind.YEAR),
        ("1M", PeriodKind.YEAR),
        (None, PeriodKind.YEAR),
    ],
)
def test_the_interval_decides_the_period(interval: str | None, kind: PeriodKind) -> None:
    assert coarse_kind(KLINES, Interval(interval) if interval else None) is kind
    assert coarse_kind(FUNDING, Interval(interval) if interval else None) is PeriodKind.YEAR


@pytest.mark.parametrize(
    ("kind", "name", "length"),
    [
        (PeriodKind.YEAR, "2024", 366 * DAY),
        (PeriodKind.MONTH, "2024-02", 29 * DAY),
        (PeriodKind.DAY, "2024-02-29", DAY),
        (PeriodKind.HOUR, "2024-02-29T07", HOUR),
    ],
)
def test_a_period_has_its_name_and_length(kind: PeriodKind, name: str, length: int) -> None:
    period = period_at(kind, at(2024, 2, 29, 7, 30))
    assert (period.name, period.end - period.start) == (name, length)
    assert parse_period(name) == period


@pytest.mark.parametrize(
    "name", ["", "24", "2024-1", "2024-13", "2024-02-30", "2024-02-29T24", "٢٠٢٤", "abcd", "-024"]
)
def test_other_names_mean_no_period(name: str) -> None:
    assert parse_period(name) is None


@given(st.sampled_from(PeriodKind), st.integers(at(1970, 1, 1), at(2200, 1, 1)), st.integers(1, 3 * DAY))
def test_periods_tile_time(kind: PeriodKind, start: int, length: int) -> None:
    periods = list(periods_in(kind, TimeRange(start, start + length)))
    assert periods[0].start <= start < periods[0].end
    assert periods[-1].start < start + length <= periods[-1].end
    assert all(a.end == b.start for a, b in pairwise(periods))
    assert all(p.start % MINUTE == 0 for p in periods)
