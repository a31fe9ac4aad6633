"""Files of other programs, and what came of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from dsm_core.cache import CacheStore
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES

HOUR_MS = 3_600_000
START_MS = 1_704_067_200_000  # 2024-01-01
NOW_NS = 1_718_452_800 * 10**9  # 2024-06-15 12:00
EVER = TimeRange(0, 2**62)
HOURLY = SeriesKey.parse("binance/spot/klines/BTCUSDT/1h")


def candles(count: int, start: int = START_MS, step: int = HOUR_MS) -> list[list[Any]]:
    """Rows as ccxt gives them; their prices tell their place."""
    return [[start + i * step, 100.5 + i, 103.0 + i, 99.25 + i, 101.125 + i, 7.5] for i in range(count)]


def write_json(path: Path, rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    return path


def write_feather(path: Path, rows: Sequence[Sequence[Any]], unit: str = "ms") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ("date", "open", "high", "low", "close", "volume")
    columns = dict(zip(names, map(pa.array, zip(*rows, strict=True)), strict=False))
    columns["date"] = columns["date"].cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp(unit, "UTC"))
    table = pa.table(columns)
    with path.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return path


def write_csv(path: Path, header: str, rows: Sequence[Sequence[Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    path.write_text("".join(f"{line}\n" for line in lines if line), encoding="utf-8")
    return path


def written_at(path: Path, ns: int) -> Path:
    os.utime(path, ns=(ns, ns))
    return path


def held(store: CacheStore, key: SeriesKey = HOURLY) -> dict[int, float]:
    """Close by open time in ms."""
    table = store.read(key, KLINES, EVER).table
    times = table.column("open_time").cast(pa.int64()).to_pylist()
    return {t // 10**6: close for t, close in zip(times, table.column("close").to_pylist(), strict=True)}


def sources(store: CacheStore, key: SeriesKey = HOURLY) -> list[tuple[str, str | None]]:
    """Source and origin of each stretch of rows."""
    ledger = store.read(key, KLINES, EVER).ledger
    return [(entry.source, entry.origin.url) for entry in ledger if entry.state == "rows"]
