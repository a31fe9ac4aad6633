"""Which coarser bar a bar belongs to: the one in which it ends, as counting by hand says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import DAY, HOUR, at, quick
from dsm_core.model.grid import Grid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.session_grid import SessionGrid
from dsm_core.model.time_range import TimeRange
from dsm_core.output.coarser_grid import Joint

Session = tuple[int, int]
MONDAY = at(2026, 11, 23)
TENTH = HOUR // 10


def grid_of(sessions: Sequence[Session], step: int | None) -> SessionGrid:
    starts, ends = (np.array([s[side] for s in sessions], dtype=np.int64) for side in (0, 1))
    return SessionGrid(starts, ends, step)


def numbers(grid: Grid, span: TimeRange) -> np.ndarray:
    return np.arange(grid.index_of(span.start), grid.index_of(span.end), dtype=np.int64)


@st.composite
def weeks(draw: st.DrawFn) -> list[Session]:
    """Sessions of some days; each may begin on the evening before its date, and reach to the next one."""
    sessions: list[Session] = []
    for day in range(draw(st.integers(1, 7))):
        midnight = MONDAY + day * DAY
        start = midnight + draw(st.integers(-60, 150)) * TENTH
        start = max(start, sessions[-1][1]) if sessions else start
        end = midnight + draw(st.integers(160, 180)) * TENTH
        if draw(st.booleans()) or not sessions:
            sessions.append((start, end))
    return sessions


@quick
@given(weeks(), st.integers(1, 30), st.integers(2, 6))
def test_bars_of_a_session_are_joined_from_its_open(sessions: list[Session], tenths: int, times: int) -> None:
    fine, coarse = grid_of(sessions, tenths * TENTH), grid_of(sessions, times * tenths * TENTH)
    joint, expected = Joint(fine, coarse), []
    for start, end in sessions:
        first = expected[-1] + 1 if expected else 0
        expected += [first + i // times for i in range(-(-(end - start) // (tenths * TENTH)))]
    places = np.arange(len(expected), dtype=np.int64)
    assert joint.coarse_of(places).tolist() == expected
    bars = np.arange(expected[-1] + 1, dtype=np.int64)
    assert joint.firsts(bars).tolist() == [expected.index(bar) for bar in bars.tolist()]
    assert joint.is_whole(bars)


@quick
@given(weeks(), st.integers(1, 40))
def test_a_day_has_the_bars_of_the_session_that_ends_on_it(sessions: list[Session], tenths: int) -> None:
    labels = [(end // DAY * DAY, end) for _, end in sessions]
    fine, days = grid_of(sessions, tenths * TENTH), grid_of(labels, None)
    joint = Joint(fine, days)
    counts = [-(-(end - start) // (tenths * TENTH)) for start, end in sessions]
    expected = np.repeat(np.arange(len(sessions)), counts).tolist()
    assert joint.coarse_of(np.arange(len(expected), dtype=np.int64)).tolist() == expected
    assert joint.is_whole(np.arange(len(sessions) + 1, dtype=np.int64))


@quick
@given(weeks(), st.integers(1, 9))
def test_a_day_that_ends_inside_a_session_is_not_made_of_its_bars(
    sessions: list[Session], early: int
) -> None:
    labels = [(end // DAY * DAY, end - early * TENTH) for _, end in sessions]
    joint = Joint(grid_of(sessions, TENTH), grid_of(labels, None))
    assert not joint.is_whole(np.arange(1, len(sessions) + 1, dtype=np.int64))


def test_a_bar_over_the_end_of_a_coarser_one_is_none_of_its_parts() -> None:
    three, eight = grid_for(Interval("3h")), grid_for(Interval("8h"))
    day = TimeRange(MONDAY, MONDAY + DAY)
    assert Joint(three, grid_for(Interval("12h"))).is_whole(numbers(grid_for(Interval("12h")), day))
    assert not Joint(three, eight).is_whole(numbers(eight, day))


def test_without_sessions_a_bar_belongs_where_it_opens() -> None:
    span = TimeRange(MONDAY, MONDAY + 70 * DAY)
    for own, longer in (("1h", "4h"), ("1d", "1w"), ("1d", "1M"), ("8h", "1M")):
        fine, coarse = grid_for(Interval(own)), grid_for(Interval(longer))
        places = numbers(fine, span)
        assert (Joint(fine, coarse).coarse_of(places) == coarse.indices(fine.opens(places))).all()
