"""What the older implementation got wrong about sources that fail, and about its host's log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from binance.venues import Desk, Venues, gaps, utc
from dsm_binance.emulator import Fault
from dsm_core.errors import IncompleteDataWarning, RateLimitError


@pytest.mark.parametrize("status", ["418", "429"])
def test_a_rate_limit_is_raised_as_one(status: str, venues: Venues, desk: Desk) -> None:
    venue = venues(missing=["*"], faults=[Fault(status, "klines", times=None, retry_after=600)])
    manager = desk.manager(venue, provider="binance", retry_count=0)
    with pytest.raises(RateLimitError) as caught:
        manager.get_data("BTCUSDT", "2024-06-01", "2024-06-01", "1h")
    assert caught.value.retry_after_s == pytest.approx(600, abs=30)


def test_funding_that_is_held_in_part_is_never_returned_as_whole(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = desk.manager(venue, "um", provider="binance", chart_type="funding_rate", retry_count=0)
    assert len(manager.get_data("BTCUSDT", "2024-03", "2024-03")) == 93
    assert len(manager.get_data("BTCUSDT", "2024-02", "2024-04")) == 87 + 93 + 90
    venue.add_fault(Fault("500", times=None))
    with pytest.warns(IncompleteDataWarning, match="source_failed"):
        part = manager.query("BTCUSDT", "2024-02", "2024-05")
    assert len(part) == 87 + 93 + 90
    # The settlement of the first midnight may be told by the month before it.
    ((_, end, reason, final),) = gaps(part)
    assert (end, reason, final) == (utc(2024, 6), "source_failed", False)


def test_the_host_programs_log_handlers_are_left_alone(venues: Venues, desk: Desk) -> None:
    root, own = logging.getLogger(), logging.Handler()
    seen: list[Any] = []
    own.emit = seen.append  # type: ignore[method-assign]
    root.addHandler(own)
    before = (root.handlers.copy(), root.level, logging.root.manager.disable)
    names = ("httpx", "httpcore", "asyncio")
    levels = [logging.getLogger(name).level for name in names]
    try:
        manager = desk.manager(venues(), provider="binance")
        manager.get_data("BTCUSDT", "2024-06-01", "2024-06-01", "1h")
        manager.close()
        assert (root.handlers, root.level, logging.root.manager.disable) == before
        assert [logging.getLogger(name).level for name in names] == levels
        logging.getLogger("host").warning("still heard")
    finally:
        root.removeHandler(own)
    assert [record.getMessage() for record in seen] == ["still heard"]
