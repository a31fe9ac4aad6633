"""The CSV inside an archive zip as a table of declared types."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from dsm_binance.errors import VisionAPIError
from dsm_binance.zip_member import read_member
from dsm_core.plugins import Task

__all__ = ["inside_period", "read_csv", "to_ns"]

_log = logging.getLogger(__name__)

# From 2025-01-01 spot files are in microseconds: 16 digits instead of 13.
_MICROSECONDS_FROM: Final = 10**14
_TOO_LARGE: Final = 9_223_372_036_854_775


def read_csv(path: Path, task: Task, columns: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.Table:
    """Rows of the zip at ``path``: the columns that ``types`` names.

    The header row is told by its first cell, never by date: futures klines had none before 2022.

    Parameters
    ----------
    columns
        Every column of the file, in order; those without a type are dropped.

    Raises
    ------
    VisionAPIError
        When it is not a zip with one CSV of its own name and these columns.
    """
    try:
        return _parse(read_member(path, unquote(task.name).removesuffix(".zip") + ".csv"), columns, types)
    except (zipfile.BadZipFile, pa.ArrowInvalid, ValueError, OSError) as error:
        raise _refusal(task, str(error)) from error


def to_ns(values: NDArray[np.int64], task: Task) -> NDArray[np.int64]:
    """Nanoseconds of milliseconds or microseconds, told by each value's magnitude.

    Raises
    ------
    VisionAPIError
        For a value that is neither.
    """
    size = np.abs(values)
    if len(values) and size.max() >= _TOO_LARGE:
        raise _refusal(task, f"time {int(size.max())} is neither milliseconds nor microseconds")
    scaled: NDArray[np.int64] = values * np.where(size >= _MICROSECONDS_FROM, 1_000, 1_000_000)
    return scaled


def inside_period(table: pa.Table, times: NDArray[np.int64], task: Task) -> pa.Table:
    """Rows of the file's own period; others are left out and told of.

    Raises
    ------
    VisionAPIError
        When it holds rows, and none of its own period.
    """
    inside = (times >= task.span.start) & (times < task.span.end)
    if inside.all():
        return table
    if not inside.any():
        raise _refusal(task, "holds rows of another period only")
    _log.warning("rows_outside_period file=%s rows=%d", task.name, int((~inside).sum()))
    return table.filter(pa.array(inside))


def _parse(data: bytes, columns: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.Table:
    first_cell = data[: data.find(b",")].strip() if b"," in data else data.strip()
    has_header = bool(first_cell) and not first_cell.lstrip(b"-").isdigit()
    body = data[data.find(b"\n") + 1 :] if has_header and b"\n" in data else b"" if has_header else data
    if not body.strip():
        return pa.table({name: pa.array([], kind) for name, kind in types.items()})
    every: dict[str, Any] = {name: types.get(name, pa.string()) for name in columns}
    return pa_csv.read_csv(
        pa.BufferReader(body),
        read_options=pa_csv.ReadOptions(column_names=list(columns), block_size=1 << 20, use_threads=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=every, include_columns=list(types), null_values=[], strings_can_be_null=False
        ),
    )


def _refusal(task: Task, what: str) -> VisionAPIError:
    return VisionAPIError(f"{task.name}: {what}.", hint="The file is not used.", url=task.url, file=task.name)
