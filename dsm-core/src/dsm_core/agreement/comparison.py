"""Rows of two sources side by side: which cells differ, and which rows only one has. Pure, no disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.agreement.tolerance import Tolerances
from dsm_core.model.exact_time import exact_iso
from dsm_core.model.time_range import RangeSet, from_ns, iso
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.column import Column
from dsm_core.schema.conform import times_of

__all__ = ["CELL_COLUMNS", "Compared", "Disagreement", "compare_rows", "disagreements_of"]

VALUE: Final = "value"
ONLY_FIRST: Final = "only_first"
ONLY_SECOND: Final = "only_second"
_CELLS: Final = pa.schema(
    [
        ("time", pa.timestamp("ns", "UTC")),
        ("row", pa.string()),
        ("kind", pa.string()),
        ("column", pa.string()),
        ("first_source", pa.string()),
        ("second_source", pa.string()),
        ("first_value", pa.string()),
        ("second_value", pa.string()),
        ("difference", pa.float64()),
        ("relative", pa.float64()),
    ]
)
CELL_COLUMNS: Final = tuple(_CELLS.names)
"""Columns of a table of disagreements: ``kind`` is ``value``, ``only_first`` or ``only_second``."""


@frozen(kw_only=True)
class Disagreement:
    """One cell of which two sources tell different things, or one row that only one of them has.

    Parameters
    ----------
    time_ns
        Index of the row, UTC nanoseconds.
    kind
        ``value``, or ``only_first`` or ``only_second`` of a row that the other source lacks.
    column
        Which column; None of a whole row.
    first_source, second_source
        Who was compared, in the order of the provider's sources.
    first_value, second_value
        What each tells, as text that loses nothing; None for a missing value, and of a whole row.
    row
        What tells apart rows of one instant; empty where an instant has one row.
    """

    time_ns: int
    kind: str
    column: str | None
    first_source: str
    second_source: str
    first_value: str | None
    second_value: str | None
    row: str = ""

    @property
    def time(self) -> datetime:
        """Index of the row, UTC."""
        return from_ns(self.time_ns)

    def __str__(self) -> str:
        where = f"{iso(self.time_ns)}{f' ({self.row})' if self.row else ''}"
        if self.kind == VALUE:
            told = f"{self.first_source} {self.first_value}, {self.second_source} {self.second_value}"
            return f"{where} {self.column}: {told}"
        has, lacks = self.first_source, self.second_source
        has, lacks = (has, lacks) if self.kind == ONLY_FIRST else (lacks, has)
        return f"{where}: {has} has the row, {lacks} has not"


@frozen(kw_only=True)
class Compared:
    """How many rows both have, and what differs (:data:`CELL_COLUMNS`), by time."""

    rows: int
    cells: pa.Table


@frozen
class _Side:
    """Rows of one source."""

    source: str
    table: pa.Table
    times: NDArray[np.int64]


def compare_rows(
    first: tuple[str, pa.Table],
    second: tuple[str, pa.Table],
    schema: ChartSchema,
    tolerances: Tolerances,
    *,
    columns: Sequence[str] | None = None,
    unknown: tuple[RangeSet, RangeSet] = (RangeSet(), RangeSet()),
) -> Compared:
    """Compare the rows of two sources, each a name and a table in the schema.

    Parameters
    ----------
    tolerances
        How far values may lie apart. A missing value agrees with a missing one only.
    columns
        Which columns; all when left out.
    unknown
        Where the first, and the second source could not tell: rows of the other are not held against it.
    """
    a, b = (_Side(source, table, times_of(table, schema)) for source, table in (first, second))
    ids_a, ids_b = _identity(a, schema), _identity(b, schema)
    at = ids_b.get_indexer(ids_a)
    both_a = np.flatnonzero(at >= 0)
    both_b = at[both_a]
    only_a = np.flatnonzero(at < 0)
    only_b = np.setdiff1d(np.arange(len(ids_b)), both_b)
    sources = (a.source, b.source)
    pieces = [
        _cells(a, b, (both_a, both_b), column, tolerances, schema)
        for column in schema.columns
        if columns is None or column.name in columns
    ]
    pieces.append(_made(a, _outside(a, only_a, unknown[1]), schema, sources, kind=ONLY_FIRST))
    pieces.append(_made(b, _outside(b, only_b, unknown[0]), schema, sources, kind=ONLY_SECOND))
    cells = pa.concat_tables(pieces)
    # Stable, so that columns keep the schema's order within a row.
    order = np.argsort(np.asarray(cells.column("time").cast(pa.int64())), kind="stable")
    return Compared(rows=len(both_a), cells=cells.take(order))


def disagreements_of(cells: pa.Table) -> tuple[Disagreement, ...]:
    """The same as objects."""
    names = [name for name in CELL_COLUMNS if name not in ("time", "difference", "relative")]
    times = cells.column("time").cast(pa.int64()).to_pylist()
    rows = zip(times, *(cells.column(name).to_pylist() for name in names), strict=True)
    return tuple(Disagreement(time_ns=t, **dict(zip(names, told, strict=True))) for t, *told in rows)


def _identity(side: _Side, schema: ChartSchema) -> pd.Index:
    if not schema.key:
        return pd.Index(side.times)
    keys = (side.table.column(name).to_pandas() for name in schema.key)
    return pd.MultiIndex.from_arrays([side.times, *keys])


def _outside(side: _Side, places: NDArray[np.intp], ranges: RangeSet) -> NDArray[np.intp]:
    """Those of the rows that lie in none of the ranges."""
    times = side.times[places]
    keep = np.ones(len(places), dtype=bool)
    for r in ranges:
        a, b = np.searchsorted(times, (r.start, r.end))
        keep[a:b] = False
    return places[keep]


def _cells(
    a: _Side,
    b: _Side,
    both: tuple[NDArray[np.intp], NDArray[np.intp]],
    column: Column,
    tolerances: Tolerances,
    schema: ChartSchema,
) -> pa.Table:
    one, two = (side.table.column(column.name).take(at) for side, at in zip((a, b), both, strict=True))
    differs = _differing(one, two, column, tolerances)
    shown = [column.name, _texts(one.take(differs), column), _texts(two.take(differs), column)]
    distance, relative = _distances(one.take(differs), two.take(differs), column)
    return _made(
        a, both[0][differs], schema, (a.source, b.source), values=shown, distances=(distance, relative)
    )


def _differing(
    one: pa.ChunkedArray, two: pa.ChunkedArray, column: Column, tolerances: Tolerances
) -> NDArray[np.intp]:
    absent = [np.asarray(pc.is_null(values, nan_is_null=True)) for values in (one, two)]
    present = ~absent[0] & ~absent[1]
    equal = np.asarray(pc.fill_null(pc.equal(one, two), False))
    apart = np.flatnonzero(present & ~equal)
    if len(apart) and column.dtype in ("float64", "int64", "time"):
        near = tolerances.of(column.name).allows(_floats(one.take(apart)), _floats(two.take(apart)))
        apart = apart[~near]
    return np.union1d(apart, np.flatnonzero(absent[0] != absent[1]))


def _floats(values: pa.ChunkedArray) -> NDArray[np.float64]:
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    numbers: NDArray[np.float64] = values.to_numpy().astype(np.float64)
    return numbers


def _distances(one: pa.ChunkedArray, two: pa.ChunkedArray, column: Column) -> tuple[pa.Array, pa.Array]:
    if column.dtype not in ("float64", "int64", "time"):
        return pa.nulls(len(one), pa.float64()), pa.nulls(len(one), pa.float64())
    a, b = _floats(one), _floats(two)
    distance = np.abs(a - b)
    largest = np.maximum(np.abs(a), np.abs(b))
    relative = np.divide(distance, largest, out=np.zeros_like(distance), where=largest > 0)
    return pa.array(distance, from_pandas=True), pa.array(relative, from_pandas=True)


def _texts(values: pa.ChunkedArray, column: Column) -> list[str | None]:
    if column.dtype == "time":
        return [None if t is None else exact_iso(t) for t in values.cast(pa.int64()).to_pylist()]
    text: Callable[[Any], str] = repr if column.dtype == "float64" else str
    # A missing number may be NaN too, which alone differs from itself.
    return [None if v is None or v != v else text(v) for v in values.to_pylist()]  # noqa: PLR0124


def _made(
    side: _Side,
    places: NDArray[np.intp],
    schema: ChartSchema,
    sources: tuple[str, str],
    *,
    kind: str = VALUE,
    values: Sequence[Any] = (None, None, None),
    distances: tuple[Any, Any] = (None, None),
) -> pa.Table:
    count = len(places)
    column, one, two = values
    arrays: Iterable[Any] = (
        side.times[places],
        _row_texts(side, places, schema),
        [kind] * count,
        [column] * count,
        [sources[0]] * count,
        [sources[1]] * count,
        [None] * count if one is None else one,
        [None] * count if two is None else two,
        *([None] * count if d is None else d for d in distances),
    )
    return pa.table([pa.array(v).cast(f.type) for v, f in zip(arrays, _CELLS, strict=True)], schema=_CELLS)


def _row_texts(side: _Side, places: NDArray[np.intp], schema: ChartSchema) -> list[str]:
    if not schema.key:
        return [""] * len(places)
    columns = [side.table.column(name).take(places).to_pylist() for name in schema.key]
    return [
        ", ".join(f"{name}={cell}" for name, cell in zip(schema.key, row, strict=True))
        for row in zip(*columns, strict=True)
    ]
