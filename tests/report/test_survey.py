"""What a survey of the cache finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from core.cache_series import DAY, HOUR, at, entry
from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.model.provenance import Gap
from dsm_core.model.series import SeriesKey, matches
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.report import SeriesCoverage, survey
from dsm_core.schema.chart_type import KLINES
from report.samples import NOW, bars, fill, hole, key_of, put

START = at(2025, 1, 1)


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    return CacheStore(tmp_path / "cache")


def only(store: CacheStore, now: int = NOW) -> SeriesCoverage:
    (found,) = survey(store, now=now)
    return found


def ranges(*hours: tuple[int, int]) -> RangeSet:
    return RangeSet.from_pairs((START + a * HOUR, START + b * HOUR) for a, b in hours)


def test_held_holes_provisional_and_missing_tile_the_span(store: CacheStore) -> None:
    put(
        store,
        key_of("BTCUSDT"),
        [(START, START + 10 * HOUR), (START + 20 * HOUR, START + 30 * HOUR)],
        hole(START + 10 * HOUR, START + 14 * HOUR),
        hole(START + 30 * HOUR, START + 33 * HOUR, final=False),
    )
    found = only(store)
    assert (found.held, found.holes) == (ranges((0, 10), (20, 30)), ranges((10, 14)))
    assert (found.provisional, found.missing) == (ranges((30, 33)), ranges((14, 20)))
    assert found.span == TimeRange(START, START + 33 * HOUR)
    assert found.behind == TimeRange(START + 33 * HOUR, NOW - NOW % HOUR)
    assert found.held_share == pytest.approx(20 / 29)
    assert (found.rows, found.rows_by_source, found.slot_ns) == (20, {"vision": 20}, HOUR)
    assert (found.first, found.last) == (START, START + 29 * HOUR)


def test_gaps_have_reasons_and_say_what_is_final(store: CacheStore) -> None:
    put(
        store,
        key_of("BTCUSDT"),
        [(START, START + 10 * HOUR), (START + 20 * HOUR, START + 30 * HOUR)],
        hole(START + 10 * HOUR, START + 12 * HOUR),
        entry(START + 12 * HOUR, START + 14 * HOUR, "confirmed", source="rest", fetched=5),
        hole(START + 30 * HOUR, START + 33 * HOUR, final=False),
    )
    told = [(g.start_ns, g.bars, g.reason, g.final) for g in only(store).gaps]
    assert told == [
        (START + 10 * HOUR, 4, "venue_has_none", True),
        (START + 14 * HOUR, 6, "not_requested", False),
        (START + 30 * HOUR, 3, "venue_has_none", False),
    ]
    assert only(store).open_gaps == 2


def test_a_series_up_to_the_last_closed_bar_is_not_behind(store: CacheStore) -> None:
    put(store, key_of("BTCUSDT"), [(START, START + 10 * HOUR)])
    assert only(store, now=START + 10 * HOUR + HOUR // 2).behind is None
    assert only(store, now=START + 11 * HOUR).behind == TimeRange(START + 10 * HOUR, START + 11 * HOUR)


def test_sources_are_counted_by_rows_most_first(store: CacheStore) -> None:
    put(store, key_of("BTCUSDT"), [(NOW - NOW % HOUR - 40 * DAY, NOW - NOW % HOUR)])
    assert list(only(store).rows_by_source.items()) == [("rest", 719), ("vision", 241)]


def test_days_are_divided_to_the_nanosecond(store: CacheStore) -> None:
    put(
        store,
        key_of("BTCUSDT"),
        [(START + 6 * HOUR, START + 30 * HOUR), (START + 50 * HOUR, START + 72 * HOUR)],
        hole(START + 30 * HOUR, START + 33 * HOUR),
    )
    days = only(store).days()
    assert days is not None
    assert (days.first.isoformat(), len(days)) == ("2025-01-01", 3)
    hours = [(part // HOUR).tolist() for part in (days.held, days.holes, days.provisional, days.missing)]
    assert hours == [[18, 6, 22], [0, 3, 0], [0, 0, 0], [0, 15, 2]]


def test_events_have_no_bars_to_count(store: CacheStore) -> None:
    fill(store)
    (found,) = survey(store, "*/funding_rate/*", now=NOW)
    assert (found.slot_ns, found.gaps, found.rows) == (None, (), 1641)
    assert found.behind == TimeRange(at(2025, 7, 1), NOW)


def test_no_bars_are_told_where_rows_do_not_fill_the_usual_grid(store: CacheStore) -> None:
    # An exchange's session: one slot reaches over the night, so eight rows vouch for a day.
    table = bars([(START, START + 4 * HOUR), (START + 24 * HOUR, START + 28 * HOUR)], HOUR)
    told = (entry(START, START + 28 * HOUR), hole(START + 28 * HOUR, START + 30 * HOUR))
    # Nobody installed can tell the grid of this one.
    key = evolve(key_of("BTCUSDT"), provider="elsewhere")
    store.write(key, KLINES, [CacheBatch(table=table, entries=told)], now=NOW)
    found = only(store)
    assert (found.rows, found.slot_ns) == (8, None)
    assert [gap.bars for gap in found.gaps] == [None]


def test_a_series_of_which_only_absences_are_known(store: CacheStore) -> None:
    batch = CacheBatch(table=KLINES.arrow().empty_table(), entries=(hole(START, START + DAY),))
    store.write(key_of("BTCUSDT"), KLINES, [batch], now=NOW)
    found = only(store)
    assert (found.rows, found.first, found.rows_by_source, found.held_share) == (0, None, {}, 0.0)
    assert found.gaps == (
        Gap(start_ns=START, end_ns=START + DAY, bars=24, reason="venue_has_none", final=True),
    )


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        (None, True),
        ("BTC*", True),
        ("btc*", False),
        ("ETH*", False),
        ("*USD?", True),
        ("binance/spot/klines/BTCUSDT/1h", True),
        ("binance/*/1h", True),
        ("binance/*/1H", False),
        ("*/klines/*", True),
        ("", False),
    ],
)
def test_a_pattern_means_a_symbol_or_a_whole_name(pattern: str | None, fits: bool) -> None:
    assert matches(key_of("BTCUSDT"), pattern) is fits


def test_the_key_of_a_series_without_interval_ends_with_its_symbol() -> None:
    key = key_of("BTCUSDT", None, "funding_rate", "futures_usdt")
    assert str(key) == "binance/futures_usdt/funding_rate/BTCUSDT"
    assert SeriesKey.parse(str(key)) == SeriesKey.parse(f"{key}/") == key
    special = evolve(key, options=(("rate_type", "all"),))
    assert str(special) == f"{key};rate_type=all"
    assert SeriesKey.parse(str(special)) == special
    assert matches(key, "*/BTCUSDT")


def test_a_survey_of_nothing_is_empty(store: CacheStore) -> None:
    assert survey(store, now=NOW) == []
