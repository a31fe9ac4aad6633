"""Cells of text as lines with the columns under each other."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["grid_lines"]


def grid_lines(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()
) -> list[str]:
    """Lines of a table.

    Parameters
    ----------
    header, rows
        As many cells in each.
    right
        Columns that are set to the right, by number from 0.
    """
    table = [header, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
