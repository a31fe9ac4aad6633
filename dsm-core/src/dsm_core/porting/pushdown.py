"""What a polars predicate says of whole series and stretches of time, so that they need not be read.

Only what is understood for sure narrows anything; the predicate itself is still applied to the rows.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, RangeSet, TimeRange, to_ns

if TYPE_CHECKING:
    import polars as pl

__all__ = ["reach"]

_EVER: Final = RangeSet.of(TimeRange(EARLIEST_NS, LATEST_NS))
# What a comparison of the time with a literal adds to it: start of the range, and its end.
_ADDED: Final[Mapping[Callable[[Any, Any], Any], tuple[int | None, int | None]]] = {
    operator.ge: (0, None),
    operator.gt: (1, None),
    operator.le: (None, 1),
    operator.lt: (None, 0),
    operator.eq: (0, 1),
}
_TURNED: Final = {
    operator.ge: operator.le,
    operator.gt: operator.lt,
    operator.le: operator.ge,
    operator.lt: operator.gt,
    operator.eq: operator.eq,
}
_CLOSED: Final[Mapping[Literal["both", "left", "right", "none"], tuple[int, int]]] = {
    "both": (0, 1),
    "left": (0, 0),
    "right": (1, 1),
    "none": (1, 0),
}


def reach(predicate: pl.Expr | None, known: Mapping[str, str | None], index: str) -> TimeRange | None:
    """Where rows of a series can fulfil ``predicate``; None when none can.

    Parameters
    ----------
    known
        Columns that have one value in the whole series.
    index
        Name of the time column.
    """
    found = _EVER
    for part in () if predicate is None else _conjuncts(predicate):
        names = set(part.meta.root_names())
        if names <= known.keys():
            if not _holds(part, known):
                return None
        elif names == {index}:
            found = found & _times(part, index)
    return found.span


def _conjuncts(predicate: pl.Expr) -> Iterator[pl.Expr]:
    inputs = predicate.meta.pop()
    if len(inputs) == 2 and predicate.meta.eq(inputs[1] & inputs[0]):
        yield from _conjuncts(inputs[0])
        yield from _conjuncts(inputs[1])
    else:
        yield predicate


def _holds(part: pl.Expr, known: Mapping[str, str | None]) -> bool:
    import polars as pl  # noqa: PLC0415 - an extra

    row = pl.DataFrame({name: pl.Series([value], dtype=pl.String) for name, value in known.items()})
    return bool(row.select(part.alias("holds")).item())


def _times(part: pl.Expr, index: str) -> RangeSet:
    """Where a comparison of the index with literals holds; everywhere if it is something else."""
    import polars as pl  # noqa: PLC0415 - an extra

    column = pl.col(index)
    inputs = part.meta.pop()
    if len(inputs) == 3:
        high, low, _ = inputs
        for closed, (first, last) in _CLOSED.items():
            if part.meta.eq(column.is_between(low, high, closed=closed)):
                return _range(_instant(low), first) & _range(_instant(high), None, last)
    for literal in inputs if len(inputs) == 2 else ():
        for compare, added in _ADDED.items():
            sides = compare(column, literal), _TURNED[compare](literal, column)
            if any(part.meta.eq(side) for side in sides):
                return _range(_instant(literal), *added)
    return _EVER


def _instant(literal: pl.Expr) -> int | None:
    """UTC nanoseconds of a literal; None when it is none, or no instant."""
    import polars as pl  # noqa: PLC0415 - an extra

    if literal.meta.root_names():
        return None
    values = pl.select(literal).to_series()
    kind, value = values.dtype, values.item()
    if not isinstance(kind, pl.Datetime) or kind.time_zone is None or value is None:
        return None
    # A Python datetime has no nanoseconds; coarser units reach further than those do.
    return int(values.to_physical().item()) if kind.time_unit == "ns" else to_ns(value)


def _range(bound: int | None, first: int | None = None, last: int | None = None) -> RangeSet:
    if bound is None:
        return _EVER
    start = EARLIEST_NS if first is None else max(bound + first, EARLIEST_NS)
    end = LATEST_NS if last is None else min(bound + last, LATEST_NS)
    return RangeSet.from_pairs([(start, end)])
