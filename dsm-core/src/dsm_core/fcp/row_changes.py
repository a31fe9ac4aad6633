"""What differs between two editions of the same rows: pure, no disk, no network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.model.time_range import RangeSet, from_ns, iso
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import times_of

__all__ = ["MOST_ROWS", "CellChange", "Changes", "RowChange", "changes_between", "rows_inside"]

MOST_ROWS: Final = 10_000
"""Rows told of one by one for an object; the others are counted only."""
_Places = NDArray[np.intp]


@frozen
class CellChange:
    """One value that differs; None where there was, or is, no row."""

    column: str
    old: Any
    new: Any


@frozen(kw_only=True)
class RowChange:
    """A row that differs.

    Parameters
    ----------
    kind
        ``changed`` rows have other values, ``withdrawn`` ones are gone, ``added`` ones are new.
    time_ns
        Its index, UTC nanoseconds.
    cells
        Columns that differ; of a withdrawn or an added row all of them.
    """

    kind: Literal["changed", "withdrawn", "added"]
    time_ns: int
    cells: tuple[CellChange, ...]

    def lines(self) -> list[str]:
        """A line a value: ``2024-01-01 00:00  close  100.0 -> 101.0``."""
        if self.kind == "changed":
            return [f"{iso(self.time_ns)}  {c.column}  {_text(c.old)} -> {_text(c.new)}" for c in self.cells]
        side = "old" if self.kind == "withdrawn" else "new"
        told = ", ".join(f"{c.column} {_text(getattr(c, side))}" for c in self.cells)
        return [f"{iso(self.time_ns)}  {self.kind}  {told}"]


@frozen(kw_only=True)
class Changes:
    """How many rows differ, and the first of them by time."""

    changed: int = 0
    withdrawn: int = 0
    added: int = 0
    rows: tuple[RowChange, ...] = ()


def rows_inside(table: pa.Table, schema: ChartSchema, ranges: RangeSet) -> pa.Table:
    """Rows of a sorted table inside ``ranges``."""
    times = times_of(table, schema)
    parts = [table.slice(a, b - a) for a, b in (np.searchsorted(times, (r.start, r.end)) for r in ranges)]
    return pa.concat_tables(parts).combine_chunks() if parts else table.slice(0, 0)


def changes_between(old: pa.Table, new: pa.Table, schema: ChartSchema) -> Changes:
    """What differs between ``old`` and ``new``, both in their schema and sorted.

    Rows are the same one where index and key agree; nulls equal each other.
    """
    a, b, gone, come = _paired(old, new, schema)
    before, after = old.take(pa.array(a)), new.take(pa.array(b))
    differs = {name: _differs(before.column(name), after.column(name)) for name in schema.column_names}
    rows = np.flatnonzero(np.logical_or.reduce(list(differs.values()))) if len(a) else np.array([], int)
    told: list[RowChange] = []
    for i in rows[:MOST_ROWS].tolist():
        names = [name for name, there in differs.items() if there[i]]
        cells = tuple(CellChange(n, _value(before, n, i), _value(after, n, i)) for n in names)
        told.append(RowChange(kind="changed", time_ns=_time(old, int(a[i])), cells=cells))
    for i in gone[:MOST_ROWS].tolist():
        cells = tuple(CellChange(n, _value(old, n, i), None) for n in schema.column_names)
        told.append(RowChange(kind="withdrawn", time_ns=_time(old, i), cells=cells))
    for i in come[:MOST_ROWS].tolist():
        cells = tuple(CellChange(n, None, _value(new, n, i)) for n in schema.column_names)
        told.append(RowChange(kind="added", time_ns=_time(new, i), cells=cells))
    told.sort(key=lambda row: row.time_ns)
    return Changes(changed=len(rows), withdrawn=len(gone), added=len(come), rows=tuple(told[:MOST_ROWS]))


def _paired(old: pa.Table, new: pa.Table, schema: ChartSchema) -> tuple[_Places, _Places, _Places, _Places]:
    """Places of rows that are in both, and of those that are in one only."""
    if not schema.key:
        x, y = times_of(old, schema), times_of(new, schema)
        _, a, b = np.intersect1d(x, y, assume_unique=True, return_indices=True)
    else:
        known = {name: i for i, name in enumerate(_names(old, schema))}
        pairs = [(known[name], i) for i, name in enumerate(_names(new, schema)) if name in known]
        a, b = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    return a, b, np.setdiff1d(np.arange(len(old)), a), np.setdiff1d(np.arange(len(new)), b)


def _names(table: pa.Table, schema: ChartSchema) -> Iterable[tuple[Any, ...]]:
    columns = (table.column(name).to_pylist() for name in schema.key)
    return zip(times_of(table, schema).tolist(), *columns, strict=True)


def _differs(a: pa.ChunkedArray, b: pa.ChunkedArray) -> NDArray[np.bool_]:
    values = pc.fill_null(pc.not_equal(a, b), False)
    return np.asarray(pc.or_(values, pc.xor(pc.is_null(a), pc.is_null(b))), dtype=bool)


def _value(table: pa.Table, column: str, row: int) -> Any:
    value = table.column(column)[row]
    if pa.types.is_timestamp(value.type):
        return None if not value.is_valid else from_ns(value.value)
    return value.as_py()


def _time(table: pa.Table, row: int) -> int:
    return int(table.column(0)[row].value)


def _text(value: Any) -> str:
    return "nothing" if value is None else value.isoformat() if hasattr(value, "isoformat") else repr(value)
