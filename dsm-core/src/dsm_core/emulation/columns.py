"""Rows of a venue as columns of integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from dsm_core.emulation.noise import IntArray

__all__ = ["Columns", "Rows"]

Rows = slice | np.ndarray[Any, np.dtype[np.int64]] | np.ndarray[Any, np.dtype[np.bool_]]
"""Which rows: a slice, indices or a mask."""


@dataclass(frozen=True)
class Columns:
    """Base of columns of equal length, ascending by the first; a subclass has a field for each."""

    def __len__(self) -> int:
        return len(self.columns()[0])

    @property
    def nbytes(self) -> int:
        """What the columns take in memory."""
        return sum(column.nbytes for column in self.columns())

    @classmethod
    def none(cls) -> Self:
        """Give columns without a row."""
        return cls(*(np.empty(0, dtype=np.int64) for _ in fields(cls)))

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Give rows of consecutive ranges as one."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.none()
        return cls(*(np.concatenate(column) for column in zip(*(p.columns() for p in parts), strict=True)))

    def columns(self) -> tuple[IntArray, ...]:
        """Give the columns in the order of their fields."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def take(self, rows: Rows) -> Self:
        """Give some rows."""
        return type(self)(*(column[rows] for column in self.columns()))
