"""Grids number their slots; every question agrees with plain calendar arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import DAY, HOUR, MINUTE, at, instants, quick
from dsm_core.model.grid import EpochGrid, Grid, MonthGrid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import RangeSet, TimeRange, from_ns, to_ns

# 1970-01-03 opens a 3-day bar in this example; the venue's own anchor is its provider's business.
NAMES = ("1s", "1m", "45m", "1h", "8h", "1d", "3d", "1w", "2w", "1M", "3M", "5M", "12M")
GRIDS: dict[str, Grid] = {name: grid_for(Interval(name), day_anchor=2) for name in NAMES}
grids = st.sampled_from(NAMES).map(lambda name: (Interval(name), GRIDS[name]))


def naive_floor(interval: Interval, t: int) -> datetime:
    """The open of the slot that holds ``t``, by counting days and months."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=t // 1000)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    number = interval.number
    if interval.unit == "M":
        months = moment.year * 12 + moment.month - 1 - 1970 * 12
        year, month = divmod(1970 * 12 + months - months % number, 12)
        return datetime(year, month + 1, 1, tzinfo=UTC)
    if interval.unit == "w":
        monday = day - timedelta(days=day.weekday())
        weeks = (monday - datetime(1970, 1, 5, tzinfo=UTC)).days // 7
        return monday - timedelta(weeks=weeks % number)
    if interval.unit == "d":
        return day - timedelta(days=(day - datetime(1970, 1, 3, tzinfo=UTC)).days % number)
    seconds = {"s": 1, "m": 60, "h": 3600}[interval.unit] * number
    passed = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=passed - passed % seconds)


@quick
@given(grids, instants())
def test_floor_is_what_the_calendar_says(named: tuple[Interval, Grid], t: int) -> None:
    interval, grid = named
    assert from_ns(grid.floor(t)) == naive_floor(interval, t)


@quick
@given(grids, instants())
def test_floor_ceil_and_next_enclose_an_instant(named: tuple[Interval, Grid], t: int) -> None:
    _, grid = named
    low, high, after = grid.floor(t), grid.ceil(t), grid.next(t)
    assert low <= t <= high
    assert low <= t < after
    assert high == (t if low == t else after)
    assert grid.floor(low) == grid.ceil(low) == low
    assert grid.floor(after - 1) == low
    assert grid.next(low) == after


@quick
@given(grids, instants(at(1950, 1, 1), at(2150, 1, 1)), st.integers(-30, 30))
def test_going_back_and_forth_ends_where_it_began(named: tuple[Interval, Grid], t: int, slots: int) -> None:
    _, grid = named
    there = grid.back(t, slots)
    assert grid.back(there, -slots) == grid.ceil(t)
    assert abs(grid.index_of(there) - grid.index_of(grid.ceil(t))) == abs(slots)


@quick
@given(grids, instants(at(1950, 1, 1), at(2150, 1, 1)), st.integers(0, 40), st.integers(0, 10**15))
def test_slots_are_the_opens_inside_a_span(
    named: tuple[Interval, Grid], start: int, slots: int, more: int
) -> None:
    _, grid = named
    end = grid.back(start, -slots) + more % HOUR
    if end <= start:
        return
    span = TimeRange(start, end)
    expected = []
    t = grid.ceil(start)
    while t < end:
        expected.append(t)
        t = grid.next(t)
    assert grid.slots(span).tolist() == expected
    assert grid.count(span) == len(expected)


