"""`manager.scan`: the cache as one lazy frame."""

from __future__ import annotations

import polars as pl

from binance.venues import Desk, Venues


def test_a_scan_shows_what_is_held_and_asks_nobody(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = desk.manager(venue)
    held = {s: manager.get_data(s, "2024-05-01", "2024-05-02", "1h") for s in ("BTCUSDT", "ETHUSDT")}
    venue.clear_requests()
    frame = manager.scan(["BTCUSDT", "ETHUSDT"], "1h").filter(pl.col("symbol") == "ETHUSDT").collect()
    assert frame["close"].to_list() == held["ETHUSDT"]["close"].to_list()
    assert set(frame["interval"]) == {"1h"}
    assert venue.requests == []
