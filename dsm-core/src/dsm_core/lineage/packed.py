"""The values of a block, packed to be kept in a lock file, and taken out again under a bound."""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from dsm_core.lineage.canonical import Canonical
from dsm_core.model.exact_time import exact_iso

__all__ = ["cell_text", "pack", "unpack"]

_WIDTHS: Final = {"float64": 8, "int64": 8, "time": 8, "string": 8, "bool": 1}
_KINDS: Final = {"float64": "<f8", "int64": "<i8", "time": "<i8", "string": "<i8", "bool": "<u1"}
_MOST_BYTES: Final = 64 << 20


def pack(columns: Sequence[Canonical], start: int, end: int) -> str:
    """Canonical bytes of all columns, one after the other, compressed, in base64."""
    return b64encode(zlib.compress(b"".join(c.encoded(start, end) for c in columns))).decode()


def unpack(packed: str, dtypes: Sequence[str], rows: int) -> list[tuple[bytes, list[Any]]]:
    """Of each column its canonical bytes, and its cells: numbers, text, times in nanoseconds, or None.

    Raises
    ------
    ValueError
        When it is not what :func:`pack` gives for so many rows.
    """
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(b64decode(packed, validate=True), _MOST_BYTES)
    except (zlib.error, binascii.Error) as error:
        raise ValueError(f"the values cannot be unpacked: {error}") from error
    if not stream.eof:
        raise ValueError(f"the values are cut short, or more than {_MOST_BYTES >> 20} MiB")
    found, at = [], 0
    for dtype in dtypes:
        end, cells = _cells(data, at, dtype, rows)
        found.append((data[at:end], cells))
        at = end
    if at != len(data):
        raise ValueError("there are more values than rows")
    return found


def _cells(data: bytes, at: int, dtype: str, rows: int) -> tuple[int, list[Any]]:
    body, end = at + rows, at + rows * (1 + _WIDTHS[dtype])
    if end > len(data):
        raise ValueError("there are fewer values than rows")
    present = data[at:body]
    plain = np.frombuffer(data, _KINDS[dtype], rows, body)
    if dtype != "string":
        cells = [bool(value) for value in plain] if dtype == "bool" else plain.tolist()
    else:
        end, cells = _texts(data, end, plain.tolist())
    return end, [cell if there else None for cell, there in zip(cells, present, strict=True)]


def _texts(data: bytes, at: int, lengths: list[int]) -> tuple[int, list[Any]]:
    cells = []
    for length in lengths:
        if not 0 <= length <= len(data) - at:
            raise ValueError("a text is longer than the values")
        cells.append(data[at : at + length].decode("utf-8", "replace"))
        at += length
    return at, cells


def cell_text(cell: Any, dtype: str) -> str:
    """A cell as text that loses nothing."""
    if cell is None:
        return "missing"
    if dtype == "time":
        return exact_iso(cell)
    return repr(cell) if dtype == "float64" else str(cell)
