"""How numbers of things are written in what people read."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, noun: str) -> str:
    """The number and its noun, which takes an ``s`` unless there is one.

    Examples
    --------
    >>> counted(1, "row"), counted(0, "gap")
    ('1 row', '0 gaps')
    """
    return f"{number} {noun}{'s' * (number != 1)}"
