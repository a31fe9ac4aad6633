"""Bars that are stamped with their end stand where they opened."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import DAY, HOUR, MINUTE, at, quick
from dsm_core.model.grid import Grid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.session_grid import SessionGrid
from dsm_core.model.time_range import NS_PER_MS, TimeRange
from dsm_core.schema.chart_type import KLINES
from dsm_core.schema.conform import Conformed, conform, times_of
from dsm_core.schema.stamps import opens_of_ends

MONDAY, TUESDAY = at(2026, 11, 23), at(2026, 11, 24)
SESSION = 14 * HOUR + 30 * MINUTE, 21 * HOUR


def grid_of(step: int = HOUR) -> Grid:
    starts, ends = (np.array([day + side for day in (MONDAY, TUESDAY)]) for side in SESSION)
    return SessionGrid(starts, ends, step)


def opens_of(ends: list[int], step: int = HOUR, grid: Grid | None = None) -> list[int]:
    return opens_of_ends(np.array(ends, dtype=np.int64), step, grid).tolist()


def conformed(times: list[int], grid: Grid | None, **how: object) -> Conformed:
    index = pa.array(times, pa.int64()).cast(pa.timestamp("ns", "UTC"))
    prices = {name: pa.array([1.0] * len(times)) for name in ("open", "high", "low", "close", "volume")}
    return conform({"open_time": index, **prices}, KLINES, grid=grid, strays="kept", **how)  # type: ignore[arg-type]


def close_times(found: Conformed) -> list[int]:
    """Ends of the bars, the millisecond after their close_time."""
    return [t + NS_PER_MS for t in found.table.column("close_time").cast(pa.int64()).to_pylist()]


@quick
@given(st.sets(st.integers(0, 13)), st.sampled_from([HOUR, 45 * MINUTE, 5 * MINUTE]))
def test_the_end_of_a_slot_tells_its_open(places: set[int], step: int) -> None:
    grid = grid_of(step)
    index = np.array(sorted(places), dtype=np.int64)
    assert opens_of_ends(grid.ends(index), step, grid).tolist() == grid.opens(index).tolist()


@quick
@given(st.permutations(range(14)))
def test_the_order_of_rows_changes_nothing(order: list[int]) -> None:
    grid = grid_of()
    index = np.array(order, dtype=np.int64)
    assert opens_of_ends(grid.ends(index), HOUR, grid).tolist() == grid.opens(index).tolist()


def test_the_short_last_bar_of_a_session_opens_where_its_slot_does() -> None:
    close = MONDAY + 21 * HOUR
    assert opens_of([close], grid=grid_of()) == [close - 30 * MINUTE]


def test_without_a_grid_a_bar_begins_where_the_one_before_ended_but_at_most_an_interval_ago() -> None:
    ends = [MONDAY + 20 * HOUR + 30 * MINUTE, MONDAY + 21 * HOUR, TUESDAY + 15 * HOUR + 30 * MINUTE]
    assert opens_of(ends) == [
        MONDAY + 19 * HOUR + 30 * MINUTE,
        MONDAY + 20 * HOUR + 30 * MINUTE,
        TUESDAY + 14 * HOUR + 30 * MINUTE,
    ]


def test_an_early_close_that_the_calendar_does_not_know_shortens_the_last_bar() -> None:
    # The venue closed at 18:00; the calendar has a bar from 17:30 to 18:30.
    ends = [MONDAY + 17 * HOUR + 30 * MINUTE, MONDAY + 18 * HOUR]
    assert opens_of(ends, grid=grid_of()) == [
        MONDAY + 16 * HOUR + 30 * MINUTE,
        MONDAY + 17 * HOUR + 30 * MINUTE,
    ]


def test_an_end_that_came_twice_is_one_bar() -> None:
    end = MONDAY + 30 * HOUR
    assert opens_of([end, end]) == [end - HOUR] * 2
    assert conformed([end, end], None, ends_of=HOUR).duplicates == 1


def test_close_time_is_the_stamp_less_a_millisecond() -> None:
    grid = grid_of()
    ends = grid.ends(np.arange(7)).tolist()
    found = conformed(ends, grid, ends_of=HOUR)
    assert times_of(found.table, KLINES).tolist() == grid.opens(np.arange(7)).tolist()
    assert close_times(found) == ends


def test_bars_stamped_with_their_start_close_with_their_session() -> None:
    grid = grid_of()
    assert (
        close_times(conformed(grid.opens(np.arange(14)).tolist(), grid)) == grid.ends(np.arange(14)).tolist()
    )


@pytest.mark.parametrize("stray", [MONDAY + 22 * HOUR, TUESDAY + 14 * HOUR])
def test_a_bar_in_closed_time_closes_after_it_opened_and_before_the_next_open(stray: int) -> None:
    grid = grid_of()
    [end] = close_times(conformed([stray], grid))
    assert stray < end <= grid.next(stray)


def test_an_epoch_grid_takes_end_stamps_too() -> None:
    grid = grid_for(Interval("1d"))
    found = conformed([MONDAY + DAY, TUESDAY + DAY], grid, ends_of=DAY)
    assert times_of(found.table, KLINES).tolist() == grid.slots(TimeRange(MONDAY, TUESDAY + DAY)).tolist()
