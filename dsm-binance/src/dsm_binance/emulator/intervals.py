"""Bar lengths as Binance names them, and the grid that each one stands on.

Two grids are not what epoch arithmetic suggests: weeks open on Monday, three-day bars open where the epoch
day leaves 1 when divided by 3 (2017-08-17, 2024-01-01 and 2026-07-01 all fit).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

__all__ = [
    "ARCHIVE_NAMES",
    "DAY_MS",
    "HOUR_MS",
    "INTERVALS",
    "MINUTE_MS",
    "SECOND_MS",
    "IntArray",
    "Interval",
]

IntArray = np.ndarray[Any, np.dtype[np.int64]]

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
# The epoch was a Thursday; the first Monday after it was 1970-01-05.
_MONDAY_MS: Final = 4 * DAY_MS


@dataclass(frozen=True)
class Interval:
    """One bar length; `step_ms` is 0 for the calendar month."""

    name: str
    step_ms: int
    anchor_ms: int = 0

    def floor(self, moment_ms: int) -> int:
        """Give the open of the slot that holds an instant."""
        return int(self.floor_all(np.array([moment_ms], dtype=np.int64))[0])

    def ceil(self, moment_ms: int) -> int:
        """Give the first open at or after an instant."""
        opened = self.floor(moment_ms)
        return opened if opened == moment_ms else self.after(opened)

    def after(self, open_ms: int) -> int:
        """Give the open that follows the slot opened at `open_ms`."""
        return int(self.after_all(np.array([open_ms], dtype=np.int64))[0])

    def shift(self, open_ms: int, slots: int) -> int:
        """Give the open that lies `slots` slots after (before, when negative) an open."""
        if self.step_ms:
            return open_ms + slots * self.step_ms
        month = np.datetime64(open_ms, "ms").astype("datetime64[M]") + np.timedelta64(slots, "M")
        return int(month.astype("datetime64[ms]").astype(np.int64))

    def floor_all(self, moments_ms: IntArray) -> IntArray:
        """Give the opens of the slots that hold many instants."""
        if self.step_ms:
            return moments_ms - (moments_ms - self.anchor_ms) % self.step_ms
        months = moments_ms.astype("datetime64[ms]").astype("datetime64[M]")
        return months.astype("datetime64[ms]").astype(np.int64)

    def after_all(self, opens_ms: IntArray) -> IntArray:
        """Give the opens that follow many opens."""
        if self.step_ms:
            return opens_ms + self.step_ms
        months = opens_ms.astype("datetime64[ms]").astype("datetime64[M]") + np.timedelta64(1, "M")
        return months.astype("datetime64[ms]").astype(np.int64)


def _steps() -> dict[str, Interval]:
    found = {"1s": Interval("1s", SECOND_MS)}
    for count, unit, unit_ms in (
        *((count, "m", MINUTE_MS) for count in (1, 3, 5, 15, 30)),
        *((count, "h", HOUR_MS) for count in (1, 2, 4, 6, 8, 12)),
        (1, "d", DAY_MS),
    ):
        found[f"{count}{unit}"] = Interval(f"{count}{unit}", count * unit_ms)
    found["3d"] = Interval("3d", 3 * DAY_MS, DAY_MS)
    found["1w"] = Interval("1w", 7 * DAY_MS, _MONDAY_MS)
    found["1M"] = Interval("1M", 0)
    return found


INTERVALS: Final = _steps()
"""Every interval by its REST name; only spot has ``1s``."""

ARCHIVE_NAMES: Final = {("1mo" if name == "1M" else name): step for name, step in INTERVALS.items()}
"""Every interval by the name that archive paths use."""
