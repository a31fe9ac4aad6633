"""A small cache with everything a survey can meet, and prices that look like prices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from core.cache_series import DAY, HOUR, at, entry, table_of
from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.model.coverage import LedgerEntry
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, MarketType
from dsm_core.model.series import SeriesKey
from dsm_core.schema.chart_type import CHART_TYPES, KLINES, ChartSchema

NOW = at(2025, 7, 2, 10, 30)
HOSTILE = (
    '</script><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{script}}\x1b[31m\'&'
)


def key_of(
    symbol: str, interval: str | None = "1h", chart: str = "klines", market: str = "spot"
) -> SeriesKey:
    length = None if interval is None else Interval(interval)
    return SeriesKey("binance", MarketType(market), ChartType(chart), symbol, length)


def bars(ranges: Sequence[tuple[int, int]], step: int, seed: int = 7, price: float = 100.0) -> pa.Table:
    """A random walk over ``ranges``, in the schema of klines."""
    times = np.concatenate([np.arange(start, end, step, dtype=np.int64) for start, end in ranges])
    random = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(random.normal(0, 0.006, len(times))))
    open_ = np.concatenate(([price], close[:-1]))
    volume = random.lognormal(3, 0.7, len(times))
    columns = {
        "open_time": pa.array(times).cast(pa.timestamp("ns", "UTC")),
        "open": open_,
        "high": np.maximum(open_, close) * 1.001,
        "low": np.minimum(open_, close) * 0.999,
        "close": close,
        "volume": volume,
        "close_time": pa.array(times + step - 10**6).cast(pa.timestamp("ns", "UTC")),
        "quote_asset_volume": volume * close,
        "count": (volume * 10).astype(np.int64),
        "taker_buy_volume": volume / 2,
        "taker_buy_quote_volume": volume * close / 2,
    }
    return pa.table(columns, schema=KLINES.arrow())


def put(
    store: CacheStore,
    key: SeriesKey,
    rows: Sequence[tuple[int, int]],
    *absences: LedgerEntry,
    step: int = HOUR,
    price: float = 100.0,
) -> None:
    """Write bars over ``rows``: from the archive, the last 30 days from REST."""
    table = bars(rows, step, seed=len(key.symbol), price=price)
    border = NOW - 30 * DAY
    told = list(absences)
    for start, end in rows:
        parts = [(start, min(end, border), "vision"), (max(start, border), end, "rest")]
        told += [entry(a, b, source=source) for a, b, source in parts if a < b]
    store.write(key, KLINES, [CacheBatch(table=table, entries=tuple(told))], now=NOW)


def hole(start: int, end: int, *, final: bool = True) -> LedgerEntry:
    return entry(start, end, "confirmed" if final else "provisional", source="rest")


def put_funding(store: CacheStore, symbol: str, start: int, end: int) -> None:
    """Three events a day, one source."""
    schema: ChartSchema = CHART_TYPES["funding_rate"]
    rng = np.random.default_rng(3)
    rows = {t: float(v) for t in range(start, end, 8 * HOUR) for v in rng.normal(1e-4, 5e-5, 1)}
    told = CacheBatch(table=table_of(rows, schema), entries=(entry(start, end),))
    store.write(key_of(symbol, None, "funding_rate", "futures_usdt"), schema, [told], now=NOW)


def fill(store: CacheStore) -> None:
    """Six series: whole but for a hole, with gaps, in pieces, behind, weekly, events."""
    year, today = at(2024, 1, 1), at(2025, 7, 2, 10)
    outage = at(2024, 2, 14, 6)
    put(
        store,
        key_of("BTCUSDT"),
        [(year, outage), (outage + 5 * HOUR, today)],
        hole(outage, outage + 5 * HOUR),
        price=4e4,
    )
    lost, back, delisted = at(2024, 5, 20), at(2024, 6, 9), at(2024, 9, 3)
    put(
        store,
        key_of("ETHUSDT"),
        [
            (year, lost),
            (back, delisted),
            (delisted + 6 * DAY, at(2025, 3, 1, 7)),
            (at(2025, 3, 4, 15), today - 30 * HOUR),
        ],
        hole(delisted, delisted + 6 * DAY),
        hole(today - 30 * HOUR, today - 4 * HOUR, final=False),
        price=2500,
    )
    scattered = [
        (at(2025, 1, 1) + i * 3 * DAY, at(2025, 1, 1) + i * 3 * DAY + (i % 5 + 1) * 12 * HOUR)
        for i in range(40)
    ]
    put(store, key_of("SOLUSDT", "15m"), scattered, step=HOUR // 4, price=150)
    put(store, key_of("BNBUSDT", "1d"), [(at(2022, 3, 1), at(2024, 11, 1))], step=DAY, price=400)
    put(store, key_of("BTCUSDT", "1w"), [(at(2024, 1, 1), at(2025, 6, 30))], step=7 * DAY, price=4e4)
    put_funding(store, "BTCUSDT", year, at(2025, 7, 1))


def put_hostile(store: CacheStore) -> None:
    """A month of a symbol that tries to break out of whatever shows it."""
    put(store, key_of(HOSTILE), [(at(2025, 5, 1), at(2025, 6, 1))])
