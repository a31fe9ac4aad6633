"""Who is asked for: contracts for mark prices and premiums, pairs for index prices; and imported files."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from binance.price_frames import METHODS, name_of, told
from binance.venues import NOW, Desk, Venues, assert_equal, ns, sent, sources, utc
from dsm_binance.emulator import Emulator, Fault
from dsm_binance.markets import COIN_M, USDS_M
from dsm_binance.rest import translated
from dsm_binance.symbols import check_pair
from dsm_binance.vision_import import import_archive
from dsm_core.cache import CacheStore
from dsm_core.errors import RequestError, RestAPIError, SymbolNotFoundError

SPAN: tuple[Any, ...] = ("2024-05-10", "2024-05-11", "1h")


@pytest.mark.parametrize(
    ("market", "chart", "symbol", "guess"),
    [
        ("cm", "index_price_klines", "BTCUSD_PERP", "BTCUSD"),
        ("cm", "index_price_klines", "BTCUSD_260925", "BTCUSD"),
        ("cm", "index_price_klines", "BTCUSDT", "BTCUSD"),
        ("cm", "index_price_klines", "btcusd", "BTCUSD"),
        ("cm", "index_price_klines", "BTC-USD", "BTCUSD"),
        ("um", "index_price_klines", "BTCUSDT_260925", "BTCUSDT"),
        ("um", "index_price_klines", "btcusdt", "BTCUSDT"),
        ("um", "index_price_klines", "BTC_USDT", "BTCUSDT"),
        ("cm", "mark_price_klines", "BTCUSD", "BTCUSD_PERP"),
        ("cm", "premium_index_klines", "BTCUSDT", "BTCUSD_PERP"),
        ("um", "mark_price_klines", "BTC-USDT", "BTCUSDT"),
        ("um", "premium_index_klines", "btcusdt", "BTCUSDT"),
        ("cm", "index_price_klines", "../BTCUSD", None),
        ("cm", "index_price_klines", "", None),
        ("um", "index_price_klines", "B" * 200, None),
        ("um", "index_price_klines", "BTCUSDT&limit=1", None),
    ],
)
def test_a_name_of_another_form_is_refused_with_the_right_one_before_anything_is_asked(
    market: str, chart: str, symbol: str, guess: str | None, venue: Emulator, desk: Desk
) -> None:
    with pytest.raises(RequestError) as caught:
        desk.manager(venue, market).get_data(symbol, *SPAN, chart_type=chart)
    assert repr(symbol) in str(caught.value)
    assert caught.value.hint
    if guess is not None:
        assert repr(guess) in str(caught.value)
    assert venue.requests == []
    assert not (desk.tmp_path / "cache").exists()


def test_what_an_index_belongs_to_is_told_with_an_example() -> None:
    with pytest.raises(RequestError, match=r"pair.*not to a contract.*BTCUSD\.") as caught:
        check_pair("!", COIN_M)
    assert caught.value.details.get("suggestion") is None
    for pair, market in (("BTCUSD", COIN_M), ("1000SHIBUSDT", USDS_M), ("币安人生USDT", USDS_M)):
        check_pair(pair, market)


@pytest.mark.parametrize(("market", "base"), [("um", "NOSUCH"), ("cm", "NOSUCH")])
@pytest.mark.parametrize("chart", METHODS)
def test_an_unknown_name_is_an_error_and_leaves_nothing_behind(
    chart: str, market: str, base: str, venue: Emulator, desk: Desk
) -> None:
    name = name_of(market, chart, base)
    with pytest.raises(SymbolNotFoundError, match=name) as caught:
        desk.manager(venue, market).get_data(name, *SPAN, chart_type=chart)
    assert caught.value.symbol == name
    assert not list((desk.tmp_path / "cache").rglob("*.arrow"))
    assert len(venue.requests) <= 14


@pytest.mark.parametrize("code", [-1121, -4144])
def test_either_code_of_the_venue_means_that_the_name_is_unknown(code: int) -> None:
    error = translated(RestAPIError("refused", code=code, status=400), "XUSD", COIN_M)
    assert isinstance(error, SymbolNotFoundError)
    assert error.symbol == "XUSD"


def test_names_reach_the_venue_as_it_has_them(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue, "cm")
    for chart in METHODS:
        manager.get_data(name_of("cm", chart), *SPAN, chart_type=chart, enforce_source="rest")
    asked = {r.kind: (r.query.get("symbol"), r.query.get("pair")) for r in sent(venue, *METHODS.values())}
    assert asked == {
        "markPriceKlines": ("BTCUSD_PERP", None),
        "indexPriceKlines": (None, "BTCUSD"),
        "premiumIndexKlines": ("BTCUSD_PERP", None),
    }


def test_a_rate_limit_is_waited_for(venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault("429", "markPriceKlines", retry_after=0)])
    manager = desk.manager(venue, "um")
    data = manager.query("BTCUSDT", *SPAN, chart_type="mark_price_klines", enforce_source="rest")
    assert len(data) == 48
    assert [r.status for r in sent(venue, "markPriceKlines")] == [429, 200]


@pytest.mark.parametrize("by_contract", [False, True])
def test_index_files_of_coin_m_are_found_under_either_name(
    by_contract: bool, venues: Venues, desk: Desk
) -> None:
    venue = venues(index_by_contract=by_contract)
    manager = desk.manager(venue, "cm")
    data = manager.query(
        "BTCUSD", "2024-04-20", "2024-06-10", "1h", chart_type="index_price_klines", on_gaps="raise_any"
    )
    assert sources(data) == ["vision"]
    assert_equal(
        data.to_pandas(),
        told(venue, "cm", "index_price_klines", "BTCUSD", "1h", utc(2024, 4, 20), utc(2024, 6, 11)),
    )
    stem = "BTCUSD_PERP" if by_contract else "BTCUSD"
    assert {s.origin.rpartition("/")[2].partition("-")[0] for s in data.provenance} == {stem}
    assert [r.status for r in sent(venue, "zip")].count(404) <= (13 if by_contract else 0)
    venue.clear_requests()
    assert len(
        manager.query(
            "BTCUSD", "2024-04-20", "2024-06-10", "1h", chart_type="index_price_klines", on_gaps="raise_any"
        )
    ) == len(data)
    assert sent(venue) == []


@pytest.mark.parametrize("by_contract", [False, True])
def test_a_mirror_of_the_archive_is_imported_into_the_right_series(
    by_contract: bool, venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    venue = venues(index_by_contract=by_contract)
    index = "BTCUSD_PERP" if by_contract else "BTCUSD"
    paths = [
        "data/futures/um/monthly/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-04.zip",
        "data/futures/um/daily/premiumIndexKlines/BTCUSDT/1h/BTCUSDT-1h-2024-05-01.zip",
        f"data/futures/cm/monthly/indexPriceKlines/{index}/1h/{index}-1h-2024-04.zip",
    ]
    for path in paths:
        target = tmp_path / "mirror" / path
        target.parent.mkdir(parents=True)
        with urlopen(f"{venue.endpoints['vision']}/{path}") as answer:
            target.write_bytes(answer.read())
    done = list(import_archive(CacheStore(tmp_path / "cache"), tmp_path / "mirror", now=ns(NOW)))
    assert sorted((str(file.key), file.rows, file.outcome) for file in done) == [
        ("binance/futures_coin/index_price_klines/BTCUSD/1h", 720, "imported"),
        ("binance/futures_usdt/mark_price_klines/BTCUSDT/1h", 720, "imported"),
        ("binance/futures_usdt/premium_index_klines/BTCUSDT/1h", 24, "imported"),
    ]
    venue.clear_requests()
    april: tuple[Any, ...] = ("2024-04", "2024-04", "1h")
    frame = desk.manager(venue, "cm").get_data("BTCUSD", *april, chart_type="index_price_klines")
    assert venue.requests == []
    assert_equal(frame, told(venue, "cm", "index_price_klines", "BTCUSD", "1h", utc(2024, 4), utc(2024, 5)))
