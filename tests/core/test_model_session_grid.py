"""A session grid is the list of bars that a patient person would write down."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.strategies import DAY, HOUR, MINUTE, at, quick
from dsm_core.errors import InvalidRangeError
from dsm_core.model.session_grid import SessionGrid
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, RangeSet, TimeRange

Bar = tuple[int, int]
MONDAY, TUESDAY, FRIDAY = at(2026, 11, 23), at(2026, 11, 24), at(2026, 11, 27)
OPEN, CLOSE, EARLY_CLOSE = 14 * HOUR + 30 * MINUTE, 21 * HOUR, 18 * HOUR


def grid_of(sessions: Sequence[Bar], step: int | None = None) -> SessionGrid:
    starts, ends = (np.array([s[side] for s in sessions], dtype=np.int64) for side in (0, 1))
    return SessionGrid(starts, ends, step)


def bars_of(sessions: Sequence[Bar], step: int | None) -> list[Bar]:
    """Every bar, one after the other."""
    found = []
    for start, end in sessions:
        length = step or end - start
        found += [(t, min(t + length, end)) for t in range(start, end, length)]
    return found


@st.composite
def calendars(draw: st.DrawFn) -> tuple[list[Bar], int | None]:
    """One to six sessions, some of which touch, and a bar's length, or None for one bar a session."""
    t, sessions = draw(st.integers(-30, 30)), []
    for _ in range(draw(st.integers(1, 6))):
        t += draw(st.integers(0, 9))
        end = t + draw(st.integers(1, 12))
        sessions.append((t, end))
        t = end
    return sessions, draw(st.one_of(st.none(), st.integers(1, 14)))


@quick
@given(calendars(), st.integers(-40, 140))
def test_an_instant_is_in_the_slot_of_the_last_bar_that_opened(
    calendar: tuple[list[Bar], int | None], t: int
) -> None:
    bars, grid = bars_of(*calendar), grid_of(*calendar)
    place = bisect.bisect_right([start for start, _ in bars], t) - 1
    assert grid.index_of(t) == place
    if place < 0:
        assert (grid.floor(t), grid.next(t), grid.slot_at(t)) == (EARLIEST_NS - 1, bars[0][0], None)
        return
    start, end = bars[place]
    assert (grid.open_of(place), grid.end_of(place)) == (start, end)
    assert grid.slot_at(t) == (TimeRange(start, end) if t < end else None)
    after = bars[place + 1][0] if place + 1 < len(bars) else LATEST_NS
    assert (grid.floor(t), grid.next(t)) == (start, after)
    assert grid.closed_until(t) == (after if end <= t else start)


@quick
@given(calendars(), st.integers(-40, 140), st.integers(0, 60))
def test_the_bars_of_a_range_are_those_that_open_in_it(
    calendar: tuple[list[Bar], int | None], start: int, length: int
) -> None:
    assume(length > 0)
    span = TimeRange(start, start + length)
    opens = [t for t, _ in bars_of(*calendar) if span.start <= t < span.end]
    grid = grid_of(*calendar)
    assert (grid.slots(span).tolist(), grid.count(span)) == (opens, len(opens))
    assert grid.indices(np.array(opens, dtype=np.int64)).tolist() == [grid.index_of(t) for t in opens]
    assert grid.count_all(grid.runs(np.array(opens, dtype=np.int64))) == len(opens)


@quick
@given(calendars(), st.integers(-40, 140), st.integers(1, 60))
def test_closed_time_and_bars_tile_a_range(
    calendar: tuple[list[Bar], int | None], start: int, length: int
) -> None:
    assume(calendar[1] is not None)
    span = TimeRange(start, start + length)
    grid, closed = grid_of(*calendar), grid_of(*calendar).closed(span)
    for t in range(span.start, span.end):
        assert (grid.slot_at(t) is None) is (t in closed)
    assert closed == closed & RangeSet.of(span)


@quick
@given(calendars())
def test_sessions_end_where_they_end(calendar: tuple[list[Bar], int | None]) -> None:
    times = np.arange(-40, 140, dtype=np.int64)
    ended = {end for _, end in calendar[0]}
    assert grid_of(*calendar).ends_session(times).tolist() == [t in ended for t in times.tolist()]


