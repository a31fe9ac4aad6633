"""Every symbol a market ever had, what traded when, and how seldom that is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd
import pytest

from binance.venues import Desk, Venues, sent, utc
from dsm_binance.emulator import Emulator, Fault, Listing
from dsm_core.errors import RequestError, ServerError

NOW = utc(2024, 6, 15, 12, 0, 30)
DAY = timedelta(days=1)
LIVING = [Listing(f"A{i:03d}USDT", "um", listed_at=utc(2020, 1, 10, 5) + i * 5 * DAY) for i in range(270)]
GONE = [
    Listing(
        f"B{i:03d}USDT",
        "um",
        listed_at=utc(2020, 3, 1, 7) + i * 20 * DAY,
        delisted_at=utc(2021, 2, 3, 9) + i * 50 * DAY,
        removed=i % 2 == 0,
    )
    for i in range(20)
]
LATER = [Listing(f"C{i:03d}USDT", "um", listed_at=utc(2024, 6, 1, 8) + i * DAY) for i in range(10)]
LISTINGS = [*LIVING, *GONE, *LATER]
DATES = [utc(2019, 12, 1), utc(2020, 1, 10), utc(2020, 6, 30), utc(2021, 2, 2), utc(2021, 2, 4)]
DATES += [utc(2022, 1, 1), utc(2023, 3, 15), utc(2023, 10, 31), utc(2024, 6, 5), utc(2024, 6, 15)]


@pytest.fixture(scope="module")
def _market() -> Iterator[Emulator]:
    with Emulator(listings=LISTINGS, now=NOW) as venue:
        yield venue


@pytest.fixture
def market(_market: Emulator) -> Emulator:
    _market.clear_requests()
    _market.reset_limits()
    return _market


def traded(day: datetime) -> list[str]:
    """What was listed at some time of a day, by the listings' own dates; what is gone ends with its day."""
    found = []
    for listing in LISTINGS:
        assert listing.listed_at is not None
        end = listing.delisted_at
        if end is not None:
            end = end.replace(hour=0) + DAY
        if listing.listed_at < min(day + DAY, NOW) and (end is None or end > day):
            found.append(listing.symbol)
    return sorted(found)


