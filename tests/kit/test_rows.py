"""Rows that the kit invents, and the ways in which an answer takes them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve
from hypothesis import given

from core.strategies import quick
from dsm_core.model import Interval, RangeSet, TimeRange, grid_for, to_ns
from dsm_core.plugins import Answer
from dsm_core.schema.chart_type import chart_schema
from dsm_core.schema.conform import conform
from dsm_core.testing import Bars, invented_bars, klines_table
from dsm_core.testing.strategies import bars_tables, hostile_symbols, intervals, range_sets, time_ranges

START = datetime(2024, 2, 28, 5, tzinfo=UTC)
KLINES = chart_schema("klines")
ALL = "open_time:ns open high low close volume close_time:ns quote_asset_volume count taker_buy_volume"


def made(hours: int = 48, **more: Any) -> Bars:
    return invented_bars("ACME", "1h", START, START + timedelta(hours=hours), **more)


def test_rows_are_the_same_however_they_are_asked_for() -> None:
    whole = made().cells(ALL)
    assert whole == made().cells(ALL)
    assert made().between(to_ns(START) + 5 * 3600 * 10**9).cells(ALL) == whole[5:]
    assert [row.open for row in made().last(3)] == [cells[1] for cells in whole[-3:]]


def test_rows_of_two_symbols_differ() -> None:
    end = START + timedelta(hours=1)
    assert invented_bars("ACME", "1h", START, end)[0].open != invented_bars("BETA", "1h", START, end)[0].open


def test_prices_are_consistent_and_some_bars_have_no_trade() -> None:
    bars = made(500)
    for row in bars:
        low, high = Decimal(row.low), Decimal(row.high)
        assert low <= min(Decimal(row.open), Decimal(row.close))
        assert high >= max(Decimal(row.open), Decimal(row.close))
        assert (row.count == 0) == (Decimal(row.volume) == 0)
    assert 0 < sum(row.count == 0 for row in bars) < 100


def test_bounds_are_half_open_and_taken_in_any_unit_and_as_text() -> None:
    start = int(START.timestamp())
    assert len(made().between(start, start + 7200, unit="s")) == 2
    assert len(made().between(str(start * 1000), str((start + 7200) * 1000 + 1), unit="ms")) == 3
    assert len(made().between(None, None, limit="5")) == 5
    assert len(made().between(start + 7200, start, unit="s")) == 0


def test_a_part_by_count_is_the_oldest_or_the_newest() -> None:
    bars = made()
    times = [row.time for row in bars]
    assert [row.time for row in bars.first(3)] == times[:3]
    assert [row.time for row in bars.last(3)] == times[-3:]
    assert [row.time for row in bars[::-1]] == times[::-1]
    assert len(bars.first(0)) == len(bars.last(0)) == 0
    assert len(bars.last(1000)) == 48


def test_outages_do_not_shorten_a_part_by_count() -> None:
    bars = made()
    hole = RangeSet.of(TimeRange(to_ns(START) + 2 * 3600 * 10**9, to_ns(START) + 40 * 3600 * 10**9))
    holed = evolve(bars, book=evolve(bars.book, holes=hole))
    assert [row.time for row in holed.first(4)] == [holed[i].time for i in range(4)]
    assert len(holed.first(4)) == 4
    assert len(holed.last(9)) == 9


def test_the_open_bar_is_last_and_becomes_another() -> None:
    now = START + timedelta(hours=47, minutes=20)
    bars = made(now=now)
    assert bars[-1].time == to_ns(START) + 47 * 3600 * 10**9
    assert len(bars.closed) == len(bars) - 1
    assert bars[-1].close != made()[-1].close
    assert bars.closed[-1].close == made()[-2].close


def test_the_order_of_sending_disturbs_iteration_and_no_index() -> None:
    bars = made()
    twice, mixed = evolve(bars, order="repeated"), evolve(bars, order="shuffled")
    assert len(list(twice)) > len(twice) == len(bars)
    sent = [row.time for row in mixed]
    assert sent != sorted(sent)
    assert sorted(sent) == [row.time for row in bars]
    assert mixed[5].time == bars[5].time


def test_forms_of_cells() -> None:
    bars = made(1)
    row = bars[0]
    assert bars.cells("open_time:iso open:float _ count") == [
        ["2024-02-28T05:00:00Z", float(row.open), "0", row.count]
    ]
    assert bars.records("t=open_time:s close") == [{"t": int(START.timestamp()), "close": row.close}]
    assert bars.csv("open_time:ms open", header=True) == f"open_time,open\n{row.open_time.ms},{row.open}\n"
    with pytest.raises(ValueError, match="open_time:hours"):
        bars.cells("open_time:hours")


def test_a_row_knows_its_columns() -> None:
    row = made(1)[0]
    assert list(row) == [KLINES.index, *KLINES.column_names]
    assert row.close_time.ms == row.open_time.ms + 3_599_999
    assert row.time.datetime == START
    assert (row.time.s, row.time.us) == (row.time // 10**9, row.time // 1000)


def test_cells_are_the_inverse_of_from_rows() -> None:
    cells = made().cells(" ".join(("open_time:ns", *_forms())))
    found = conform(Answer.from_rows(cells, " ".join(("open_time:ns", *_forms()))).rows, KLINES).table
    assert found.equals(klines_table("ACME", "1h", START, START + timedelta(hours=48)))


def _forms() -> list[str]:
    return [f"{name}:ns" if name == "close_time" else name for name in KLINES.column_names]


def test_events_come_at_irregular_times_and_tell_their_intervals() -> None:
    bars = invented_bars("ACME", "", START, START + timedelta(days=20), chart_type="funding_rate")
    hours = [row.funding_interval for row in bars]
    assert set(hours) == {"4h", "8h"}
    spaced = [(b.time - a.time) // (3600 * 10**9) for a, b in itertools.pairwise(bars)]
    assert [f"{h}h" for h in spaced] == hours[1:]
    assert {row.contracts for row in bars} == {"ACME"}
    assert any(row.funding_rate.startswith("-") for row in bars)


@quick
@given(table=bars_tables("1d"))
def test_drawn_tables_conform(table: pa.Table) -> None:
    assert conform(table, KLINES, grid=grid_for(Interval("1d"))).table.equals(table)


@quick
@given(span=time_ranges("1M", most=20), spans=range_sets("1w"), interval=intervals())
def test_drawn_ranges_are_whole_bars(span: TimeRange, spans: RangeSet, interval: Interval) -> None:
    assert grid_for(Interval("1M")).align(RangeSet.of(span)) == RangeSet.of(span)
    assert grid_for(Interval("1w")).align(spans) == spans
    assert Interval(str(interval)) == interval


@quick
@given(symbol=hostile_symbols())
def test_hostile_symbols_are_text(symbol: str) -> None:
    assert symbol
