"""Continuous futures in the emulator: rolls, what they do to history, and the contracts behind them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dsm_tradestation.emulator import Listing, TradeStationEmulator
from tradestation.emulated import Caller, Row

NOW = datetime(2024, 5, 10, 15, 0, tzinfo=UTC)
PRICES = ("Open", "High", "Low", "Close")
LAST: dict[str, Any] = {"unit": "Minute", "interval": 60, "barsback": 200, "lastdate": "2024-05-10T12:00:00Z"}


@pytest.fixture
def caller() -> Iterator[Caller]:
    listings = [Listing("@ES", "FUTURE", price=5000, increment="0.25"), Listing("MSFT")]
    with TradeStationEmulator(listings=listings, now=NOW, expires_in=10**9) as venue:
        yield Caller(venue)


def moved(before: list[Row], after: list[Row]) -> set[float]:
    """By how much the prices of the same bars differ."""
    assert [row["Epoch"] for row in before] == [row["Epoch"] for row in after]
    return {
        float(new[name]) - float(old[name]) for old, new in zip(before, after, strict=True) for name in PRICES
    }


def test_a_roll_moves_all_history_once_its_moment_has_come(caller: Caller) -> None:
    before = caller.bars("@ES", **LAST)
    daily = caller.bars("@ES", unit="Daily", barsback=900, lastdate="2024-05-10T12:00:00Z")
    caller.venue.roll("@ES", at=NOW + timedelta(hours=1), by=12.25)
    assert caller.bars("@ES", **LAST) == before
    caller.venue.clock.advance(timedelta(hours=1))
    assert moved(before, caller.bars("@ES", **LAST)) == {12.25}
    again = caller.bars("@ES", unit="Daily", barsback=900, lastdate="2024-05-10T12:00:00Z")
    assert moved(daily, again) == {12.25}


def test_volumes_and_ticks_do_not_roll(caller: Caller) -> None:
    before = caller.bars("@ES", **LAST)
    caller.venue.roll("@ES", at=NOW, by=-3.5)
    after = caller.bars("@ES", **LAST)
    assert moved(before, after) == {-3.5}
    kept = [name for name in before[0] if name not in PRICES]
    assert [[row[name] for name in kept] for row in before] == [[row[name] for name in kept] for row in after]


def test_an_unadjusted_continuous_contract_moves_from_the_roll_on(caller: Caller) -> None:
    at = datetime(2024, 5, 8, 22, tzinfo=UTC)
    before = caller.bars("@ES=107XN", **LAST)
    caller.venue.roll("@ES", at=at, by=12.25)
    after = caller.bars("@ES=107XN", **LAST)
    old = [row for row in before if row["Epoch"] <= at.timestamp() * 1000]
    assert 0 < len(old) < len(before)
    assert moved(old, after[: len(old)]) == {0.0}
    assert moved(before[len(old) :], after[len(old) :]) == {12.25}


def test_adjusted_and_unadjusted_differ_by_the_rolls_between(caller: Caller) -> None:
    query = {"unit": "Daily", "barsback": 5, "lastdate": "2024-05-10T12:00:00Z"}
    assert moved(caller.bars("@ES=107XN", **query), caller.bars("@ES", **query)) == {0.0}
    long_ago = {"unit": "Daily", "firstdate": "2024-01-10", "lastdate": "2024-01-17"}
    [gap] = moved(caller.bars("@ES=107XN", **long_ago), caller.bars("@ES", **long_ago))
    assert gap > 0
    assert caller.bars("@ES=107XC", **long_ago) == caller.bars("@ES", **long_ago)


def test_the_continuous_contract_rolls_by_itself_each_quarter(caller: Caller) -> None:
    old = caller.bars("@ES", **LAST)
    caller.venue.clock.set(datetime(2024, 6, 12, 21, 59, 59, tzinfo=UTC))
    assert caller.bars("@ES", **LAST) == old
    caller.venue.clock.set(datetime(2024, 6, 12, 22, tzinfo=UTC))
    [gap] = moved(old, caller.bars("@ES", **LAST))
    assert gap > 0


def test_a_listing_may_leave_rolling_to_the_test() -> None:
    listing = Listing("@ES", "FUTURE", price=5000, increment="0.25", rolls=False)
    with TradeStationEmulator(listings=[listing], now=NOW) as venue:
        old = Caller(venue).bars("@ES", **LAST)
        venue.clock.advance(timedelta(days=365))
        assert Caller(venue).bars("@ES", **LAST) == old


def test_back_adjusted_prices_may_be_negative(caller: Caller) -> None:
    caller.venue.roll("@ES", at=NOW, by=-10_000)
    lows = [row["Low"] for row in caller.bars("@ES", **LAST)]
    assert all(low.startswith("-") for low in lows)
    assert {float(low) % 0.25 for low in lows} == {0.0}


def test_a_contract_trades_until_it_expires(caller: Caller) -> None:
    stamps = caller.stamps("ESH24", unit="Daily", barsback=10_000)
    assert stamps[-1] == "2024-03-15T21:00:00Z"
    assert stamps[0] > "2022-12-01"
    assert caller.stamps("ESH24", unit="Daily", firstdate="2024-03-18") == []
    assert caller.bars("@ESH24", unit="Daily", barsback=5) == caller.bars("ESH24", unit="Daily", barsback=5)


def test_the_front_contract_is_what_the_continuous_one_shows(caller: Caller) -> None:
    query = {"unit": "Minute", "barsback": 100}
    assert caller.bars("ESM24", **query) == caller.bars("@ES", **query)
    [apart] = moved(caller.bars("ESM24", **query), caller.bars("ESU24", **query))
    assert apart > 0


@pytest.mark.parametrize("symbol", ["ESF24", "ESH2024", "XXH24", "@XX", "@ES=107XR", "ESH40", "@ES.D"])
def test_other_forms_are_unknown(caller: Caller, symbol: str) -> None:
    assert caller.ask(symbol).status == 404


def test_only_a_continuous_contract_rolls_and_by_whole_increments(caller: Caller) -> None:
    with pytest.raises(ValueError, match="'MSFT' is no continuous contract"):
        caller.venue.roll("MSFT", at=NOW, by=1)
    with pytest.raises(ValueError, match=r"0\.1 is no multiple of @ES's increment 0\.25"):
        caller.venue.roll("@ES", at=NOW, by=0.1)
