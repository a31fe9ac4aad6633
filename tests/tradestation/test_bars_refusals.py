"""What the venue refuses, and what is said of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from dsm_core.errors import (
    AuthenticationError,
    DSMError,
    ProtocolChangedError,
    RateLimitError,
    RequestError,
    RestAPIError,
    SourceError,
    SymbolNotFoundError,
)
from dsm_core.testing import LoopbackServer, Request, Response
from tradestation.desk import (
    CHARTS,
    DETAILS,
    SUGGEST,
    Desk,
    Venue,
    asked,
    bar,
    bars_every,
    recorded,
    refused,
    utc,
    within,
)

DAY, NOW = "2025-03-25", utc(2025, 4, 1)
ENTITLEMENT = recorded("errors.json")[0]["body"]


def cause(error: BaseException) -> BaseException:
    """What a source said, below the error of the whole call."""
    return error.__cause__ if error.__cause__ is not None and not isinstance(error, SourceError) else error


@pytest.mark.parametrize(
    "answer",
    [
        Response(json=ENTITLEMENT),
        refused(403, "Forbidden", "Not entitled to data for this symbol"),
        refused(403, "Forbidden", "Insufficient scope"),
    ],
    ids=["inside a 200", "403", "scope"],
)
def test_what_the_account_may_not_have_is_refused_for_good_and_says_what_to_do(
    desk: Desk, answer: Response
) -> None:
    server = desk.serve(Venue({"SPY": lambda _: answer}))
    with pytest.raises(AuthenticationError, match="SPY") as error:
        desk.manager(server, "equities", NOW).get_data("SPY", DAY, DAY, "1h")
    assert "clientcenter.tradestation.com" in str(error.value)
    assert "dsm auth tradestation login" in str(error.value)
    assert "MarketData" in str(error.value)
    assert len(asked(server)) == 1


@pytest.mark.parametrize("status", [200, 403])
def test_one_symbol_that_is_refused_leaves_the_others_alone(desk: Desk, status: int) -> None:
    answer = Response(status, json=ENTITLEMENT)
    charts: dict[str, Any] = {"SPY": lambda _: answer, "MSFT": [bar(utc(2025, 3, 25, 20))]}
    server = desk.serve(Venue(charts))
    manager = desk.manager(server, "equities", NOW)
    with pytest.raises(AuthenticationError):
        manager.get_data("SPY", DAY, DAY, "1d")
    assert len(manager.get_data("MSFT", DAY, DAY, "1d")) == 1
    many = manager.get_many(["SPY", "MSFT"], DAY, DAY, "1d")
    assert set(many.errors) == {"SPY"}


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Failed", RestAPIError),
        ("BadRequest", RestAPIError),
        ("ServiceUnavailable", SourceError),
        ("TooManyRequests", RateLimitError),
    ],
)
def test_an_error_inside_a_200_is_never_an_empty_answer(desk: Desk, title: str, kind: type[DSMError]) -> None:
    body = {"Error": title, "Message": "the desk is closed"}
    server = desk.serve(Venue({"MSFT": lambda _: body}))
    manager = desk.manager(server, "equities", NOW)
    with pytest.raises(DSMError) as error:
        manager.get_data("MSFT", DAY, DAY, "1h", deadline_s=3)
    assert isinstance(cause(error.value), kind)
    assert "the desk is closed" in str(error.value)


def test_a_limit_with_retry_after_is_waited_for(desk: Desk) -> None:
    wire = [bar(utc(2025, 3, 25, 20))]
    answers = [refused(429, "TooManyRequests", "slow down", Retry_After="1")]

    def answer(request: Request) -> Any:
        return answers.pop() if answers else {"Bars": within(wire, request)}

    server = desk.serve(Venue({"MSFT": answer}))
    assert len(desk.manager(server, "equities", NOW).get_data("MSFT", DAY, DAY, "1d")) == 1
    first, second = asked(server)
    assert second.at - first.at >= 1


@pytest.mark.parametrize("headers", [{}, {"X_RateLimit_Reset": "1"}], ids=["nothing", "reset"])
def test_a_limit_without_retry_after_is_tried_again(desk: Desk, headers: dict[str, str]) -> None:
    wire = [bar(utc(2025, 3, 25, 20))]
    answers = [refused(429, "TooManyRequests", "slow down", **headers)]

    def answer(request: Request) -> Any:
        return answers.pop() if answers else {"Bars": within(wire, request)}

    server = desk.serve(Venue({"MSFT": answer}))
    assert len(desk.manager(server, "equities", NOW).get_data("MSFT", DAY, DAY, "1d")) == 1
    first, second = asked(server)
    assert second.at - first.at >= (1 if headers else 0)


def test_a_long_limit_is_an_error_that_tells_how_long(desk: Desk) -> None:
    server = desk.serve(Venue({"MSFT": lambda _: refused(429, "TooManyRequests", Retry_After="9000")}))
    with pytest.raises(RateLimitError) as error:
        desk.manager(server, "equities", NOW).get_data("MSFT", DAY, DAY, "1d")
    assert error.value.retry_after_s == 9000
    assert len(asked(server)) == 1


def test_too_many_bars_is_told_with_the_symbol_and_the_venues_words(desk: Desk) -> None:
    answer = refused(400, "BadRequest", "Interval exceeds 57600 bars")
    server = desk.serve(Venue({"MSFT": lambda _: answer}))
    with pytest.raises(DSMError, match="57600 bars") as error:
        desk.manager(server, "equities", NOW).get_data("MSFT", DAY, DAY, "1h")
    told = cause(error.value)
    assert isinstance(told, RestAPIError)
    assert told.symbol == "MSFT"
    assert "new release" in str(told)
    assert len(asked(server)) == 1


@pytest.mark.parametrize("body", [None, 7, "busy", [], {"Bars": None}, {"Bars": [1]}, {}])
def test_json_of_another_form_is_an_error(desk: Desk, body: Any) -> None:
    server = desk.serve(Venue({"MSFT": lambda _: Response(json=body)}))
    with pytest.raises(DSMError) as error:
        desk.manager(server, "equities", NOW).get_data("MSFT", DAY, DAY, "1h")
    assert isinstance(cause(error.value), ProtocolChangedError)
    assert "dsm-tradestation" in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [{"Open": None}, {"Close": ""}, {"High": "much"}, {"TimeStamp": None, "Epoch": None}, {"UpTicks": 1.5}],
    ids=str,
)
def test_a_bar_without_a_price_or_a_time_is_an_error(desk: Desk, changes: dict[str, Any]) -> None:
    server = desk.serve(Venue({"MSFT": lambda _: {"Bars": [bar(utc(2025, 3, 25, 20), **changes)]}}))
    with pytest.raises(DSMError):
        desk.manager(server, "equities", NOW).get_data("MSFT", DAY, DAY, "1d")


def test_either_of_the_two_times_will_do(desk: Desk) -> None:
    wire = [bar(utc(2025, 3, 25, 20), Epoch=None), bar(utc(2025, 3, 26, 20), TimeStamp=None)]
    server = desk.serve(Venue({"MSFT": lambda _: {"Bars": wire}}))
    found = desk.manager(server, "equities", NOW).get_data("MSFT", DAY, "2025-03-26", "1d")
    assert [t.day for t in found.index] == [25, 26]


NEAR = [
    {"Name": "MSFU", "Category": "FutureOption"},
    {"Name": "MSFL", "Category": "Stock"},
    {"Name": "MSFD", "Category": "Stock"},
]


@pytest.mark.parametrize("how", ["404", "empty"])
def test_an_unknown_symbol_is_told_with_those_that_come_near(desk: Desk, how: str) -> None:
    charts: dict[str, Any] = {} if how == "404" else {"MSFX": []}
    server = desk.serve(Venue(charts, near=NEAR))
    with pytest.raises(SymbolNotFoundError, match="'MSFX'") as error:
        desk.manager(server, "equities", NOW).get_data("MSFX", DAY, DAY, "1h")
    # Those of the market come first.
    assert error.value.close_matches == ["MSFL", "MSFD", "MSFU"]
    assert "Did you mean 'MSFL'" in str(error.value)
    assert [unquote(r.path) for r in asked(server, SUGGEST)] == [f"{SUGGEST}MSFX"]


@pytest.mark.parametrize("near", [refused(500, "InternalServerError"), {"no": "list"}, [None, {"Name": ""}]])
def test_a_search_that_fails_leaves_the_error_as_it_is(desk: Desk, near: Any) -> None:
    def answer(request: Request) -> Any:
        return near if unquote(request.path).startswith(SUGGEST) else venue(request)

    venue = Venue()
    server = desk.serve(answer)
    with pytest.raises(SymbolNotFoundError, match="'MSFX'") as error:
        desk.manager(server, "equities", NOW).get_data("MSFX", DAY, DAY, "1h")
    assert "BRK.B" in str(error.value)


def test_a_symbol_of_another_market_is_told_with_its_market(desk: Desk) -> None:
    server = desk.serve(Venue({"ABCDEF": []}, {"ABCDEF": "STOCK"}))
    with pytest.raises(SymbolNotFoundError, match="market_type='equities'"):
        desk.manager(server, "forex", NOW).get_data("ABCDEF", DAY, DAY, "1h")


def test_a_future_with_the_exchanges_root_is_told_the_venues(desk: Desk) -> None:
    server = desk.serve(Venue())
    with pytest.raises(SymbolNotFoundError, match="'ECH25'"):
        desk.manager(server, "futures", NOW).get_data("6EH25", DAY, DAY, "1h")


@pytest.mark.parametrize("status", [404, 200])
def test_a_symbol_that_exists_has_an_empty_range(desk: Desk, status: int) -> None:
    answer: Any = refused(404, "NotFound", "no data") if status == 404 else {"Bars": []}
    server = desk.serve(Venue({"MSFT": lambda _: answer}, {"MSFT": "STOCK"}))
    manager = desk.manager(server, "equities", NOW)
    for _ in range(2):
        found = manager.query("MSFT", DAY, DAY, "1h", on_gaps="ignore")
        assert len(found) == 0
        assert {gap.reason for gap in found.gaps} <= {"venue_has_none", "market_closed"}
    # It was asked about once, and the empty range is believed for a while.
    assert len(asked(server, DETAILS)) == 1
    assert len([r for r in asked(server) if r.params["unit"] == "Minute"]) == 1


def test_bars_before_the_first_month_were_never_there(desk: Desk) -> None:
    wire = [bar(utc(2025, 3, 20 + i, 20)) for i in range(2)]
    month = bar(utc(2025, 3, 31, 20))

    def answer(request: Request) -> Any:
        return {"Bars": within([month] if request.params["unit"] == "Monthly" else wire, request)}

    server = desk.serve(Venue({"NEWS": answer}, {"NEWS": "STOCK"}))
    manager = desk.manager(server, "equities", NOW)
    found = manager.query("NEWS", "2025-02-03", "2025-02-14", "1d", on_gaps="ignore")
    assert {(gap.reason, gap.final) for gap in found.gaps} == {("not_listed_yet", True)}
    before = len(server.requests)
    again = manager.query("NEWS", "2025-02-03", "2025-02-14", "1d", on_gaps="ignore")
    assert len(again.gaps) == 1
    assert len(server.requests) == before


def test_bars_after_the_expiry_of_a_contract_are_delisted(desk: Desk) -> None:
    details = {"AssetType": "FUTURE", "ExpirationDate": "2025-03-21T00:00:00Z"}
    month = bar(utc(2025, 3, 21, 13, 30))

    def answer(request: Request) -> Any:
        return {"Bars": within([month] if request.params["unit"] == "Monthly" else [], request)}

    server = desk.serve(Venue({"ESH25": answer}, {"ESH25": details}))
    manager = desk.manager(server, "futures", utc(2025, 6))
    found = manager.query("ESH25", "2025-04-01", "2025-04-03", "1d", on_gaps="ignore")
    assert {gap.reason for gap in found.gaps} == {"delisted"}


def test_what_may_not_be_asked_of_a_symbol_is_no_unknown_symbol(desk: Desk) -> None:
    errors = [{"Symbol": "VXM26", "Error": "FAILED, NOT ENTITLED", "Message": ""}]

    def answer(request: Request) -> Any:
        path = unquote(request.path)
        return {"Symbols": [], "Errors": errors} if path.startswith(DETAILS) else venue(request)

    venue = Venue({"VXM26": []})
    with pytest.raises(AuthenticationError, match="VXM26"):
        desk.manager(desk.serve(answer), "futures", NOW).get_data("VXM26", DAY, DAY, "1h")


@pytest.mark.parametrize(
    ("market", "symbol"),
    [
        ("index", "$SPX.X"),
        ("futures", "@ES"),
        ("futures", "@ES=107XC"),
        ("futures", "@CL=11INC"),
        ("futures", "ESH25.D"),
        ("options", "AAPL 250404C137.5"),
        ("options", "$SPX 250404P5500"),
        ("equities", "BRK.B"),
        ("equities", "BAC-PL"),
        ("crypto", "BTCUSD"),
        ("forex", "EURUSD"),
    ],
)
def test_symbols_reach_the_venue_as_they_are(desk: Desk, market: str, symbol: str) -> None:
    types = {symbol: "UNKNOWN"}
    server = desk.serve(Venue({symbol: []}, types))
    desk.manager(server, market, NOW).query(symbol, DAY, DAY, "1h", on_gaps="ignore")
    paths = {r.target.partition("?")[0].rpartition("/")[2] for r in asked(server) + asked(server, DETAILS)}
    (path,) = paths
    assert unquote(path) == symbol
    assert not set(path) & set("$@= %".replace("%", ""))
    assert all(r.path.startswith((CHARTS, DETAILS)) for r in asked(server))


def refusal(desk: Desk, server: LoopbackServer, market: str, symbol: str) -> str:
    with pytest.raises(RequestError) as error:
        desk.manager(server, market, NOW).get_data(symbol, DAY, DAY, "1h")
    assert repr(symbol) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("market", "symbol", "told"),
    [
        ("equities", "msft", "'MSFT'"),
        ("equities", "BRK/B", "'BRK.B'"),
        ("equities", "@ES", "market_type='futures'"),
        ("equities", "ESH25", "market_type='futures'"),
        ("equities", "$SPX.X", "market_type='index'"),
        ("equities", "EURUSD", "market_type='forex'"),
        ("equities", "AAPL 250404C137", "market_type='options'"),
        ("equities", "MSFT,AAPL", "get_many(['MSFT', 'AAPL'])"),
        ("futures", "ES", "'@ES'"),
        ("futures", "@es", "'@ES'"),
        ("futures", "6E", "'@EC'"),
        ("futures", "ESZ2024", "'ESZ24'"),
        ("futures", "6EZ2024", "'ECZ24'"),
        ("futures", "MSFTX", "market_type='equities'"),
        ("index", "SPX", "'$SPX.X'"),
        ("index", "^SPX", "'$SPX.X'"),
        ("index", "$spx.x", "'$SPX.X'"),
        ("forex", "EUR/USD", "'EURUSD'"),
        ("forex", "EUR_USD", "'EURUSD'"),
        ("forex", "BTCUSD", "market_type='crypto'"),
        ("crypto", "BTC-USD", "'BTCUSD'"),
        ("crypto", "btcusd", "'BTCUSD'"),
        ("crypto", "EURUSD", "market_type='forex'"),
        ("options", "AAPL250404C00137500", "'AAPL 250404C137.5'"),
        ("options", "AAPL", "market_type='equities'"),
        ("options", "AAPL_250404C137", "'AAPL 250404C137'"),
    ],
)
def test_a_symbol_of_another_form_is_refused_with_the_right_one(
    desk: Desk, market: str, symbol: str, told: str
) -> None:
    server = desk.serve(Venue())
    assert told in refusal(desk, server, market, symbol)
    assert server.requests == ()


@pytest.mark.parametrize("market", ["equities", "futures", "forex", "crypto", "index", "options"])
@pytest.mark.parametrize(
    "symbol", ["", " ", "..", ".", "A/../B", "MSFT?x=1", "MSFT\n", "%2e%2e", "Ä", "A" * 40]
)
def test_what_is_no_symbol_anywhere_is_refused_without_a_request(
    desk: Desk, market: str, symbol: str
) -> None:
    server = desk.serve(Venue())
    with pytest.raises(RequestError):
        desk.manager(server, market, NOW).get_data(symbol, DAY, DAY, "1h")
    assert server.requests == ()


def test_crypto_pairs_are_listed_and_no_other_market_pretends_to_be(desk: Desk) -> None:
    server = desk.serve(Venue(lists=["BTCUSD", "ETHUSD"]))
    crypto = desk.manager(server, "crypto", NOW)
    assert list(crypto.symbols()["symbol"]) == ["BTCUSD", "ETHUSD"]
    stocks = desk.manager(server, "equities", NOW)
    with pytest.raises(RequestError, match="lists no symbols of equities"):
        stocks.symbols()


def test_a_misspelt_crypto_pair_is_told_with_the_listed_ones(desk: Desk) -> None:
    server = desk.serve(Venue(lists=["BTCUSD", "ETHUSD"]))
    with pytest.raises(SymbolNotFoundError, match="'BTCUSD'"):
        desk.manager(server, "crypto", NOW).get_data("BTCUSX", DAY, DAY, "1h")


def test_holes_between_bars_are_the_venues_word(desk: Desk) -> None:
    wire = bars_every(utc(2025, 3, 25), 60, 24)
    del wire[5]
    server = desk.serve(Venue({"BTCUSD": wire}, {"BTCUSD": "UNKNOWN"}))
    found = desk.manager(server, "crypto", utc(2025, 5)).query("BTCUSD", DAY, DAY, "1h", on_gaps="ignore")
    assert [(gap.reason, gap.bars, gap.final) for gap in found.gaps] == [("venue_has_none", 1, True)]
