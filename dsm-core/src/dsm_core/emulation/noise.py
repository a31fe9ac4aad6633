"""Noise that any range has without its past: hashes of places, and waves that join them.

All of it is integer arithmetic, so that every platform tells the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final

import numpy as np

__all__ = ["BILLION", "HashArray", "IntArray", "Lattice", "bits", "hashed", "key_of", "lattices", "waves"]

HashArray = np.ndarray[Any, np.dtype[np.uint64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
Lattice = tuple[int, int, int]
"""Minutes between two points, how far a point may push in parts per billion, and the key of its hashes."""

BILLION: Final = 1_000_000_000


def key_of(name: str) -> int:
    """Give the key of a name's hashes."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def lattices(name: str, scales: Iterable[tuple[int, int]]) -> list[Lattice]:
    """Give a lattice of each period and push, all of one name."""
    return [(period, push, key_of(f"{name}|{period}")) for period, push in scales]


def hashed(places: IntArray, key: int) -> HashArray:
    """Mix places and a key into 64 even bits (the finaliser of SplitMix64)."""
    mixed = places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def bits(hashes: HashArray, first: int, count: int) -> IntArray:
    """Give some bits of hashes, as integers."""
    return ((hashes >> np.uint64(first)) & np.uint64((1 << count) - 1)).astype(np.int64)


def waves(marks: IntArray, through: Iterable[Lattice]) -> IntArray:
    """Give sums of lines through the points of lattices, at ascending minutes, in parts per billion."""
    moved = np.zeros(len(marks), dtype=np.int64)
    for period, push, key in through:
        cell = marks // period
        rest = marks - cell * period
        points = bits(hashed(np.arange(cell[0], cell[-1] + 2, dtype=np.int64), key), 0, 16) - 32_768
        at = cell - cell[0]
        moved += (points[at] * (period - rest) + points[at + 1] * rest) // period * push >> 15
    return moved
