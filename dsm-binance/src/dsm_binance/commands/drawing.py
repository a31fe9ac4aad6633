"""Pictures in text: a price chart and a timeline, with ASCII where the stream has no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import click

__all__ = ["Style", "can_draw", "price_chart", "timeline"]

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_HALVES: Final = " .:"


class Style:
    """How one kind of range looks: a block, an ASCII letter and a colour."""

    def __init__(self, block: str, letter: str, colour: str) -> None:
        self.block, self.letter, self.colour = block, letter, colour

    def mark(self, count: int, *, blocks: bool) -> str:
        """``count`` cells of it."""
        return click.style((self.block if blocks else self.letter) * count, fg=self.colour)


def can_draw(encoding: str | None) -> bool:
    """Whether a stream of this encoding can show block characters."""
    try:
        _EIGHTHS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def price_chart(prices: Sequence[float | None], *, height: int = 7, blocks: bool = True) -> list[str]:
    """Area chart, one column for each price; None leaves its column empty.

    Returns
    -------
    list of str
        Lines from top to bottom, the highest and the lowest price written beside them.
    """
    known = [price for price in prices if price is not None]
    if not known:
        return []
    low, high = min(known), max(known)
    steps = _EIGHTHS if blocks else _HALVES
    per_line = len(steps) - 1
    # The lowest price still gets one step: an empty column means that there is none.
    scale = (height * per_line - 1) / ((high - low) or 1.0)
    levels = [0 if price is None else 1 + round((price - low) * scale) for price in prices]
    lines = []
    for line in reversed(range(height)):
        cells = "".join(steps[min(max(level - line * per_line, 0), per_line)] for level in levels)
        label = f"{high:,.2f}" if line == height - 1 else f"{low:,.2f}" if line == 0 else ""
        lines.append(f"{cells}  {label}".rstrip())
    return lines


def timeline(
    cells: Sequence[str], styles: Mapping[str, Style], other: Style, *, blocks: bool = True
) -> tuple[str, str]:
    """A line with one character for each cell's kind, and its legend."""
    marks = [styles.get(kind, other).mark(1, blocks=blocks) for kind in cells]
    kinds = dict.fromkeys(cells)
    legend = "  ".join(f"{styles.get(kind, other).mark(2, blocks=blocks)} {kind}" for kind in kinds)
    return "".join(marks), legend
