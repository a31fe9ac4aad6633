"""Request weights by the minute, and what happens to a client that goes on beyond them.

Windows and bans follow the time that passes, whatever the venue's calendar clock says.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dsm_binance.emulator.instruments import Market

__all__ = ["Limits", "Verdict", "WeightPool"]

# The longest ban that the venue's documents name.
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


@dataclass(frozen=True)
class Limits:
    """Every pool of the venue: weights by market, which may share one, and the count of funding requests."""

    weights: Mapping[Market, WeightPool]
    funding: WeightPool

    def charge(self, market: Market, weight: int, is_funding: bool) -> Verdict:
        """Take what a request costs; the verdict's `used` is always the weight."""
        verdict = self.weights[market].charge(weight)
        if verdict.status == 200 and is_funding:
            return replace(self.funding.charge(1), used=verdict.used)
        return verdict

    def reset(self) -> None:
        """Forget all use and every ban."""
        for pool in (*self.weights.values(), self.funding):
            pool.reset()
