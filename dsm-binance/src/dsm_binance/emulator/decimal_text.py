"""Integers with a decimal point as CSV bytes, a column at a time.

A month of minute bars is half a million numbers; written one by one they would cost more than their
generation.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from dsm_binance.emulator.intervals import IntArray

__all__ = ["Column", "csv_bytes"]

ByteArray = np.ndarray[Any, np.dtype[np.uint8]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]
Column = tuple[IntArray, int, int]
"""Values, how many of their digits stand behind the point, and how many decimals to write."""

_ZERO, _POINT, _COMMA, _NEWLINE, _MINUS = (np.uint8(ord(char)) for char in "0.,\n-")
_GROUPS: Final = np.array([[ord(char) for char in f"{n:04d}"] for n in range(10_000)], dtype=np.uint8)
_POWERS: Final = np.array([10**power for power in range(1, 19)], dtype=np.int64)


def csv_bytes(columns: list[Column]) -> bytes:
    """Give rows of comma-separated decimals, each ended by a line feed."""
    if not len(columns[0][0]):
        return b""
    blocks: list[ByteArray] = []
    keeps: list[BoolArray] = []
    for values, held, written in columns:
        for block, keep in (*_number(values, held, written), _constant(len(values), _COMMA)):
            blocks.append(block)
            keeps.append(keep)
    blocks[-1] = _constant(len(columns[0][0]), _NEWLINE)[0]
    matrix, kept = np.concatenate(blocks, axis=1), np.concatenate(keeps, axis=1)
    return matrix[kept].tobytes()


def _number(values: IntArray, held: int, written: int) -> list[tuple[ByteArray, BoolArray]]:
    """Blocks of one column: sign, whole digits and, when decimals are written, the point with the rest."""
    digits, keep = _digits(np.abs(values), held)
    negative = values[:, None] < 0
    sign = [(_constant(len(values), _MINUS)[0], negative)] if negative.any() else []
    if not written:
        return [*sign, (digits, keep)]
    cut = digits.shape[1] - held
    zeros = _constant(len(values), _ZERO, written - held)
    point = _constant(len(values), _POINT)
    return [*sign, (digits[:, :cut], keep[:, :cut]), point, (digits[:, cut:], keep[:, cut:]), zeros]


def _digits(values: IntArray, decimals: int) -> tuple[ByteArray, BoolArray]:
    """Digits with leading zeros, and which of them are written: at least one before the point."""
    needed = np.maximum(np.searchsorted(_POWERS, values, side="right") + 1, decimals + 1)
    groups = -(-int(needed.max()) // 4)
    digits = np.empty((len(values), groups * 4), dtype=np.uint8)
    rest = values
    for group in range(groups - 1, -1, -1):
        rest, last = np.divmod(rest, 10_000)
        digits[:, group * 4 : group * 4 + 4] = _GROUPS[last]
    return digits, np.arange(groups * 4) >= groups * 4 - needed[:, None]


def _constant(rows: int, char: np.uint8, times: int = 1) -> tuple[ByteArray, BoolArray]:
    return np.full((rows, times), char), np.ones((rows, times), dtype=np.bool_)
