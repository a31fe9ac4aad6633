"""The kit's clock: waits cost no time, and still pass."""

from __future__ import annotations

import asyncio
import time

__all__ = ["SkippingClock"]


class SkippingClock:
    """A clock that jumps over the sleeps it is asked for; real time passes on it as well."""

    def __init__(self) -> None:
        self._skipped_s = 0.0

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic() + self._skipped_s

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._skipped_s

    def skip(self, seconds: float) -> None:
        """Let time pass."""
        self._skipped_s += max(0.0, seconds)

    async def sleep(self, seconds: float) -> None:
        """Pass the time and let other tasks run."""
        self.skip(seconds)
        await asyncio.sleep(0)
