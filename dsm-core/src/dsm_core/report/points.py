"""Points of a price chart: few enough to draw, taken from as many rows as there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.cache import CacheStore
from dsm_core.errors import UnsupportedChartTypeError
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins.schemas import schema_of
from dsm_core.report.coverage import SeriesCoverage, Times
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.column import Column
from dsm_core.schema.conform import times_of

__all__ = ["MAX_POINTS", "Points", "read_points"]

MAX_POINTS: Final = 2000
_BUCKETS: Final = tuple(Interval(text) for text in "1m 5m 15m 30m 1h 2h 4h 8h 12h 1d 2d 1w 4w 52w".split())  # noqa: SIM905
_ROWS_AT_ONCE: Final = 1_000_000
Values = NDArray[np.float64]
_Buckets = tuple[Times, Values, Values]


@frozen(eq=False, kw_only=True)
class Points:
    """A line through a series: the last value of each bucket, and the volume inside it.

    Parameters
    ----------
    column
        What is drawn.
    bucket
        How long a bucket is; None where each point is one row.
    times
        Index of the first row of each bucket, UTC nanoseconds.
    values, volumes
        One for each time; volumes are None where the series has none.
    breaks
        Places in ``times`` before which something is not held: no line leads there.
    """

    column: Column
    bucket: Interval | None
    times: Times
    values: Values
    volumes: Values | None
    breaks: Times


def read_points(store: CacheStore, series: SeriesCoverage, *, most: int = MAX_POINTS) -> Points | str:
    """About ``most`` points at most, or why there are none.

    ``close`` is drawn, or where a chart type has no such column, its first float column.
    """
    try:
        schema = schema_of(series.key)
    except UnsupportedChartTypeError:
        return "no installed package declares this chart type"
    drawn = _drawn(schema)
    if drawn is None:
        return "this chart type has no price and no other number to draw"
    if series.first is None or series.last is None:
        return "no rows are held"
    length = series.key.interval.nanoseconds if series.key.interval else None
    bucket_ns, bucket = _bucket(series.last - series.first, length, most)
    found = list(_read(store, series, schema, drawn, bucket_ns))
    if not found:
        return "no row has a value"
    times, values, volumes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Points(
        column=drawn,
        bucket=bucket,
        times=times,
        values=values,
        volumes=None if np.isnan(volumes).all() else np.nan_to_num(volumes),
        breaks=_breaks(times, series.held | series.closed, bucket_ns),
    )


def _drawn(schema: ChartSchema) -> Column | None:
    floats = [c for c in schema.columns if c.dtype == "float64"]
    return next((c for c in floats if c.name == "close"), floats[0] if floats else None)


def _bucket(span_ns: int, bar_ns: int | None, most: int) -> tuple[int, Interval | None]:
    """The shortest bucket that leaves at most ``most`` points; bars themselves where they are few."""
    if bar_ns is not None and span_ns // bar_ns < most:
        return bar_ns, None
    for bucket in _BUCKETS:
        length = bucket.nanoseconds or 0
        if length >= (bar_ns or 0) and span_ns // length < most:
            return length, bucket
    return length, bucket


def _read(
    store: CacheStore, series: SeriesCoverage, schema: ChartSchema, drawn: Column, bucket_ns: int
) -> Iterator[_Buckets]:
    """Buckets of the series, some rows at once, so that memory stays small."""
    volume = next((c.name for c in schema.columns if c.name == "volume" and c.dtype == "float64"), None)
    columns = list(dict.fromkeys([drawn.name, volume or drawn.name]))
    for span in _spans(series, bucket_ns):
        table = store.read(series.key, schema, span, columns=columns).table
        values = _floats(table, drawn.name)
        volumes = _floats(table, volume) if volume else np.full(len(table), np.nan)
        keep = np.isfinite(values)
        if keep.any():
            yield _aggregated(times_of(table, schema)[keep], values[keep], volumes[keep], bucket_ns)


def _spans(series: SeriesCoverage, bucket_ns: int) -> Iterator[TimeRange]:
    """Spans from the first to the last row, whose borders cut no bucket."""
    assert series.first is not None
    assert series.last is not None
    row_ns = series.slot_ns or max(1, (series.last - series.first) // max(1, series.rows))
    step = -(-_ROWS_AT_ONCE * row_ns // bucket_ns) * bucket_ns
    start = series.first // bucket_ns * bucket_ns
    while start <= series.last:
        yield TimeRange(start, min(start + step, 2**63 - 1))
        start += step


def _floats(table: pa.Table, name: str) -> Values:
    values: Values = table.column(name).to_numpy()
    return values


def _aggregated(times: Times, values: Values, volumes: Values, bucket_ns: int) -> _Buckets:
    first = np.flatnonzero(np.diff(times // bucket_ns, prepend=-(2**62)))
    last = np.append(first[1:], len(times)) - 1
    told = np.add.reduceat(np.isfinite(volumes).astype(np.int64), first) > 0
    sums = np.add.reduceat(np.nan_to_num(volumes), first)
    return times[first], values[last], np.where(told, sums, np.nan)


def _breaks(times: Times, held: RangeSet, bucket_ns: int) -> Times:
    """Where two points stand in different held ranges and more than one bucket apart."""
    starts = np.array([r.start for r in held], dtype=np.int64)
    ranges, buckets = np.searchsorted(starts, times, side="right"), times // bucket_ns
    places: Times = np.flatnonzero((np.diff(ranges) > 0) & (np.diff(buckets) > 1)) + 1
    return places