@quick
@given(
    grids, st.lists(st.tuples(instants(at(2019, 1, 1), at(2019, 3, 1)), st.integers(1, 3 * DAY)), max_size=4)
)
def test_runs_of_the_slots_of_a_range_are_the_aligned_range(
    named: tuple[Interval, Grid], pairs: list[tuple[int, int]]
) -> None:
    interval, grid = named
    scale = 1 if interval.unit not in "sm" else 1000
    spans = RangeSet.from_pairs((start, start + length // scale) for start, length in pairs)
    aligned = grid.align(spans)
    opens = np.unique(np.concatenate([grid.slots(r) for r in spans] or [np.empty(0, np.int64)]))
    assert grid.runs(opens) == aligned
    assert grid.align(aligned) == aligned
    assert grid.count_all(spans) == grid.count_all(aligned) == len(opens)


@quick
@given(grids, st.lists(instants(), min_size=1, max_size=20))
def test_arrays_answer_as_single_instants_do(named: tuple[Interval, Grid], times: list[int]) -> None:
    _, grid = named
    array = np.array(times, dtype=np.int64)
    index = grid.indices(array)
    assert index.tolist() == [grid.index_of(t) for t in times]
    assert grid.opens(index).tolist() == [grid.open_of(i) for i in index.tolist()]
    assert (index.dtype, grid.opens(index).dtype) == (np.int64, np.int64)


def test_no_opens_make_no_runs() -> None:
    for grid in GRIDS.values():
        assert grid.runs(np.empty(0, np.int64)) == RangeSet()


def test_weeks_open_on_mondays() -> None:
    weeks = grid_for(Interval("1w"))
    assert from_ns(weeks.floor(at(2024, 3, 3, 23, 59))) == datetime(2024, 2, 26, tzinfo=UTC)
    assert from_ns(weeks.floor(at(1969, 12, 31))) == datetime(1969, 12, 29, tzinfo=UTC)
    assert from_ns(weeks.ceil(at(2024, 3, 4))) == datetime(2024, 3, 4, tzinfo=UTC)


def test_an_anchor_moves_days_and_nothing_else() -> None:
    assert from_ns(grid_for(Interval("3d"), day_anchor=1).floor(at(1970, 1, 5))) == datetime(
        1970, 1, 5, tzinfo=UTC
    )
    assert grid_for(Interval("1h"), day_anchor=1) == grid_for(Interval("1h"))
    assert grid_for(Interval("1w"), day_anchor=1) == grid_for(Interval("1w"))
    assert grid_for(Interval("3d"), day_anchor=1) == grid_for(Interval("3d"), day_anchor=1)


def test_a_leap_february_has_29_days() -> None:
    months = MonthGrid()
    for year, days in ((2023, 28), (2024, 29), (1900, 28), (2000, 29), (1964, 29)):
        assert months.next(at(year, 2, 10)) - months.floor(at(year, 2, 10)) == days * DAY


def test_months_before_1970_are_counted_backwards() -> None:
    quarters = MonthGrid(3)
    assert from_ns(quarters.floor(at(1969, 12, 31))) == datetime(1969, 10, 1, tzinfo=UTC)
    assert quarters.index_of(at(1969, 12, 31)) == -1
    assert quarters.indices(np.array([at(1969, 12, 31)], np.int64)).tolist() == [-1]
    assert from_ns(MonthGrid(5).floor(at(1969, 7, 31))) == datetime(1969, 3, 1, tzinfo=UTC)


def test_a_month_span_counts_its_opens() -> None:
    months = MonthGrid()
    assert months.count(TimeRange(at(2024, 1, 1), at(2024, 3, 1))) == 2
    assert months.count(TimeRange(at(2024, 1, 2), at(2024, 3, 1, 0, 1))) == 2
    assert months.count(TimeRange(at(2024, 1, 2), at(2024, 1, 31))) == 0


def test_a_grid_with_an_anchor_opens_there() -> None:
    grid = EpochGrid(HOUR, 30 * MINUTE)
    assert grid.floor(at(2024, 1, 1)) == at(2023, 12, 31, 23, 30)
    assert grid.slots(TimeRange(at(2024, 1, 1), at(2024, 1, 1, 2))).tolist() == [
        at(2024, 1, 1, 0, 30),
        at(2024, 1, 1, 1, 30),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_grids_are_equal_when_they_hold_the_same_slots(name: str) -> None:
    again = grid_for(Interval(name), day_anchor=2)
    assert again == GRIDS[name]
    assert hash(again) == hash(GRIDS[name])


def test_to_ns_is_exact_at_both_ends_of_the_supported_times() -> None:
    for moment in (datetime(1700, 1, 1, tzinfo=UTC), datetime(2250, 1, 1, tzinfo=UTC)):
        assert from_ns(to_ns(moment)) == moment
