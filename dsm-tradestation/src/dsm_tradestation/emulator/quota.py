"""How many requests an API key may make, in fixed windows or with an even refill."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import Lock

from dsm_core.emulation import Clock, RefillPool, Reply, Verdict, WeightPool
from dsm_core.emulation.replies import retry_after
from dsm_tradestation.emulator.manners import Manners
from dsm_tradestation.emulator.replies import api_error

__all__ = ["Quotas", "refusal"]


class Quotas:
    """One pool for each API key; it follows the time that passes, whatever the venue's clock says.

    Parameters
    ----------
    limit
        Requests per window.
    window_s
        The window's length in seconds; a fixed one opens with its first request.
    rolling
        Whether the pool refills evenly instead.
    monotonic
        Where time comes from.
    """

    def __init__(
        self, limit: int, window_s: float, *, rolling: bool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit, self._window_s, self._rolling, self._monotonic = limit, window_s, rolling, monotonic
        self._pools: dict[str, WeightPool | RefillPool] = {}
        self._lock = Lock()

    def charge(self, client_id: str) -> Verdict:
        """Count a request of a key and say how it fares."""
        with self._lock:
            if client_id not in self._pools:
                self._pools[client_id] = self._pool()
            return self._pools[client_id].charge(1)

    def reset(self) -> None:
        """Forget all use."""
        with self._lock:
            self._pools.clear()

    def _pool(self) -> WeightPool | RefillPool:
        if self._rolling:
            return RefillPool(self.limit, self._window_s, monotonic=self._monotonic)
        return WeightPool(self.limit, self._window_s, ban_after=math.inf, monotonic=self._monotonic)


def refusal(limit: int, retry_after_s: float, manners: Manners, clock: Clock) -> Reply:
    """Give the answer to a request over quota, with what the venue's manners let it say."""
    headers = retry_after(retry_after_s) if manners.quota_headers in {"retry-after", "both"} else {}
    if manners.quota_headers in {"x-ratelimit", "both"}:
        since_s = clock.now_ms() / 1000 if manners.rate_reset == "epoch" else 0
        headers |= {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(math.ceil(since_s + retry_after_s)),
        }
    return api_error(429, headers=headers)
