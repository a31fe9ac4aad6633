"""What the torture tests begin with."""

from __future__ import annotations

from binance.fixtures import desk, venues

__all__ = ["desk", "venues"]
