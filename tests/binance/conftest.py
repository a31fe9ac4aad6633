"""An emulated venue and managers that talk to it, for the acceptance tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from binance.fixtures import desk, venues
from binance.venues import NOW, VISION, utc
from dsm_binance.emulator import Emulator

__all__ = ["desk", "venue", "venues"]


@pytest.fixture(scope="session")
def _shared() -> Iterator[Emulator]:
    with Emulator(now=NOW) as venue:
        yield venue


@pytest.fixture
def venue(_shared: Emulator) -> Emulator:
    """A faultless venue at `NOW`, shared by the tests that change nothing of it."""
    _shared.clear_requests()
    _shared.reset_limits()
    return _shared


@pytest.fixture(scope="session")
def recorded() -> Iterator[Emulator]:
    """The recorded files alone, without the daily ones beside monthly ones; REST is switched off."""
    months = [p.stem for p in VISION.rglob("*.zip") if p.stem[-3] == "-" and p.stem[-6] != "-"]
    missing = [f"*/daily/*/{month}-*.zip" for month in months]
    with Emulator(data=[VISION], rest=False, now=utc(2026, 8, 1), missing=missing) as venue:
        yield venue
