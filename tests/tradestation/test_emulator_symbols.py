"""Symbol details, crypto pairs and suggestions of the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from dsm_tradestation.emulator import Fault, TradeStationEmulator
from tradestation.desk import DATA, recorded
from tradestation.emulated import Caller, Row
from tradestation.test_emulator_barcharts import checked

NOW = datetime(2024, 3, 1, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    with TradeStationEmulator(now=NOW) as venue:
        yield Caller(venue)


def details(caller: Caller, symbols: str) -> dict[str, list[Row]]:
    answer = caller.get(f"/v3/marketdata/symbols/{quote(symbols, safe='')}")
    assert answer.status == 200
    checked("SymbolDetailsResponse", answer.json)
    found: dict[str, list[Row]] = answer.json
    return found


def suggested(caller: Caller, text: str, **query: object) -> list[str]:
    answer = caller.get(f"/v2/data/symbols/suggest/{quote(text, safe='')}", query)
    assert answer.status == 200
    return [row["Name"] for row in answer.json]


def test_each_kind_of_symbol_has_the_fields_of_its_recording(caller: Caller) -> None:
    found = details(caller, "@TY,MSFT,AAPL 270115C180")["Symbols"]
    by_type = {row["AssetType"]: row for row in found}
    option, future, stock = by_type["STOCKOPTION"], by_type["FUTURE"], by_type["STOCK"]
    assert list(stock) == list(recorded("rest/symbols_NET_META.json")["Symbols"][0])
    bonds = {row["Symbol"]: row for row in recorded("rest/symbols_TY_FF.json")["Symbols"]}["@TY"]
    assert list(future) == list(bonds)
    assert future["PriceFormat"] == bonds["PriceFormat"]
    assert list(option) == list(recorded("rest/symbols_SPY_TLT_options.json")["Symbols"][0])


def test_what_is_unknown_stands_apart(caller: Caller) -> None:
    found = details(caller, "NOPE,msft,$SPX.X,@ES")
    assert [row["Symbol"] for row in found["Symbols"]] == ["$SPX.X", "@ES", "MSFT"]
    assert found["Errors"] == [{"Symbol": "NOPE", "Error": "NotFound", "Message": "Invalid symbol"}]


def test_a_continuous_contract_names_the_one_behind_it(caller: Caller) -> None:
    continuous, contract = details(caller, "@ES,ESH24")["Symbols"]
    assert (continuous["Underlying"], continuous["Root"]) == ("ESH24", "ES")
    assert continuous["Description"].endswith("Continuous Contract [Mar24]")
    assert contract["ExpirationDate"] == "2024-03-15T00:00:00Z"
    assert "Underlying" not in contract


def test_asset_types_tell_markets_apart_but_for_crypto(caller: Caller) -> None:
    rows = details(caller, "MSFT,@ES,EURUSD,$DJI,BTCUSD")["Symbols"]
    assert {row["Symbol"]: row["AssetType"] for row in rows} == {
        "MSFT": "STOCK",
        "@ES": "FUTURE",
        "EURUSD": "FOREX",
        "$DJI": "INDEX",
        "BTCUSD": "UNKNOWN",
    }
    pairs = caller.get("/v3/marketdata/symbollists/cryptopairs/symbolnames").json
    assert pairs == {"SymbolNames": ["BTCUSD", "ETHUSD"]}


def test_fifty_symbols_are_the_most(caller: Caller) -> None:
    assert len(details(caller, ",".join(f"X{n}" for n in range(50)))["Errors"]) == 50
    answer = caller.get(f"/v3/marketdata/symbols/{','.join(f'X{n}' for n in range(51))}")
    assert (answer.status, answer.json["Error"]) == (400, "BadRequest")


def test_recorded_details_are_served_as_they_are() -> None:
    with TradeStationEmulator([DATA], now=NOW) as venue:
        found = details(Caller(venue), "NET,META,SPY 250407C510")
    known = recorded("rest/symbols_NET_META.json")["Symbols"]
    assert found["Symbols"][:2] == known
    assert found["Symbols"][2]["StrikePrice"] == "510"
    assert found["Errors"] == []


def test_a_suggestion_is_found_by_name_or_description(caller: Caller) -> None:
    assert suggested(caller, "msf") == ["MSFT"]
    assert suggested(caller, "s&p 500") == ["$SPX.X", "@ES", "SPY"]
    assert suggested(caller, "nothing of the kind") == []
    assert "AAPL 270115C180" not in suggested(caller, "aapl")
    answer = caller.get("/v2/data/symbols/suggest/bitcoin")
    # Blank fields are null, which the document's types leave out.
    checked("SymbolSuggestDefinition", [_without_blanks(row) for row in answer.json])
    assert [type(answer.json[0][name]) for name in ("Name", "Description", "Category")] == [str, str, str]


def _without_blanks(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def test_suggestions_can_be_cut_and_filtered(caller: Caller) -> None:
    assert suggested(caller, "s&p 500", **{"$top": 1}) == ["$SPX.X"]
    assert suggested(caller, "s&p 500", **{"$filter": "Category eq 'Future'"}) == ["@ES"]
    assert suggested(caller, "s&p 500", **{"$filter": "Category neq 'Future'"}) == ["$SPX.X", "SPY"]


def test_details_and_suggestions_can_be_empty_too(caller: Caller) -> None:
    caller.venue.add_fault(Fault("empty", "/symbols/", times=2))
    assert details(caller, "MSFT") == {"Symbols": [], "Errors": []}
    assert suggested(caller, "MSFT") == []
