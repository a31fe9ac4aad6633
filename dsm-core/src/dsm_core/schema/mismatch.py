"""How a column that does not fit its schema is told."""

from __future__ import annotations

from dsm_core.errors import SchemaMismatchError

__all__ = ["mismatch"]


def mismatch(column: str, what: str) -> SchemaMismatchError:
    """The error of one column."""
    return SchemaMismatchError(f"Column {column!r}: {what}.", column=column)
