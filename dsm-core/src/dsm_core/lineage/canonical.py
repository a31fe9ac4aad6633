"""Rows as canonical bytes and their hashes: the same whatever pandas, pyarrow or polars holds them.

``docs/lineage.md`` gives the definition; whoever changes a byte here changes :data:`CONTENT`.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.schema.chart_type import ChartSchema

__all__ = ["CONTENT", "Canonical", "canonical_columns", "content_hash", "dtypes_of"]

CONTENT: Final = "dsm-content-1"
"""Name of the definition; it is part of what is hashed."""

_TIME: Final = "time"


@frozen
class Canonical:
    """One column as it is hashed: which values are there, and the values.

    Parameters
    ----------
    name, dtype
        The column's name, and ``time``, ``float64``, ``int64``, ``bool`` or ``string``.
    present
        A byte for each row: 1, or 0 for a missing value.
    values
        Little-endian values; of text, the length of each in bytes.
    text
        UTF-8 of all rows of text, one after the other; empty for other columns.
    starts
        Where each row's text begins, and where the last ends.
    """

    name: str
    dtype: str
    present: NDArray[np.uint8]
    values: NDArray[np.generic]
    text: memoryview
    starts: NDArray[np.int64]

    def encoded(self, start: int, end: int) -> bytes:
        """Canonical bytes of the rows ``start`` to ``end``, exclusive."""
        head = self.present[start:end].tobytes() + self.values[start:end].tobytes()
        if self.dtype != "string":
            return head
        return head + bytes(self.text[self.starts[start] : self.starts[end]])


def dtypes_of(schema: ChartSchema) -> dict[str, str]:
    """Types of all columns of a chart type, the index first."""
    return {schema.index: _TIME, **{column.name: column.dtype for column in schema.columns}}


def canonical_columns(table: pa.Table, schema: ChartSchema) -> tuple[Canonical, ...]:
    """Each column of rows in a schema, in the table's order."""
    dtypes = dtypes_of(schema)
    return tuple(_canonical(name, dtypes[name], table.column(name)) for name in table.column_names)


def content_hash(columns: Iterable[Canonical], rows: int) -> str:
    """SHA-256 over names, types and all values, as 64 hexadecimal digits."""
    whole = sha256(f"{CONTENT}\n".encode() + _number(rows))
    for column in columns:
        whole.update(_text(column.name) + _text(column.dtype))
        whole.update(sha256(column.encoded(0, rows)).digest())
    return whole.hexdigest()


def _canonical(name: str, dtype: str, column: pa.ChunkedArray) -> Canonical:
    values = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    # NaN says missing, as pandas has it: a frame and a table must give the same bytes.
    absent = np.asarray(pc.is_null(values, nan_is_null=True))
    present = (~absent).astype(np.uint8)
    if dtype == "string":
        return _canonical_text(name, values, present)
    plain = _numbers(values, dtype, absent)
    return Canonical(name, dtype, present, plain, memoryview(b""), np.empty(0, np.int64))


def _numbers(values: pa.Array, dtype: str, absent: NDArray[np.bool_]) -> NDArray[np.generic]:
    if dtype == "bool":
        return np.asarray(values.fill_null(False)).astype(np.uint8)
    if dtype == _TIME:
        values = values.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    kind = "<f8" if dtype == "float64" else "<i8"
    plain = np.array(values.fill_null(0)).astype(kind)
    plain[absent] = 0
    # Adding nothing makes 0.0 of -0.0.
    return plain + np.asarray(0, kind) if dtype == "float64" else plain


def _canonical_text(name: str, values: pa.Array, present: NDArray[np.uint8]) -> Canonical:
    cells = [b"" if cell is None else cell.encode() for cell in values.to_pylist()]
    lengths = np.fromiter(map(len, cells), "<i8", len(cells))
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return Canonical(name, "string", present, lengths, memoryview(b"".join(cells)), starts)


def _number(value: int) -> bytes:
    return value.to_bytes(8, "little")


def _text(value: str) -> bytes:
    data = value.encode()
    return _number(len(data)) + data
