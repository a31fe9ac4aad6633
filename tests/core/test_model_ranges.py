"""Sets of half-open ranges obey the algebra of sets of integers."""

from __future__ import annotations

import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import quick, range_sets
from dsm_core.errors import InvalidRangeError
from dsm_core.model.time_range import RangeSet, TimeRange, from_ns, iso, to_ns

PAIRS = st.lists(st.tuples(st.integers(-8, 24), st.integers(-8, 24)), max_size=8)


def members(ranges: RangeSet) -> set[int]:
    return {t for r in ranges for t in range(r.start, r.end)}


def is_canonical(ranges: RangeSet) -> bool:
    return all(r.start < r.end for r in ranges) and all(a.end < b.start for a, b in pairwise(ranges))


@quick
@given(PAIRS)
def test_pairs_in_any_order_become_a_canonical_set_of_their_members(pairs: list[tuple[int, int]]) -> None:
    made = RangeSet.from_pairs(pairs)
    assert is_canonical(made)
    assert members(made) == {t for a, b in pairs for t in range(a, b)}
    assert RangeSet.from_pairs(reversed(pairs)) == made


@quick
@given(range_sets(), range_sets())
def test_union_intersection_and_difference_are_those_of_the_members(a: RangeSet, b: RangeSet) -> None:
    for made, expected in (
        (a | b, members(a) | members(b)),
        (a & b, members(a) & members(b)),
        (a - b, members(a) - members(b)),
    ):
        assert is_canonical(made)
        assert members(made) == expected


@quick
@given(range_sets(), range_sets(), range_sets())
def test_union_and_intersection_commute_associate_and_distribute(
    a: RangeSet, b: RangeSet, c: RangeSet
) -> None:
    assert a | b == b | a
    assert a & b == b & a
    assert (a | b) | c == a | (b | c)
    assert (a & b) & c == a & (b & c)
    assert a & (b | c) == (a & b) | (a & c)
    assert a - (b | c) == (a - b) - c


@quick
@given(range_sets())
def test_a_set_with_itself_and_with_nothing_is_plain(a: RangeSet) -> None:
    nothing = RangeSet()
    assert a | a == a & a == a | nothing == a - nothing == a
    assert a - a == a & nothing == nothing - a == nothing
    assert not (a - a)


@quick
@given(range_sets(), st.integers(-10, 26))
def test_an_instant_is_inside_exactly_when_it_is_a_member(a: RangeSet, t: int) -> None:
    assert (t in a) == (t in members(a))
    assert any(t in r for r in a) == (t in a)


@quick
@given(range_sets())
def test_the_span_reaches_from_the_first_member_to_the_last(a: RangeSet) -> None:
    found = members(a)
    assert a.span == (TimeRange(min(found), max(found) + 1) if found else None)
    assert len(a) == len(list(a)) == len(a.ranges)
    assert bool(a) == bool(found)


def test_empty_and_backward_pairs_vanish() -> None:
    assert RangeSet.from_pairs([(5, 5), (7, 3)]) == RangeSet()
    assert RangeSet.from_pairs([(1, 2), (2, 2), (2, 3)]) == RangeSet((TimeRange(1, 3),))


def test_an_empty_range_is_refused() -> None:
    for end in (0, -1):
        with pytest.raises(InvalidRangeError, match="empty"):
            TimeRange(0, end)


def test_a_range_holds_its_start_and_not_its_end() -> None:
    span = TimeRange(10, 12)
    assert [t in span for t in (9, 10, 11, 12)] == [False, True, True, False]


def test_ranges_print_as_times() -> None:
    span = TimeRange(0, 61 * 10**9)
    assert str(span) == "[1970-01-01 00:00, 1970-01-01 00:01:01)"
    assert str(RangeSet.of(span)) == str(span)
    assert str(RangeSet()) == "nothing"


def test_ranges_survive_pickling() -> None:
    ranges = RangeSet.from_pairs([(0, 5), (9, 12)])
    assert pickle.loads(pickle.dumps(ranges)) == ranges


@quick
@given(st.integers(-(2**62), 2**62))
def test_nanoseconds_and_datetimes_agree_to_the_microsecond(t: int) -> None:
    assert to_ns(from_ns(t)) == t // 1000 * 1000
    assert iso(t).startswith(from_ns(t).strftime("%Y-%m-%d %H:%M"))


@quick
@given(range_sets(), st.integers(-10, 24), st.integers(1, 30))
def test_the_part_within_a_range_is_the_intersection_with_it(a: RangeSet, start: int, length: int) -> None:
    span = TimeRange(start, start + length)
    assert a.within(span) == a & RangeSet.of(span)
