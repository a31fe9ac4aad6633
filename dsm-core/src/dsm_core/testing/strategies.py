"""Hypothesis strategies for tests of providers: ranges, intervals, hostile symbols, bars."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
from hypothesis import strategies as st

from dsm_core.model.grid import Grid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import RangeSet, TimeRange, to_ns
from dsm_core.schema.chart_type import chart_schema
from dsm_core.testing.book import Book
from dsm_core.testing.cases.symbols import HOSTILE_ENDINGS

__all__ = ["bars_tables", "hostile_symbols", "intervals", "range_sets", "time_ranges"]

_USUAL: Final = "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M".split()  # noqa: SIM905
_FIRST: Final = datetime(2015, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2030, 1, 1, tzinfo=UTC)


def intervals() -> st.SearchStrategy[Interval]:
    """Intervals, those with constants more often than odd ones such as ``45m``."""
    odd = st.builds("{}{}".format, st.integers(1, 90), st.sampled_from("smhdwM"))
    return st.one_of(st.sampled_from(_USUAL), odd).map(Interval)


def time_ranges(
    interval: str = "1h", *, first: datetime = _FIRST, last: datetime = _LAST, most: int = 200
) -> st.SearchStrategy[TimeRange]:
    """Ranges of whole bars, often beginning at midnights, month ends and leap days.

    Parameters
    ----------
    interval
        Whose bars.
    first, last
        Between which the ranges begin; aware.
    most
        Bars in a range.
    """
    grid = grid_for(Interval(interval))
    days = st.datetimes(first.replace(tzinfo=None), last.replace(tzinfo=None)).map(
        lambda d: d.replace(tzinfo=UTC)
    )
    leap = st.sampled_from([y for y in range(first.year, last.year) if y % 4 == 0] or [first.year]).map(
        lambda year: datetime(year, 3, 1, tzinfo=UTC)
    )
    midnights = days.map(lambda d: d.replace(hour=0, minute=0, second=0, microsecond=0))
    starts = st.one_of(days, midnights, midnights.map(lambda d: d.replace(day=1)), leap)
    return st.builds(_range_of, st.just(grid), starts.map(to_ns), st.integers(1, most))


def _range_of(grid: Grid, at: int, bars: int) -> TimeRange:
    start = grid.floor(at)
    return TimeRange(start, grid.back(start, -bars))


def range_sets(interval: str = "1h", *, most: int = 200) -> st.SearchStrategy[RangeSet]:
    """Sets of up to four ranges of whole bars, as a planner is given."""
    return st.lists(time_ranges(interval, most=most), max_size=4).map(lambda found: RangeSet.of(*found))


def hostile_symbols(symbol: str = "BTCUSDT") -> st.SearchStrategy[str]:
    """Symbols with what paths, URLs, databases and file systems trip over."""
    names = st.sampled_from(["CON", "nul", "..", ".", "a" * 300, "%00", symbol.lower()])
    ended = st.sampled_from(HOSTILE_ENDINGS).map(lambda ending: symbol + ending)
    return st.one_of(ended, names, st.text(min_size=1, max_size=20))


def bars_tables(
    interval: str = "1h", *, symbol: str = "BTCUSDT", most: int = 50
) -> st.SearchStrategy[pa.Table]:
    """Klines tables in the schema: consistent, ascending, with outages.

    Parameters
    ----------
    interval, symbol
        Of the rows; other symbols have other values.
    most
        Rows of a table; it may be empty.
    """
    grid, schema = grid_for(Interval(interval)), chart_schema("klines")

    def table(span: TimeRange, lost: frozenset[int]) -> pa.Table:
        gone = [TimeRange(grid.back(span.start, -i), grid.back(span.start, -i - 1)) for i in lost]
        book = Book(
            schema=schema,
            symbol=symbol,
            interval=Interval(interval),
            grid=grid,
            listed_at=span.start,
            holes=RangeSet.of(*gone),
        )
        return book.rows(book.times(span)).table(frozenset(schema.column_names))

    lost = st.frozensets(st.integers(0, max(0, most - 1)), max_size=most)
    return st.builds(table, time_ranges(interval, most=most), lost)
