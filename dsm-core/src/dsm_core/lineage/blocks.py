"""Rows cut into blocks of time, with hashes for every column and every row: where a difference is found."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from dsm_core.lineage.canonical import Canonical

__all__ = ["BLOCK_ROWS", "CHECK_BYTES", "DIGEST_DIGITS", "Block", "block_digest", "cut_blocks", "row_checks"]

BLOCK_ROWS: Final = 256
"""Rows of a block; more where rows of one instant would be cut apart."""
DIGEST_DIGITS: Final = 32
CHECK_BYTES: Final = 3


@frozen(kw_only=True)
class Block:
    """Rows from ``start_ns`` to where the next block starts.

    Parameters
    ----------
    start_ns
        Index of the first row, UTC nanoseconds.
    rows
        How many there are.
    digests
        A hash of each column's bytes, in the columns' order.
    checks
        A short hash of each row, in base64.
    values
        The bytes themselves, packed; None where the lock keeps none.
    """

    start_ns: int
    rows: int
    digests: tuple[str, ...]
    checks: str = field(repr=False)
    values: str | None = field(default=None, repr=False)

    def row_checks(self) -> list[bytes]:
        """The short hash of each row."""
        data = b64decode(self.checks)
        return [data[at : at + CHECK_BYTES] for at in range(0, len(data), CHECK_BYTES)]


def block_digest(encoded: bytes) -> str:
    """First 128 bits of the SHA-256 of canonical bytes, in hexadecimal digits."""
    return sha256(encoded).hexdigest()[:DIGEST_DIGITS]


def row_checks(columns: Sequence[Canonical], start: int, end: int) -> list[bytes]:
    """First 24 bits of the SHA-256 of each row: of its columns' canonical bytes, one after the other."""
    if any(column.dtype == "string" for column in columns):
        rows: Iterator[bytes] = (
            b"".join(column.encoded(i, i + 1) for column in columns) for i in range(start, end)
        )
        return [sha256(row).digest()[:CHECK_BYTES] for row in rows]
    parts = []
    for column in columns:
        values = np.ascontiguousarray(column.values[start:end])
        parts += [column.present[start:end, None], values.view(np.uint8).reshape(end - start, -1)]
    return [sha256(row).digest()[:CHECK_BYTES] for row in np.hstack(parts)] if end > start else []


def cut_blocks(columns: Sequence[Canonical], times: NDArray[np.int64]) -> Iterator[tuple[int, int, Block]]:
    """Blocks of all rows, each with the numbers of its first row and of the one behind it.

    ``times`` is the index of the rows.
    """
    for start, end in _edges(times):
        yield (
            start,
            end,
            Block(
                start_ns=int(times[start]),
                rows=end - start,
                digests=tuple(block_digest(column.encoded(start, end)) for column in columns),
                checks=b64encode(b"".join(row_checks(columns, start, end))).decode(),
            ),
        )


def _edges(times: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(times):
        end = min(start + BLOCK_ROWS, len(times))
        if end < len(times):
            # Events of one instant stay together, or the block's border in time would cut them.
            first = int(np.searchsorted(times, times[end]))
            end = first if first > start else int(np.searchsorted(times, times[end], side="right"))
        yield start, end
        start = end
