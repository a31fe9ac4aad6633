"""Small series for the tests of the cache: rows told by one number each, and ledger entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from dsm_core.cache import CacheBatch
from dsm_core.model.coverage import LedgerEntry, State
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, MarketType
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import to_ns
from dsm_core.schema.chart_type import KLINES, ChartSchema
from dsm_core.schema.column import Column

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FUNDING = ChartSchema(
    name="funding_rate",
    kind="events",
    index="funding_time",
    columns=(Column("contracts", "string", "symbol"), Column("funding_rate", "float64", "fraction")),
)


def at(*fields: int) -> int:
    """UTC nanoseconds of a moment."""
    return to_ns(datetime(*fields, tzinfo=UTC))  # type: ignore[misc,arg-type]


def key_of(interval: str | None = "1m", symbol: str = "BTCUSDT", **options: str) -> SeriesKey:
    return SeriesKey(
        "binance",
        MarketType.SPOT,
        ChartType.KLINES if interval else ChartType.FUNDING_RATE,
        symbol,
        Interval(interval) if interval else None,
        tuple(sorted(options.items())),
    )


def table_of(rows: Mapping[int, float], schema: ChartSchema = KLINES) -> pa.Table:
    """Rows in the schema; the number is in every float column."""
    times = np.array(sorted(rows), dtype=np.int64)
    values = np.array([rows[t] for t in times.tolist()], dtype=np.float64)
    arrays = [pa.array(times).cast(pa.timestamp("ns", "UTC"))]
    for column in schema.columns:
        made = {
            "float64": lambda: pa.array(values),
            "int64": lambda: pa.array(values.astype(np.int64)),
            "string": lambda: pa.array([f"v{v:g}" for v in values.tolist()], pa.string()),
            "time": lambda: pa.array(times + SECOND - 1_000_000).cast(pa.timestamp("ns", "UTC")),
        }
        arrays.append(made[column.dtype]())
    return pa.Table.from_arrays(arrays, schema=schema.arrow())


def rows_of(table: pa.Table, column: str) -> dict[int, float]:
    """The inverse of :func:`table_of`, by one float column."""
    times = table.column(0).cast(pa.int64()).to_pylist()
    return dict(zip(times, table.column(column).to_pylist(), strict=True))


def entry(
    start: int, end: int, state: State = "rows", *, source: str = "vision", fetched: int = 0
) -> LedgerEntry:
    return LedgerEntry(
        start=start,
        end=end,
        state=state,
        source=source,
        first_fetched=fetched,
        last_fetched=fetched,
        reason=None if state == "rows" else "venue_has_none",
    )


def minutes(start: int, count: int, value: float = 1.0, step: int = MINUTE) -> CacheBatch:
    """``count`` bars and the entry that vouches for them."""
    rows = {start + i * step: value for i in range(count)}
    return CacheBatch(table=table_of(rows), entries=(entry(start, start + count * step),))
