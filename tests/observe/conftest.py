"""An emulated venue, and managers over it that are watched."""

from __future__ import annotations

from binance.fixtures import desk, venues

__all__ = ["desk", "venues"]
