"""The cache file: an Arrow IPC file whose footer vouches for every byte of it.

Encoding and checking only; which files there are and who may replace them is not known here.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import xxhash
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.cache.disk import check_regular, open_quietly, patiently
from dsm_core.cache.header import CHECKSUM_MARK, CHECKSUM_PLACEHOLDER, FORMAT, Header, parse_header
from dsm_core.cache.period import Period
from dsm_core.errors import DSMError
from dsm_core.model.series import SeriesKey
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["METADATA_KEY", "SUFFIX", "CacheFile", "Unusable", "decode", "encode", "is_newer", "load", "peek"]

Why: TypeAlias = Literal["damaged", "newer", "outdated"]

SUFFIX: Final = ".arrow"
METADATA_KEY: Final = b"dsm"
SMALL_BYTES: Final = 256 * 1024
_MAGIC: Final = b"ARROW1"
_DIGEST: Final = len(CHECKSUM_PLACEHOLDER)


@frozen(eq=False)
class CacheFile:
    """An opened file whose checksum was right; ``table`` shares its memory."""

    path: str
    period: Period
    schema: ChartSchema
    header: Header
    table: pa.Table
    times: NDArray[np.int64]
    heap_bytes: int


@frozen
class Unusable:
    """A file that cannot serve.

    ``damaged`` bytes are set aside and fetched again. A ``newer`` format is left alone. An ``outdated``
    file is whole, but in an older format or with other columns than the schema of today.
    """

    path: str
    why: Why
    problem: str


def encode(table: pa.Table, header: Header) -> tuple[memoryview, bytes, memoryview]:
    """Bytes of a cache file, in three parts to be written one after the other.

    Parameters
    ----------
    table
        Rows in their schema.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, metadata={METADATA_KEY: header.to_json()}) as writer:
        writer.write_table(table)
    view = memoryview(sink.getvalue())
    place = _checksum_place(view)
    assert place is not None, "the footer holds no checksum"
    return view[:place], _digest(view, place).encode(), view[place + _DIGEST :]


def load(path: str, period: Period, key: SeriesKey, schema: ChartSchema) -> CacheFile | Unusable:
    """Open and check a file of a series.

    Raises
    ------
    FileNotFoundError
        When it vanished.
    """
    data, heap_bytes = _bytes_of(path)
    found = decode(path, data)
    if isinstance(found, Unusable):
        return found
    header, table = found
    if header.key != key or header.period != period.name:
        return Unusable(path, "damaged", f"it holds {header.period} of {header.key}")
    if not table.schema.equals(schema.arrow()):
        return Unusable(path, "outdated", f"its columns are not those of {schema.name}")
    return CacheFile(path, period, schema, header, table, _times(table), heap_bytes)


def _times(table: pa.Table) -> NDArray[np.int64]:
    chunks = [np.asarray(chunk.view(pa.int64())) for chunk in table.column(0).chunks]
    if len(chunks) == 1:
        return chunks[0]
    return np.concatenate(chunks) if chunks else np.empty(0, dtype=np.int64)


def decode(path: str, data: pa.Buffer) -> tuple[Header, pa.Table] | Unusable:
    """Header and rows out of a file's bytes, checked before anything is parsed."""
    view = memoryview(data)
    place = _checksum_place(view)
    if place is None:
        return Unusable(path, "damaged", "its footer holds no checksum")
    if bytes(view[place : place + _DIGEST]) != _digest(view, place).encode():
        return Unusable(path, "damaged", "its checksum does not match its bytes")
    header = _header(path, view, place)
    if isinstance(header, Unusable):
        return header
    try:
        table = pa.ipc.open_file(data).read_all()
    except (pa.ArrowException, ValueError) as error:
        return Unusable(path, "damaged", f"its rows cannot be read ({error})")
    if header.rows != len(table):
        return Unusable(path, "damaged", f"it holds {len(table)} rows and tells of {header.rows}")
    return header, table


def peek(path: str) -> Header | Unusable:
    """What a file says of itself, read from its end and not checked."""
    with open_quietly(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 10))
        footer = int.from_bytes(file.read(4), "little", signed=True)
        start = min(max(0, size - 10 - footer), size)
        file.seek(start)
        view = memoryview(file.read())
    place = _checksum_place(view)
    if place is None:
        return Unusable(path, "damaged", "its footer holds no checksum")
    return _header(path, view, place)


def is_newer(path: str) -> bool:
    """Whether a newer DSM wrote a file: that is its own to remove."""
    with suppress(FileNotFoundError):
        told = peek(path)
        return isinstance(told, Unusable) and told.why == "newer"
    return False


def _header(path: str, view: memoryview, place: int) -> Header | Unusable:
    try:
        document = _document(view, place)
        written = int(document["format"])
        if written != FORMAT:
            why: Why = "newer" if written > FORMAT else "outdated"
            return Unusable(path, why, f"its format is {written}, not {FORMAT}")
        return parse_header(document)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, RecursionError, DSMError) as error:
        return Unusable(path, "damaged", f"its footer has no known form ({error})")


def _bytes_of(path: str) -> tuple[pa.Buffer, int]:
    status = os.stat(path)
    check_regular(path, status)
    # A mapped file cannot be replaced on Windows; below the limit mapping costs more than reading.
    if sys.platform == "win32" or status.st_size <= SMALL_BYTES:
        data = patiently(lambda: _read(path))
        return pa.py_buffer(data), len(data)
    # The stream is closed at once, so that no descriptor is held; the buffer keeps the mapping.
    with pa.memory_map(path) as mapped:
        return mapped.read_buffer(), 0


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _checksum_place(view: memoryview) -> int | None:
    """Where the digest begins: inside the footer, whose length stands before the last magic."""
    if len(view) < 18 or bytes(view[-6:]) != _MAGIC:
        return None
    footer = int.from_bytes(view[-10:-6], "little", signed=True)
    if not 0 < footer <= len(view) - 10:
        return None
    start = len(view) - 10 - footer
    at = bytes(view[start:]).rfind(CHECKSUM_MARK)
    place = start + at + len(CHECKSUM_MARK)
    return None if at < 0 or place + _DIGEST > len(view) else place


def _digest(view: memoryview, place: int) -> str:
    digest = xxhash.xxh3_128(view[:place])
    digest.update(view[place + _DIGEST :])
    return digest.hexdigest()


def _document(view: memoryview, place: int) -> dict[str, Any]:
    text = str(view[place - len(CHECKSUM_MARK) : len(view) - 10], "latin-1")
    document, _ = json.JSONDecoder().raw_decode(text)
    if not isinstance(document, dict):
        raise TypeError("the footer holds no document")
    return document
