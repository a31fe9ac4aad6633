"""What the property tests of several files draw from."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st

from dsm_core.model.time_range import NS_PER_S, RangeSet, to_ns

quick = settings(deadline=None, max_examples=80)

SECOND = NS_PER_S
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def at(*fields: int) -> int:
    """UTC nanoseconds of a moment."""
    return to_ns(datetime(*fields, tzinfo=UTC))  # type: ignore[misc,arg-type]


def range_sets(low: int = -8, high: int = 24, step: int = 1) -> st.SearchStrategy[RangeSet]:
    """Sets of ranges whose ends are multiples of ``step``."""
    ends = st.integers(low, high).map(lambda i: i * step)
    return st.lists(st.tuples(ends, ends), max_size=6).map(RangeSet.from_pairs)


def instants(first: int = at(1900, 1, 1), last: int = at(2200, 1, 1)) -> st.SearchStrategy[int]:
    """UTC nanoseconds from 1900 to 2200, often on round times."""
    return st.one_of(
        st.integers(first, last),
        st.integers(first // DAY, last // DAY).map(lambda day: day * DAY),
        st.integers(first // HOUR, last // HOUR).map(lambda hour: hour * HOUR - 1),
    )
