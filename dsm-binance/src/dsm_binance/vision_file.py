"""One archive zip to a table: member check, inflate, CSV, units.

The header row is told by its first cell and the time unit by each value, never by date: futures
files had no header before 2022, and some spot files of 2025 are still in milliseconds.
"""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from dsm_binance.errors import VisionAPIError
from dsm_binance.zip_member import read_member
from dsm_core.plugins import Task

__all__ = ["read_klines"]

_log = logging.getLogger(__name__)

_FLOATS: Final = ("open", "high", "low", "close", "volume")
_COLUMNS: Final = (
    "open_time",
    *_FLOATS,
    "close_time",
    "quote_asset_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_TYPES: Final = {
    name: pa.int64() if name in ("open_time", "close_time", "count") else pa.float64()
    for name in _COLUMNS[:-1]
}
# From 2025-01-01 spot files are in microseconds: 16 digits instead of 13.
_MICROSECONDS_FROM: Final = 10**14


def read_klines(path: Path, task: Task) -> pa.Table:
    """Rows of the zip at ``path``, in the schema's columns, times in nanoseconds.

    Raises
    ------
    VisionAPIError
        When it is not a zip with one CSV of its own name and twelve columns, or holds no row of
        its own period though it holds rows.
    """
    try:
        data = read_member(path, unquote(task.name).removesuffix(".zip") + ".csv")
        table = _parse(data)
    except (zipfile.BadZipFile, pa.ArrowInvalid, ValueError, OSError) as error:
        raise VisionAPIError(
            f"{task.name}: {error}.", hint="The file is not used.", url=task.url, file=task.name
        ) from error
    return _inside(table, task)


def _parse(data: bytes) -> pa.Table:
    first_cell = data[: data.find(b",")].strip() if b"," in data else data.strip()
    has_header = bool(first_cell) and not first_cell.lstrip(b"-").isdigit()
    body = data[data.find(b"\n") + 1 :] if has_header and b"\n" in data else b"" if has_header else data
    if not body.strip():
        return _with_times(pa.table({name: pa.array([], kind) for name, kind in _TYPES.items()}))
    table = pa_csv.read_csv(
        pa.BufferReader(body),
        read_options=pa_csv.ReadOptions(column_names=list(_COLUMNS), block_size=1 << 20, use_threads=False),
        convert_options=pa_csv.ConvertOptions(
            column_types={**_TYPES, "ignore": pa.string()},
            include_columns=list(_TYPES),
            null_values=[],
            strings_can_be_null=False,
        ),
    )
    return _with_times(table)


def _with_times(table: pa.Table) -> pa.Table:
    for name in ("open_time", "close_time"):
        position = table.schema.get_field_index(name)
        table = table.set_column(position, name, _to_ns(np.asarray(table.column(name))))
    return table


def _to_ns(values: Any) -> pa.Array:
    factor = np.where(np.abs(values) >= _MICROSECONDS_FROM, 1_000, 1_000_000)
    if len(values) and np.abs(values).max() >= 9_223_372_036_854_775:
        raise ValueError(f"time {int(np.abs(values).max())} is neither milliseconds nor microseconds")
    return pa.array(values * factor).cast(pa.timestamp("ns", "UTC"))


def _inside(table: pa.Table, task: Task) -> pa.Table:
    times = np.asarray(table.column("open_time").combine_chunks().cast(pa.int64()))
    inside = (times >= task.span.start) & (times < task.span.end)
    if inside.all():
        return table
    if not inside.any():
        raise VisionAPIError(
            f"{task.name} holds rows of another period only.",
            hint="The file is not used.",
            url=task.url,
            file=task.name,
        )
    _log.warning("rows_outside_period file=%s rows=%d", task.name, int((~inside).sum()))
    return table.filter(pa.array(inside))