def test_what_traded_on_ten_days_is_right(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    for day in DATES:
        found = manager.symbols(at=day.date())
        assert found["symbol"].tolist() == traded(day), day
        assert manager.symbols(at=f"{day:%Y-%m-%d}").equals(found)
    assert traded(DATES[0]) == []
    assert len(traded(DATES[-1])) == 280


def test_an_instant_is_narrower_than_its_day(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    listing = GONE[1]
    assert listing.listed_at is not None
    assert listing.delisted_at is not None
    second = timedelta(seconds=1)
    for moment, trades in (
        (listing.listed_at - second, False),
        (listing.listed_at, True),
        (listing.delisted_at - second, True),
        # The archive has whole days, so what is gone counts until midnight.
        (listing.delisted_at + DAY, False),
    ):
        assert (listing.symbol in set(manager.symbols(at=moment)["symbol"])) is trades, moment


def test_the_table_names_every_symbol_and_where_its_dates_are_from(market: Emulator, desk: Desk) -> None:
    found = desk.manager(market, "um").symbols().set_index("symbol")
    assert found.index.tolist() == sorted(x.symbol for x in LISTINGS)
    for name in ("listed_at", "delisted_at"):
        assert found[name].dtype == pd.DatetimeTZDtype("ns", "UTC")
    kept, removed = found.loc[GONE[1].symbol], found.loc[GONE[0].symbol]
    assert kept["listed_at"].to_pydatetime() == GONE[1].listed_at
    assert (kept["listed_at_source"], kept["delisted_at_source"]) == ("exchangeInfo", "archive")
    assert (removed["listed_at_source"], removed["delisted_at_source"]) == ("archive", "archive")
    assert (removed["base"], removed["quote"]) == ("B000", "USDT")
    assert pd.isna(found.loc[LIVING[0].symbol, "delisted_at"])
    assert (found["contract_type"] == "PERPETUAL").all()


def test_the_list_is_asked_for_once_a_day(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=LISTINGS[260:275], now=NOW)
    manager = desk.manager(venue, "um")
    first = manager.symbols()
    assert sent(venue, "exchangeInfo", "listing")
    venue.clear_requests()
    pd.testing.assert_frame_equal(manager.symbols(), first)
    pd.testing.assert_frame_equal(desk.manager(venue, "um").symbols(), first)
    venue.clock.advance(timedelta(hours=23))
    manager.symbols(at="2022")
    assert sent(venue) == []
    venue.clock.advance(timedelta(hours=2))
    assert len(manager.symbols()) == len(first)
    assert sent(venue, "exchangeInfo")
    venue.clear_requests()
    manager.symbols(refresh=True)
    assert sent(venue, "exchangeInfo")


def test_offline_the_list_comes_from_the_cache(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=LISTINGS[:20], now=NOW)
    offline = desk.manager(venue, "um", config={"offline": True})
    with pytest.raises(RequestError, match="not cached"):
        offline.symbols()
    online = desk.manager(venue, "um").symbols()
    venue.clear_requests()
    venue.clock.advance(timedelta(days=40))
    pd.testing.assert_frame_equal(offline.symbols(), online)
    pd.testing.assert_frame_equal(offline.symbols(refresh=True), online)
    assert sent(venue) == []


def test_a_venue_in_trouble_leaves_yesterdays_list(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=LISTINGS[:20], now=NOW)
    manager = desk.manager(venue, "um", config={"http": {"retry_count": 0}})
    first = manager.symbols()
    venue.clock.advance(timedelta(days=2))
    venue.add_fault(Fault("500", "exchangeInfo", times=None))
    pd.testing.assert_frame_equal(manager.symbols(), first)
    with pytest.raises(ServerError):
        desk.manager(venue, "spot", config={"http": {"retry_count": 0}}).symbols()


def test_spot_symbols_take_their_first_day_from_the_archive(venues: Venues, desk: Desk) -> None:
    listed = utc(2022, 5, 6, 7)
    gone = Listing("OLDUSDT", "spot", listed_at=listed, delisted_at=utc(2023, 4, 5, 6), removed=True)
    venue = venues(listings=[Listing("NEWUSDT", "spot", listed_at=listed), gone], now=NOW)
    manager = desk.manager(venue)
    found = manager.symbols().set_index("symbol")
    assert found["listed_at"].tolist() == [pd.Timestamp(listed.date(), tz="UTC")] * 2
    assert found.loc["OLDUSDT", "delisted_at"] == pd.Timestamp("2023-04-06", tz="UTC")
    assert manager.symbols(at="2023-04")["symbol"].tolist() == ["NEWUSDT", "OLDUSDT"]
    assert manager.symbols(at="2023-05")["symbol"].tolist() == ["NEWUSDT"]


def test_each_market_has_a_list_of_its_own(venues: Venues, desk: Desk) -> None:
    venue = venues(now=NOW)
    manager = desk.manager(venue)
    assert manager.symbols()["symbol"].tolist() == ["BTCUSDT", "ETHUSDT"]
    assert manager.symbols("cm")["symbol"].tolist() == ["BTCUSD_PERP", "ETHUSD_PERP"]
    venue.clear_requests()
    assert manager.symbols("futures_coin")["symbol"].tolist() == ["BTCUSD_PERP", "ETHUSD_PERP"]
    assert sent(venue) == []
    with pytest.raises(RequestError, match="moon"):
        manager.symbols("moon")


def test_the_asynchronous_face_lists_the_same(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=LISTINGS[:20], now=NOW)
    expected = desk.manager(venue, "um").symbols(at="2020-02")

    async def ask() -> pd.DataFrame:
        async with desk.async_manager(venue, "um") as manager:
            return await manager.symbols(at="2020-02")

    pd.testing.assert_frame_equal(asyncio.run(ask()), expected)
