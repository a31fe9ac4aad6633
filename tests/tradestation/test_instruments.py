"""What a symbol tells before anything is asked."""

from __future__ import annotations

import pytest

from dsm_core.model.names import MarketType
from dsm_tradestation.instruments import MARKET_OF_ASSET_TYPE, market_of, read_instrument


@pytest.mark.parametrize(
    ("symbol", "root", "asset_class"),
    [
        ("ESH21", "ES", "equity_index_future"),
        ("@ES", "ES", "equity_index_future"),
        ("@ESM18", "ES", "equity_index_future"),
        ("@ES=107XC", "ES", "equity_index_future"),
        ("M2KH25", "M2K", "equity_index_future"),
        ("MESZ25", "MES", "equity_index_future"),
        ("@TY", "TY", "rate_future"),
        ("@FF", "FF", "rate_future"),
        ("USM24", "US", "rate_future"),
        ("TENU24", "TEN", "rate_future"),
        ("@SR3", "SR3", "rate_future"),
        ("ECZ24", "EC", "fx_future"),
        ("M6EZ24", "M6E", "fx_future"),
        ("CLX24", "CL", "energy_future"),
        ("MCLX24", "MCL", "energy_future"),
        ("@GC", "GC", "metal_future"),
        ("MGCZ24", "MGC", "metal_future"),
        ("CZ24", "C", "grain_future"),
        ("SX24", "S", "grain_future"),
        ("BOZ24", "BO", "grain_future"),
        ("@LC", "LC", "livestock_future"),
        ("LHJ25", "LH", "livestock_future"),
        ("MBTH25", "MBT", "crypto_future"),
        ("@KC", "KC", "soft_future"),
        ("SBH25", "SB", "soft_future"),
        ("@FDAX", "FDAX", "future"),
        ("@ES.D", "ES", "future"),
        ("SPM03.P", "SP", "future"),
        ("@ES.D=107XC", "ES", "future"),
        ("@ES=107XC.D", "ES", "future"),
        ("nonsense", "NONSENSE", "future"),
    ],
)
def test_a_future_is_known_by_its_root(symbol: str, root: str, asset_class: str) -> None:
    found = read_instrument("futures", symbol)
    assert (found.root, found.asset_class) == (root, asset_class)


@pytest.mark.parametrize(
    ("symbol", "continuous", "adjusted"),
    [
        ("ESH21", False, False),
        ("@ES", True, True),
        ("@ESM18", True, True),
        ("@ES=107XC", True, True),
        ("@CL=11INR", True, True),
        ("@CL=11INN", True, False),
        ("@ES=107XN", True, False),
        # The fifth letter tells, not the last: months to leave out may follow it.
        ("@CL=107XN2-FGH", True, False),
        ("@CL=107XC+HMUN", True, True),
        ("@es=107xn", True, False),
        ("@ES.D=107XN", True, False),
        # A form that is not understood may well be adjusted.
        ("@ES=1", True, True),
        ("@ES/NQ", True, True),
    ],
)
def test_only_a_symbol_that_joins_contracts_is_adjusted(
    symbol: str, continuous: bool, adjusted: bool
) -> None:
    found = read_instrument(MarketType.FUTURES, symbol)
    assert (found.is_continuous, found.is_back_adjusted) == (continuous, adjusted)


@pytest.mark.parametrize(
    ("market", "symbol", "root"),
    [
        ("equities", "brk.b", "BRK.B"),
        ("index", "$SPX.X", "SPX"),
        ("index", "$DJI", "DJI"),
        ("options", "AAPL 210129C137", "AAPL"),
        ("options", "MSFT 220916P262.5", "MSFT"),
        ("forex", "EURUSD", "EURUSD"),
        ("crypto", "BTCUSD", "BTCUSD"),
        ("index", "SPX", "SPX"),
    ],
)
def test_other_markets_have_one_class_each(market: str, symbol: str, root: str) -> None:
    found = read_instrument(market, symbol)
    assert (found.market_type, found.asset_class, found.root) == (market, market, root)
    assert not found.is_continuous
    assert not found.is_back_adjusted


@pytest.mark.parametrize(
    ("symbol", "market"),
    [
        ("MSFT", "equities"),
        ("BRK.B", "equities"),
        ("T", "equities"),
        ("BTC", "equities"),
        ("$SPX.X", "index"),
        ("$DJI", "index"),
        ("@ES", "futures"),
        ("@ES.D=107XC", "futures"),
        ("ESH21", "futures"),
        ("CLX24.P", "futures"),
        ("cz24", "futures"),
        ("AAPL 210129C137", "options"),
        ("OEX 210129C1750", "options"),
        ("EURUSD", "forex"),
        ("USDJPY", "forex"),
        ("BTCUSD", "crypto"),
        ("BCHUSD", "crypto"),
        ("", None),
        ("@", None),
        ("$", None),
        ("two words", None),
        ("AAPL 210129X137", None),
    ],
)
def test_a_symbol_looks_like_one_market(symbol: str, market: str | None) -> None:
    assert market_of(symbol) == market


def test_every_asset_type_of_the_vendors_document_has_its_market() -> None:
    every = (
        "UNKNOWN STOCK STOCKOPTION FUTURE FUTUREOPTION FOREX CURRENCYOPTION INDEX INDEXOPTION MUTUALFUND "
        "MONEYMARKETFUND BOND"
    )
    assert set(every.split()) - set(MARKET_OF_ASSET_TYPE) == {"UNKNOWN", "BOND"}
    assert set(MARKET_OF_ASSET_TYPE) <= set(every.split())
    assert MARKET_OF_ASSET_TYPE["FUTUREOPTION"] == MarketType.OPTIONS
