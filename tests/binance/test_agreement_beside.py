"""A file holds more rows than were asked for: those are held against the cache too."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from binance.venues import Desk, Venues, utc
from dsm_core.errors import DisagreementError

DAY = utc(2024, 5, 11)
FILE = "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-05-11.zip"
EARLY = (DAY, DAY + timedelta(hours=2))
LATER = (DAY + timedelta(hours=5), DAY + timedelta(hours=23))


@pytest.mark.parametrize("wish", [{}, {"enforce_source": "vision"}])
def test_rows_beside_the_range_that_contradict_held_ones_refuse_the_file(
    venues: Venues, desk: Desk, wish: dict[str, Any]
) -> None:
    venue = venues()
    venue.republish(FILE, changed={DAY + timedelta(hours=1): {"volume": "1.5"}})
    manager = desk.manager(venue, config={"agreement": {"policy": "raise"}})
    first = manager.query("BTCUSDT", *EARLY, "1h", enforce_source="rest").to_pandas()
    with pytest.raises(DisagreementError, match=r"2024-05-11 01:00 volume: vision 1\.5, rest"):
        manager.query("BTCUSDT", *LATER, "1h", **wish)
    held = manager.query("BTCUSDT", *EARLY, "1h", enforce_source="cache")
    assert held.to_pandas().equals(first)