def test_the_last_bar_of_a_session_is_short() -> None:
    grid = grid_of([(MONDAY + OPEN, MONDAY + CLOSE), (FRIDAY + OPEN, FRIDAY + EARLY_CLOSE)], HOUR)
    ends = grid.ends(np.arange(11))
    lengths = ((ends - grid.opens(np.arange(11))) // MINUTE).tolist()
    assert lengths == [60] * 6 + [30] + [60] * 3 + [30]
    assert ends[[6, 10]].tolist() == [MONDAY + CLOSE, FRIDAY + EARLY_CLOSE]


def test_a_night_belongs_to_the_slot_of_the_last_bar_but_no_bar_is_open_then() -> None:
    grid = grid_of([(MONDAY + OPEN, MONDAY + CLOSE), (TUESDAY + OPEN, TUESDAY + CLOSE)], HOUR)
    night = MONDAY + 23 * HOUR
    assert grid.floor(night) == MONDAY + 20 * HOUR + 30 * MINUTE
    assert grid.closed_until(night) == grid.next(night) == TUESDAY + OPEN
    assert grid.slot_at(night) is None
    assert grid.closed(TimeRange(MONDAY, TUESDAY)) == RangeSet.from_pairs(
        [(MONDAY, MONDAY + OPEN), (MONDAY + CLOSE, TUESDAY)]
    )


def test_days_stand_at_their_labels_and_close_with_their_sessions() -> None:
    grid = grid_of([(MONDAY, MONDAY + CLOSE), (FRIDAY, FRIDAY + EARLY_CLOSE)])
    assert grid.slots(TimeRange(MONDAY, FRIDAY + DAY)).tolist() == [MONDAY, FRIDAY]
    assert grid.closed_until(FRIDAY + 17 * HOUR) == FRIDAY
    assert grid.closed_until(FRIDAY + EARLY_CLOSE) == LATEST_NS
    # A bar stands for the whole of its day; the days between have none.
    assert grid.closed(TimeRange(MONDAY, FRIDAY + DAY)) == RangeSet.from_pairs([(TUESDAY, FRIDAY)])


def test_a_label_may_come_after_its_session_began() -> None:
    # Futures of Tuesday trade from Monday evening: what counts is when they close.
    grid = grid_of([(MONDAY, MONDAY + 22 * HOUR), (TUESDAY, TUESDAY + 22 * HOUR)])
    assert grid.end_of(grid.index_of(TUESDAY)) == TUESDAY + 22 * HOUR


def test_a_calendar_without_sessions_has_no_bars() -> None:
    grid, week = grid_of([], HOUR), TimeRange(MONDAY, FRIDAY)
    assert (grid.count(week), grid.slots(week).tolist(), grid.slot_at(MONDAY)) == (0, [], None)
    assert grid.closed(week) == RangeSet.of(week)
    assert grid.closed_until(MONDAY) == LATEST_NS


def test_the_time_before_and_after_all_sessions_has_no_bars() -> None:
    grid = grid_of([(MONDAY + OPEN, MONDAY + CLOSE)], HOUR)
    assert grid.count(TimeRange(EARLIEST_NS, MONDAY)) == 0
    assert grid.count(TimeRange(TUESDAY, LATEST_NS)) == 0
    assert grid.count(TimeRange(EARLIEST_NS, LATEST_NS)) == 7
    assert (grid.back(TUESDAY, 7), grid.back(TUESDAY, 8)) == (MONDAY + OPEN, EARLIEST_NS - 1)


@pytest.mark.parametrize(
    ("sessions", "told"),
    [
        ([(0, 5), (4, 9)], "Session 0, from 0 to 5 ns, reaches into the next one"),
        ([(0, 5), (7, 7)], "Session 1, from 7 to 7 ns, is empty"),
        ([(8, 9), (0, 5)], "Session 0, from 8 to 9 ns, reaches into the next one"),
    ],
)
def test_sessions_that_are_none_are_refused(sessions: list[Bar], told: str) -> None:
    with pytest.raises(InvalidRangeError, match=told):
        grid_of(sessions, 2)


def test_starts_without_ends_are_refused() -> None:
    with pytest.raises(InvalidRangeError, match="differ in length"):
        SessionGrid(np.array([1, 2]), np.array([3]))


def test_grids_of_the_same_sessions_are_equal() -> None:
    sessions = [(MONDAY + OPEN, MONDAY + CLOSE)]
    assert grid_of(sessions, HOUR) == grid_of(sessions, HOUR)
    assert hash(grid_of(sessions, HOUR)) == hash(grid_of(sessions, HOUR))
    assert grid_of(sessions, HOUR) != grid_of(sessions, 2 * HOUR)
    assert grid_of(sessions, HOUR) != grid_of([(MONDAY + OPEN, MONDAY + EARLY_CLOSE)], HOUR)
