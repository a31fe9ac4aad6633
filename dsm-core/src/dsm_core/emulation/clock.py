"""The venue's calendar clock, which tests may freeze, set and move.

Rate windows do not ask it: like the real ones they follow the time that passes.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from threading import Lock

__all__ = ["Clock", "from_ms", "to_ms"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Give Unix milliseconds of an aware datetime.

    Raises
    ------
    ValueError
        The datetime has no zone; give it one, e.g. ``tzinfo=UTC``.
    """
    if moment.tzinfo is None:
        msg = f"{moment!r} has no zone; write datetime(..., tzinfo=UTC)"
        raise ValueError(msg)
    return (moment - EPOCH) // _MILLISECOND


def from_ms(moment_ms: int) -> datetime:
    """Give the aware UTC datetime of Unix milliseconds."""
    return EPOCH + timedelta(milliseconds=moment_ms)


class Clock:
    """What time it is at the venue.

    Parameters
    ----------
    start
        The first instant, aware. ``None`` is the machine's clock, running.
    running
        Whether time passes after `start`; without it the clock stands still until it is set or advanced.
    """

    def __init__(self, start: datetime | None = None, *, running: bool = False) -> None:
        self._lock = Lock()
        self._running = running or start is None
        self._base_ms = to_ms(start) if start is not None else time.time_ns() // 1_000_000
        self._since = time.monotonic()

    def now(self) -> datetime:
        """Give the venue's time as an aware UTC datetime."""
        return from_ms(self.now_ms())

    def now_ms(self) -> int:
        """Give the venue's time in Unix milliseconds."""
        with self._lock:
            return self._read()

    def set(self, moment: datetime) -> None:
        """Move to an instant; a running clock runs on from there."""
        moment_ms = to_ms(moment)
        with self._lock:
            self._base_ms, self._since = moment_ms, time.monotonic()

    def advance(self, span: timedelta) -> None:
        """Move by a span; a negative one goes back."""
        with self._lock:
            self._base_ms, self._since = self._read() + span // _MILLISECOND, time.monotonic()

    def freeze(self) -> None:
        """Stop where the clock stands."""
        with self._lock:
            self._base_ms, self._running = self._read(), False

    def run(self) -> None:
        """Let time pass from where the clock stands."""
        with self._lock:
            self._base_ms, self._since, self._running = self._read(), time.monotonic(), True

    def _read(self) -> int:
        if not self._running:
            return self._base_ms
        return self._base_ms + int((time.monotonic() - self._since) * 1000)
