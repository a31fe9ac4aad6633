"""Arithmetic of slots over any sessions, against lists made by counting."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from dsm_core.model.session_grid import SessionGrid
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, RangeSet, TimeRange
from dsm_tradestation.schedule import Schedule

MINUTE = 60 * 10**9


@frozen
class Market:
    """Sessions in minutes, and the bars that they have."""

    sessions: list[tuple[int, int]]
    step: int

    @property
    def bars(self) -> list[tuple[int, int]]:
        return [
            (t, min(t + self.step, end)) for start, end in self.sessions for t in range(start, end, self.step)
        ]

    @property
    def grid(self) -> SessionGrid:
        starts, ends = np.array(self.sessions, dtype=np.int64).T * MINUTE
        return SessionGrid(starts, ends, self.step * MINUTE)


@st.composite
def markets(draw: st.DrawFn) -> Market:
    t, found = draw(st.integers(-500, 500)), []
    # Sessions may touch, as those of forex do.
    for gap, length in draw(
        st.lists(st.tuples(st.integers(0, 60), st.integers(1, 90)), min_size=1, max_size=6)
    ):
        found.append((t + gap, t + gap + length))
        t += gap + length
    return Market(found, draw(st.integers(1, 100)))


# A minute before the first session to long after the last one.
moments = st.integers(-600, 1600)


def last_open(market: Market, t: int) -> int:
    return max([o * MINUTE for o, _ in market.bars if o <= t], default=EARLIEST_NS - 1)


def next_open(market: Market, t: int) -> int:
    return min([o * MINUTE for o, _ in market.bars if o >= t], default=LATEST_NS)


@given(markets(), moments)
def test_floor_ceil_and_next_are_the_opens_around_a_moment(market: Market, t: int) -> None:
    assert market.grid.floor(t * MINUTE) == last_open(market, t)
    assert market.grid.ceil(t * MINUTE) == next_open(market, t)
    assert market.grid.next(t * MINUTE) == next_open(market, t + 1)


@given(markets(), moments, st.integers(0, 12))
def test_back_counts_opens_before_the_first_one_at_or_after_a_moment(
    market: Market, t: int, slots: int
) -> None:
    opens = [o * MINUTE for o, _ in market.bars]
    after = sum(o < t * MINUTE for o in opens)
    expected = opens[after - slots] if 0 <= after - slots < len(opens) else None
    beyond = EARLIEST_NS - 1 if after - slots < 0 else LATEST_NS
    assert market.grid.back(t * MINUTE, slots) == (beyond if expected is None else expected)


@given(markets(), moments, st.integers(1, 900))
def test_slots_and_count_are_the_opens_inside_a_range(market: Market, start: int, length: int) -> None:
    span = TimeRange(start * MINUTE, (start + length) * MINUTE)
    expected = [o * MINUTE for o, _ in market.bars if start <= o < start + length]
    assert market.grid.slots(span).tolist() == expected
    assert market.grid.count(span) == len(expected)


@given(markets(), moments)
def test_a_moment_is_inside_a_bar_or_the_market_is_closed(market: Market, t: int) -> None:
    inside = [TimeRange(o * MINUTE, e * MINUTE) for o, e in market.bars if o <= t < e]
    assert market.grid.slot_at(t * MINUTE) == (inside[0] if inside else None)


@given(markets(), moments)
def test_all_bars_before_closed_until_have_closed_and_the_next_has_not(market: Market, t: int) -> None:
    open_bars = [o * MINUTE for o, e in market.bars if e > t]
    assert market.grid.closed_until(t * MINUTE) == min(open_bars, default=LATEST_NS)


@given(markets(), moments, st.integers(1, 900))
def test_closed_time_is_what_no_session_covers(market: Market, start: int, length: int) -> None:
    span = TimeRange(start * MINUTE, (start + length) * MINUTE)
    closed = market.grid.closed(span)
    held = RangeSet.from_pairs((s * MINUTE, e * MINUTE) for s, e in market.sessions)
    assert closed == RangeSet.of(span) - held


@given(markets(), st.data())
def test_runs_join_neighbours_over_night_and_part_where_a_bar_is_missing(
    market: Market, data: st.DataObject
) -> None:
    bars = market.bars
    held = sorted(data.draw(st.sets(st.integers(0, len(bars) - 1))))
    opens = [o * MINUTE for o, _ in bars] + [LATEST_NS]
    expected = RangeSet.from_pairs((opens[i], opens[i + 1]) for i in held)
    assert market.grid.runs(np.array([opens[i] for i in held], dtype=np.int64)) == expected


@given(markets())
def test_ends_tell_the_short_last_bar(market: Market) -> None:
    index = np.arange(len(market.bars), dtype=np.int64)
    ends = (market.grid.ends(index) // MINUTE).tolist()
    assert ends == [e for _, e in market.bars]
    assert [market.grid.end_of(i) // MINUTE for i in index.tolist()] == ends


@given(
    st.lists(
        st.tuples(*[st.integers(1, 300)] * 4, *[st.booleans()] * 2),
        min_size=1,
        max_size=5,
    )
)
def test_a_break_parts_a_session_and_nothing_else_is_lost(
    shapes: list[tuple[int, int, int, int, bool, bool]],
) -> None:
    day = 86_400 * 10**9
    days = np.arange(len(shapes), dtype=np.int64) * day
    lengths = np.array([shape[:4] for shape in shapes], dtype=np.int64) * MINUTE
    has_break = np.array([shape[4] for shape in shapes])
    opens = days + lengths[:, 0]
    halts = opens + lengths[:, 1]
    resumes = halts + np.where(has_break, lengths[:, 2], 0)
    closes = resumes + lengths[:, 3]
    schedule = Schedule.of(days, opens, closes, halts=halts, resumes=resumes)
    starts, ends = schedule.sessions()
    expected = []
    for i in range(len(shapes)):
        pieces = [(opens[i], halts[i]), (resumes[i], closes[i])] if has_break[i] else [(opens[i], closes[i])]
        expected += [(int(a), int(b)) for a, b in pieces]
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == expected
