"""A venue with an outage, managers that talk to it, and an empty cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from binance.fixtures import desk
from binance.venues import NOW, utc
from dsm_binance.emulator import Emulator, Listing, Outage
from dsm_core.cache import CacheStore

__all__ = ["desk", "store", "venue"]

LISTINGS = (
    Listing("BTCUSDT"),
    Listing("NEWUSDT", listed_at=utc(2024, 2, 10, 7, 15)),
    Listing("BTCUSDT", "um"),
    Listing("BTCUSD_PERP", "cm"),
)


@pytest.fixture(scope="session")
def venue() -> Iterator[Emulator]:
    with Emulator(
        listings=LISTINGS, outages=[Outage(utc(2024, 3, 1, 2), utc(2024, 3, 1, 5, 30))], now=NOW
    ) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> CacheStore:
    return CacheStore(tmp_path / "cache")
