"""Requests and their weights by the window, and what happens to a client that goes on beyond them.

Windows and bans follow the time that passes, whatever the venue's calendar clock says.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["RefillPool", "Verdict", "WeightPool"]

# However often a client comes back, no ban is longer.
_LONGEST_BAN_S: Final = 3 * 86_400.0


@dataclass(frozen=True)
class Verdict:
    """What a pool says to one request.

    Status 200, 429 or 418, the weight used, how long to wait, and the rule that was broken.
    """

    status: int
    used: int
    retry_after_s: int = 0
    rule: str = ""


class WeightPool:
    """The weight that one address may use in a window.

    Parameters
    ----------
    limit
        Weight per window.
    window_s
        Its length in seconds; it opens with the first request after the last one ended.
    ban_after
        How many requests after a first 429 of the window bring a ban.
    ban_s
        The first ban's length in seconds; each further one is twice as long, up to three days.
    per
        What a refusal calls the window.
    monotonic
        Where time comes from.
    """

    def __init__(
        self,
        limit: int,
        window_s: float = 60.0,
        ban_after: float = 10,
        ban_s: float = 120.0,
        per: str = "minute",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit, self._window_s, self._ban_after = limit, window_s, ban_after
        self._first_ban_s, self._rule, self._monotonic = ban_s, f"{limit} requests per {per}", monotonic
        self.reset()

    def reset(self) -> None:
        """Forget all use and every ban."""
        self.used = 0
        self._opened, self._refused = -math.inf, 0
        self._banned_until, self._bans = -math.inf, 0

    def charge(self, weight: int) -> Verdict:
        """Take a request's weight and say how it fares; one that weighs nothing is stopped by bans alone."""
        now = self._monotonic()
        if now < self._banned_until:
            return Verdict(418, self.used, math.ceil(self._banned_until - now))
        if now >= self._opened + self._window_s:
            self._opened, self.used, self._refused = now, 0, 0
        self.used += weight
        if self.used <= self.limit or not weight:
            return Verdict(200, self.used)
        self._refused += 1
        if self._refused > self._ban_after:
            return self._ban(now)
        return Verdict(429, self.used, math.ceil(self._opened + self._window_s - now), self._rule)

    def _ban(self, now: float) -> Verdict:
        length = min(self._first_ban_s * 2**self._bans, _LONGEST_BAN_S)
        self._bans, self._refused = self._bans + 1, 0
        self._banned_until = now + length
        return Verdict(418, self.used, math.ceil(length))


class RefillPool:
    """The weight that one client may use, refilled evenly as time passes.

    Parameters
    ----------
    limit
        How much there is when nothing was used for a while.
    window_s
        In how many seconds an empty pool is full again.
    per
        What a refusal calls the window.
    monotonic
        Where time comes from.
    """

    def __init__(
        self,
        limit: int,
        window_s: float = 60.0,
        per: str = "minute",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit, self._window_s, self._monotonic = limit, window_s, monotonic
        self._rule = f"{limit} requests per {per}"
        self.reset()

    def reset(self) -> None:
        """Forget all use."""
        self._left, self._read = float(self.limit), self._monotonic()

    def charge(self, weight: int) -> Verdict:
        """Take a request's weight and say how it fares; a refused one takes nothing."""
        now = self._monotonic()
        refilled = (now - self._read) * self.limit / self._window_s
        self._left, self._read = min(self.limit, self._left + refilled), now
        if weight > self._left:
            wait_s = (weight - self._left) * self._window_s / self.limit
            return Verdict(429, self.limit - int(self._left), math.ceil(wait_s), self._rule)
        self._left -= weight
        return Verdict(200, self.limit - int(self._left))
