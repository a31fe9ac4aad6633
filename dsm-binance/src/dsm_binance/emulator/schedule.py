"""When a perpetual contract settles its funding: hour multiples of an interval that may change."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from dsm_binance.emulator.intervals import HOUR_MS
from dsm_core.emulation import to_ms

__all__ = ["DEFAULT_HOURS", "FUNDING_HOURS", "FundingChange", "Schedule"]

FundingChange = tuple[datetime | None, int]
"""From when (inclusive; ``None`` is ever), and how many hours lie between two settlements."""

FUNDING_HOURS: Final = (1, 2, 4, 8)
"""The intervals that the venue uses."""

DEFAULT_HOURS: Final = 8
"""What holds for a symbol that says nothing else."""

_EVER: Final = -(1 << 62)


class Schedule:
    """The settlements of a contract, without their jitter and without the bounds of its listing.

    Parameters
    ----------
    changes
        The interval in force from each instant on, ascending. Before the first one it is 8 hours.

    Raises
    ------
    ValueError
        An interval that the venue does not use, or instants that do not ascend.
    """

    def __init__(self, changes: Sequence[FundingChange]) -> None:
        found = [(_EVER if since is None else to_ms(since), hours) for since, hours in changes]
        if not found or found[0][0] != _EVER:
            found.insert(0, (_EVER, DEFAULT_HOURS))
        self._since, self._hours = [since for since, _ in found], [hours for _, hours in found]
        if any(hours not in FUNDING_HOURS for hours in self._hours):
            msg = f"funding every {self._hours} hours; take hours out of {FUNDING_HOURS}"
            raise ValueError(msg)
        if any(later <= earlier for earlier, later in zip(self._since, self._since[1:], strict=False)):
            msg = "changes of the funding interval do not ascend; give each a later time than the one before"
            raise ValueError(msg)

    def hours_at(self, moment_ms: int) -> int:
        """Give the interval in force."""
        return self._hours[bisect_right(self._since, moment_ms) - 1]

    def changed_ms(self, moment_ms: int) -> int | None:
        """Give since when that interval is in force, or ``None`` for ever."""
        since = self._since[bisect_right(self._since, moment_ms) - 1]
        return None if since == _EVER else since

    def settlements(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
        """Give each settlement in ``[start_ms, end_ms)`` with the hours since the one before."""
        first_ms = -(-start_ms // HOUR_MS) * HOUR_MS
        before_ms = first_ms - HOUR_MS
        while not self._settles(before_ms):
            before_ms -= HOUR_MS
        for at_ms in range(first_ms, end_ms, HOUR_MS):
            if self._settles(at_ms):
                yield at_ms, (at_ms - before_ms) // HOUR_MS
                before_ms = at_ms

    def _settles(self, at_ms: int) -> bool:
        return at_ms % (self.hours_at(at_ms) * HOUR_MS) == 0
