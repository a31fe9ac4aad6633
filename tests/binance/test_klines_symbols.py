"""Symbols: unknown ones, odd ones, and those that trade no more or not yet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from binance.venues import (
    DATA,
    DAY,
    HOUR,
    NOW,
    Desk,
    Venues,
    assert_equal,
    bars_of_rest,
    check_frame,
    frame_of,
    gaps,
    make_rows,
    sent,
    sources,
    utc,
    write_zip,
)
from dsm_binance.emulator import Emulator, Fault, Listing, Outage
from dsm_binance.markets import COIN_M, SPOT, USDS_M
from dsm_binance.symbols import check_symbol, parse_symbols
from dsm_core.errors import RequestError, SymbolNotFoundError

GONE = Listing("LUNAUSDT", "spot", listed_at=utc(2023, 3, 10, 8), delisted_at=utc(2024, 4, 20, 3))
REMOVED = Listing(
    "FTTUSDT", "spot", listed_at=utc(2023, 3, 10, 8), delisted_at=utc(2024, 4, 20, 3), removed=True
)
YOUNG = Listing("NEWUSDT", "spot", listed_at=utc(2024, 4, 18, 9))
CHINESE = "币安人生USDT"


@pytest.fixture
def market(venues: Venues) -> Emulator:
    listings = [Listing("BTCUSDT"), Listing("ETHUSDT"), GONE, REMOVED, YOUNG, Listing(CHINESE)]
    futures = [
        Listing("BTCUSD_PERP", "cm"),
        Listing("BTCUSDT", "um"),
        Listing("OLDUSDT", "um", delisted_at=utc(2024, 4, 20, 3)),
    ]
    return venues(listings=[*listings, *futures])


def truth(
    venue: Emulator, symbol: str, start: Any, end: Any, interval: str = "1h", market: str = "spot"
) -> Any:
    return frame_of(bars_of_rest(venue, market, symbol, interval, start, end), interval)


@pytest.mark.parametrize("span", [("2024-05-01", "2024-05-02"), (utc(2024, 6, 15), utc(2024, 6, 15, 11))])
def test_an_unknown_symbol_is_an_error_with_close_matches(span: Any, market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market)
    with pytest.raises(SymbolNotFoundError, match=r"BTCUSTD.*Did you mean 'BTCUSDT'") as caught:
        manager.get_data("BTCUSTD", *span, "1h")
    assert caught.value.symbol == "BTCUSTD"
    assert caught.value.close_matches[0] == "BTCUSDT"
    assert not list((desk.tmp_path / "cache").rglob("*.arrow"))
    assert len(market.requests) <= 12


@pytest.mark.parametrize(
    ("which", "symbol", "guess"),
    [
        ("cm", "BTCUSDT", "BTCUSD_PERP"),
        ("cm", "BTCUSD", "BTCUSD_PERP"),
        ("spot", "btcusdt", "BTCUSDT"),
        ("spot", "BTC/USDT", None),
        ("spot", "BTC-USDT", "BTCUSDT"),
        ("spot", "BTCUSD_PERP", "BTCUSDT"),
        ("um", "BTC_USDT", "BTCUSDT"),
        ("um", "btcusdt", "BTCUSDT"),
        ("cm", "btcusd_perp", "BTCUSD_PERP"),
        ("spot", " BTCUSDT", "BTCUSDT"),
        ("spot", "BTCUSDT\n", None),
        ("spot", "../BTCUSDT", None),
        ("spot", "..", None),
        ("spot", "BTCUSDT/../../x", None),
        ("spot", "BTC\x00USDT", None),
        ("spot", "BTC\\USDT", None),
        ("spot", "", None),
        ("spot", "   ", None),
        ("spot", "B" * 200, None),
        ("spot", "BTCUSDT&limit=1", None),
        ("spot", "BTC%2FUSDT", None),
        ("spot", None, None),
        ("spot", 7, None),
    ],
)
def test_a_symbol_of_another_form_is_refused_before_anything_is_asked(
    which: str, symbol: Any, guess: str | None, market: Emulator, desk: Desk
) -> None:
    with pytest.raises(RequestError) as caught:
        desk.manager(market, which).get_data(symbol, "2024-05-01", "2024-05-02", "1h")
    assert caught.value.hint
    assert repr(symbol) in str(caught.value)
    if guess is not None:
        assert repr(guess) in str(caught.value)
    assert market.requests == []
    assert not (desk.tmp_path / "cache").exists()


def test_a_symbol_in_another_script_works_from_archive_rest_and_cache(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market)
    span: dict[str, Any] = {
        "start_time": utc(2024, 6, 13),
        "end_time": utc(2024, 6, 15, 11),
        "interval": "1h",
    }
    data = manager.query(CHINESE, **span, on_gaps="raise_any")
    check_frame(data.to_pandas())
    assert_equal(data.to_pandas(), truth(market, CHINESE, utc(2024, 6, 13), utc(2024, 6, 15, 12)))
    assert sources(data) == ["vision", "rest"]
    assert f"/{CHINESE}/1h/{CHINESE}-1h-2024-06-13.zip" in sent(market, "zip")[0].path
    assert sent(market, "klines")[0].query["symbol"] == CHINESE
    market.clear_requests()
    assert_equal(manager.get_data(CHINESE, **span), data.to_pandas())
    assert market.requests == []
    files = [p.relative_to(desk.tmp_path / "cache") for p in (desk.tmp_path / "cache").rglob("*.arrow")]
    assert files
    assert all(str(p).isascii() for p in files)


def test_every_symbol_that_the_venue_ever_listed_has_an_accepted_form() -> None:
    recorded = {
        SPOT: "spot/exchangeInfo-BTC-ETH-XVG-20260703.json",
        USDS_M: "um/exchangeInfo-20260703.json",
        COIN_M: "cm/exchangeInfo-20210722.json",
    }
    for market, name in recorded.items():
        infos = parse_symbols(json.loads((DATA / "rest" / name).read_text()))
        assert infos
        for info in infos:
            check_symbol(info.symbol, market)
        assert any(info.trades for info in infos)


@pytest.mark.parametrize("symbol", ["LUNAUSDT", "FTTUSDT"])
def test_a_delisted_symbol_is_served_from_the_archive_and_its_end_is_final(
    symbol: str, market: Emulator, desk: Desk
) -> None:
    manager = desk.manager(market)
    data = manager.query(symbol, "2024-03", "2024-05", "1h", on_gaps="raise")
    assert_equal(data.to_pandas(), truth(market, symbol, utc(2024, 3), utc(2024, 6)))
    assert sources(data) == ["vision"]
    assert gaps(data) == [(utc(2024, 4, 20, 3), utc(2024, 6), "delisted", True)]
    assert len(market.requests) <= 80
    market.clear_requests()
    again = manager.query(symbol, "2024-03", "2024-05", "1h", on_gaps="raise")
    assert_equal(again.to_pandas(), data.to_pandas())
    assert gaps(again) == gaps(data)


@pytest.mark.parametrize("symbol", ["LUNAUSDT", "FTTUSDT"])
def test_a_delisted_symbol_asked_for_after_its_end_is_delisted_not_unknown(
    symbol: str, market: Emulator, desk: Desk
) -> None:
    data = desk.manager(market).query(symbol, "2024-05-10", "2024-05-12", "1h", on_gaps="raise")
    assert len(data) == 0
    assert gaps(data) == [(utc(2024, 5, 10), utc(2024, 5, 13), "delisted", True)]
    check_frame(data.to_pandas())


def test_a_delisted_contract_of_usds_m_ends_when_it_was_settled(market: Emulator, desk: Desk) -> None:
    data = desk.manager(market, "um").query("OLDUSDT", "2024-04", utc(2024, 6, 15, 11), "1h", on_gaps="raise")
    assert_equal(data.to_pandas(), truth(market, "OLDUSDT", utc(2024, 4), utc(2024, 6, 15, 12), market="um"))
    assert gaps(data) == [(utc(2024, 4, 20, 3), utc(2024, 6, 15, 12), "delisted", True)]


def test_a_removed_symbol_that_the_cache_knows_is_no_error(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market)
    manager.get_data("FTTUSDT", "2024-04-10", "2024-04-12", "1h")
    data = manager.query("FTTUSDT", "2024-04-10", "2024-06-14", "1h", on_gaps="ignore")
    assert gaps(data) == [(utc(2024, 4, 20, 3), utc(2024, 6, 15), "delisted", True)]
    alone = manager.query(
        "FTTUSDT", "2024-05-10", "2024-05-12", "1h", enforce_source="rest", on_gaps="ignore"
    )
    assert {g.reason for g in alone.gaps} == {"delisted"}


@pytest.mark.parametrize("interval", ["1m", "1h", "1d"])
def test_years_before_a_listing_cost_few_requests_and_are_final(
    interval: str, market: Emulator, desk: Desk
) -> None:
    manager = desk.manager(market)
    data = manager.query("NEWUSDT", "2010", "2024-05", interval, on_gaps="raise")
    listed = utc(2024, 4, 18) if interval == "1d" else utc(2024, 4, 18, 9)
    assert_equal(data.to_pandas(), truth(market, "NEWUSDT", utc(2024, 4), utc(2024, 6), interval))
    assert gaps(data) == [(utc(2010), listed, "not_listed_yet", True)]
    assert len(market.requests) <= 30
    market.clear_requests()
    assert_equal(manager.get_data("NEWUSDT", "2010", "2024-05", interval), data.to_pandas())
    assert market.requests == []


def test_a_range_before_the_listing_alone_is_not_listed_yet(market: Emulator, desk: Desk) -> None:
    data = desk.manager(market).query("NEWUSDT", "2019", "2021", "1m", on_gaps="raise")
    assert gaps(data) == [(utc(2019), utc(2022), "not_listed_yet", True)]
    assert len(market.requests) <= 30
    check_frame(data.to_pandas())


@pytest.mark.parametrize("which", ["um", "cm"])
def test_years_before_the_futures_markets_began_are_not_listed_yet(
    which: str, market: Emulator, desk: Desk
) -> None:
    symbol = "BTCUSD_PERP" if which == "cm" else "BTCUSDT"
    data = desk.manager(market, which).query(symbol, "2015", "2020-09-30", "1h", on_gaps="raise")
    first = utc(2020, 8, 11) if which == "cm" else utc(2019, 12, 31)
    assert gaps(data) == [(utc(2015), first, "not_listed_yet", True)]
    assert_equal(data.to_pandas(), truth(market, symbol, first, utc(2020, 10), market=which))
    other = len(sent(market)) - len(sent(market, "zip", "checksum"))
    assert other <= 30


def test_a_symbol_with_two_lives_has_a_hole_between_them(venues: Venues, desk: Desk) -> None:
    away = (utc(2023, 9, 29, 3), utc(2024, 3, 12, 8))
    venue = venues(listings=[Listing("BTCUSDC", listed_at=utc(2023, 8, 15, 3))], outages=[Outage(*away)])
    manager = desk.manager(venue)
    data = manager.query("BTCUSDC", "2023-08-20", "2024-04-10", "1h", on_gaps="raise")
    assert_equal(data.to_pandas(), truth(venue, "BTCUSDC", utc(2023, 8, 20), utc(2024, 4, 11)))
    assert gaps(data) == [(*away, "venue_has_none", True)]
    venue.clear_requests()
    assert gaps(manager.query("BTCUSDC", "2023-12", "2024-01", "1h")) == [
        (utc(2023, 12), utc(2024, 2), "venue_has_none", True)
    ]
    assert venue.requests == []


def test_a_symbol_delisted_today_may_come_back_tomorrow(venues: Venues, desk: Desk, tmp_path: Path) -> None:
    start = utc(2024, 6, 10)
    write_zip(tmp_path / "old", "spot/XUSDT/1h/2024-06-10", make_rows(start, 20))
    gone = Listing("XUSDT", listed_at=start, delisted_at=utc(2024, 6, 10, 20), generated=False)
    manager = desk.manager(venues(data=[tmp_path / "old"], listings=[gone]))
    span: dict[str, Any] = {"start_time": start, "end_time": NOW - DAY, "interval": "1h", "on_gaps": "ignore"}
    data = manager.query("XUSDT", **span)
    assert {g.reason for g in data.gaps} == {"delisted"}
    write_zip(tmp_path / "new", "spot/XUSDT/1h/2024-06-13", make_rows(utc(2024, 6, 13), 24))
    back = venues(
        data=[tmp_path / "old", tmp_path / "new"],
        listings=[Listing("XUSDT", listed_at=start, generated=False)],
        now=NOW + 2 * HOUR,
    )
    later = desk.manager(back).query("XUSDT", **span)
    assert len(later) == 44


def test_symbols_of_two_markets_do_not_share_a_cache(market: Emulator, desk: Desk) -> None:
    spot = desk.manager(market).get_data("BTCUSDT", "2024-05-10", "2024-05-10", "1h")
    futures = desk.manager(market, "um").get_data("BTCUSDT", "2024-05-10", "2024-05-10", "1h")
    assert (spot["close"] != futures["close"]).any()
    assert_equal(desk.manager(market).get_data("BTCUSDT", "2024-05-10", "2024-05-10", "1h"), spot)


@pytest.mark.parametrize("broken", ["2024-04-10", "2024-04-12"])
def test_a_refused_file_of_a_removed_symbol_is_a_failure_and_no_end_of_trading(
    broken: str, venues: Venues, desk: Desk
) -> None:
    venue = venues(listings=[REMOVED], faults=[Fault("bad-checksum", broken, times=None)])
    manager = desk.manager(venue)
    data = manager.query("FTTUSDT", "2024-04-10", "2024-04-12", "1h", on_gaps="ignore")
    assert [(g.reason, g.final, g.bars) for g in data.gaps] == [("source_failed", False, 24)]
    venue.clear_faults()
    assert len(manager.query("FTTUSDT", "2024-04-10", "2024-04-12", "1h", on_gaps="raise_any")) == 72
