"""The CSV inside an archive zip as a table of declared types."""

from __future__ import annotations

import re
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
from dsm_binance.zip_member import MOST_BYTES, read_member
from dsm_core.plugins import Task

__all__ = ["read_csv", "refusal", "to_ns"]

# From 2025-01-01 spot files are in microseconds: 16 digits instead of 13.
_MICROSECONDS_FROM: Final = 10**14
_TOO_LARGE: Final = 9_223_372_036_854_775
# No row of the archive is half as long.
_ROW_BYTES: Final = 512
_NUMBER: Final = re.compile(rb"\s*[+-]?[.\d]")


def read_csv(
    path: Path,
    task: Task,
    columns: Sequence[str],
    types: Mapping[str, pa.DataType],
    most_rows: int = MOST_BYTES // _ROW_BYTES,
) -> pa.Table:
    """Rows of the zip at ``path``: the columns that ``types`` names.

    The header row is told by its first cell, never by date: futures klines had none before 2022.

    Parameters
    ----------
    columns
        Every column of the file, in order; those without a type are dropped.
    most_rows
        As many as make sense; text that is longer than these would be is not unpacked.

    Raises
    ------
    VisionAPIError
        When it is not a zip with one CSV of its own name and these columns.
    """
    member = unquote(task.name).removesuffix(".zip") + ".csv"
    try:
        return _parse(read_member(path, member, most_rows * _ROW_BYTES), columns, types)
    except (zipfile.BadZipFile, pa.ArrowInvalid, ValueError, OSError) as error:
        raise refusal(task, str(error)) from error


def to_ns(values: NDArray[np.int64], task: Task) -> NDArray[np.int64]:
    """Nanoseconds of milliseconds or microseconds, told by each value's magnitude.

    Raises
    ------
    VisionAPIError
        For a value that is neither.
    """
    size = np.abs(values)
    if len(values) and size.max() >= _TOO_LARGE:
        raise refusal(task, f"time {int(size.max())} is neither milliseconds nor microseconds")
    scaled: NDArray[np.int64] = values * np.where(size >= _MICROSECONDS_FROM, 1_000, 1_000_000)
    return scaled


def _parse(data: bytes, columns: Sequence[str], types: Mapping[str, pa.DataType]) -> pa.Table:
    body = _without_header(data, len(columns))
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


def _without_header(data: bytes, columns: int) -> bytes:
    """The rows. A first line that is neither a row nor names so many columns is refused."""
    end = data.find(b"\n")
    line = data if end < 0 else data[:end]
    cells = line[: _ROW_BYTES * columns].split(b",")
    if not line.strip() or cells[0].strip().lstrip(b"-").isdigit():
        return data
    if len(cells) != columns or any(map(_NUMBER.match, cells)):
        raise ValueError(f"its first line is neither a row nor a header: {line[:80]!r}")
    return b"" if end < 0 else data[end + 1 :]


def refusal(task: Task, what: str) -> VisionAPIError:
    """The error that says why a file is not used."""
    return VisionAPIError(f"{task.name}: {what}.", hint="The file is not used.", url=task.url, file=task.name)
