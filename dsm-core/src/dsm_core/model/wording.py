"""How numbers of things are written in what people read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dsm_core.model.interval import Interval

__all__ = ["counted", "listed_intervals", "size_text"]

_MOST: Final = 30
_EXAMPLES: Final = 3


def counted(number: int, noun: str) -> str:
    """The number and its noun, which takes an ``s`` unless there is one.

    Examples
    --------
    >>> counted(1, "row"), counted(0, "gap")
    ('1 row', '0 gaps')
    """
    return f"{number} {noun}{'s' * (number != 1)}"


def size_text(size: int) -> str:
    """Bytes in the unit that reads best; kB, MB, GB and TB are powers of 1000.

    Examples
    --------
    >>> size_text(0), size_text(950), size_text(5_310), size_text(212_400_000)
    ('0 B', '950 B', '5.3 kB', '212 MB')
    """
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        # What would be written as 1000 is one of the next unit.
        if value < (1000 if unit == "B" else 999.5):
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:,.1f} TB"


def listed_intervals(intervals: Iterable[str], separator: str = ", ") -> str:
    """Intervals as text; of very many the usual ones, how many more there are, and the first of those.

    Examples
    --------
    >>> listed_intervals([f"{minutes}m" for minutes in range(1, 100)])
    '1m, 3m, 5m, 15m, 30m, 1h and 93 more, such as 2m, 4m, 6m'
    """
    found = list(dict.fromkeys(map(Interval, intervals)))
    if len(found) <= _MOST:
        return separator.join(found)
    usual = [interval for interval in found if hasattr(Interval, interval.name)]
    others = [interval for interval in found if interval not in usual]
    examples = separator.join(others[:_EXAMPLES])
    return f"{separator.join(usual)} and {len(others)} more, such as {examples}"
