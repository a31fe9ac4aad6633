"""Which pool each request draws on: weights by market, and the count of funding requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dsm_binance.emulator.instruments import Market
from dsm_core.emulation import Verdict, WeightPool

__all__ = ["Limits"]


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
