"""What a symbol tells without a request: its market, its futures root, whether its history is adjusted.

Owns the reading of TradeStation's symbol forms. Which symbols exist is the venue's to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from dsm_core.model.names import MarketType
from dsm_tradestation.futures_roots import ASSET_CLASS_OF_ROOT

__all__ = ["MARKET_OF_ASSET_TYPE", "Instrument", "market_of", "read_instrument"]

_MONTH: Final = "[FGHJKMNQUVXZ]"
_ROOT: Final = "(?P<root>[A-Z][A-Z0-9]{0,3}?)"
_ALIAS: Final = r"(?:\.(?P<alias>[A-Z0-9]+))?"
_CONTRACT = re.compile(rf"{_ROOT}{_MONTH}\d{{2}}{_ALIAS}\Z")
# The vendor writes an alias before the custom part, users also after it.
_CONTINUOUS = re.compile(
    rf"@{_ROOT}(?:{_MONTH}\d{{2}})?{_ALIAS}(?:=(?P<custom>[A-Z0-9+-]+))?(?P<after>\.[A-Z0-9]+)?\Z"
)
# The fifth letter of a custom continuous contract: N none, C by a constant, R by a ratio.
_ADJUSTMENT: Final = 4
_OPTION = re.compile(r"(?P<root>[$A-Z][A-Z0-9./]*) \d{6}[CP]\d+(?:\.\d+)?\Z")
_INDEX = re.compile(r"\$(?P<root>[A-Z0-9&-]+)(?:\.[A-Z0-9]+)?\Z")
_EQUITY = re.compile(r"[A-Z][A-Z0-9]*(?:[./][A-Z]+)*\Z")
_CURRENCY: Final = (
    "(?:USD|EUR|JPY|GBP|CHF|AUD|NZD|CAD|SEK|NOK|DKK|SGD|HKD|MXN|ZAR|TRY|PLN|HUF|CZK|CNH|THB|ILS|INR)"
)
# In this order: the first that fits is meant.
_LOOKS: Final = (
    (_CONTINUOUS, MarketType.FUTURES),
    (_OPTION, MarketType.OPTIONS),
    (_INDEX, MarketType.INDEX),
    (re.compile(r"(?:BTC|ETH|LTC|BCH)(?:USD|EUR|BTC)\Z"), MarketType.CRYPTO),
    (re.compile(rf"{_CURRENCY}{{2}}\Z"), MarketType.FOREX),
    (_CONTRACT, MarketType.FUTURES),
    (_EQUITY, MarketType.EQUITIES),
)

MARKET_OF_ASSET_TYPE: Final[Mapping[str, MarketType]] = {
    "STOCK": MarketType.EQUITIES,
    "MUTUALFUND": MarketType.EQUITIES,
    "MONEYMARKETFUND": MarketType.EQUITIES,
    "FUTURE": MarketType.FUTURES,
    "FOREX": MarketType.FOREX,
    "INDEX": MarketType.INDEX,
    "STOCKOPTION": MarketType.OPTIONS,
    "INDEXOPTION": MarketType.OPTIONS,
    "FUTUREOPTION": MarketType.OPTIONS,
    "CURRENCYOPTION": MarketType.OPTIONS,
}
"""Market of an ``AssetType`` of the symbols endpoint; ``BOND`` and ``UNKNOWN`` have none.

Crypto has no asset type of its own: ask :func:`market_of` first.
"""


@frozen
class Instrument:
    """A symbol of one market, read.

    Parameters
    ----------
    symbol
        In capitals, as TradeStation writes it.
    market_type
        The market it was asked in.
    asset_class
        What decides its trading hours: ``equity_index_future``, ``grain_future``, ...; ``future`` where
        the root is not known or an alias as ``.D`` changes the hours; else the market's own name.
    root
        The root of a future, the underlying of an option, an index without ``$`` and suffix; else the symbol.
    is_continuous
        True for ``@ES``, ``@ESH21`` and ``@ES=107XC``, which all join contracts.
    is_back_adjusted
        True where each roll changes all earlier prices, so that bars fetched before and after it differ.
    """

    symbol: str
    market_type: MarketType
    asset_class: str
    root: str
    is_continuous: bool = False
    is_back_adjusted: bool = False


def read_instrument(market_type: MarketType | str, symbol: str) -> Instrument:
    """Read a symbol of a market; a form that the market does not have is taken as it is.

    Parameters
    ----------
    market_type
        ``equities``, ``futures``, ``forex``, ``crypto``, ``index`` or ``options``.
    symbol
        As TradeStation writes it, in any case.
    """
    market, text = MarketType(market_type), symbol.strip().upper()
    if market == MarketType.FUTURES:
        return _future(text)
    pattern = {MarketType.INDEX: _INDEX, MarketType.OPTIONS: _OPTION}.get(market)
    found = pattern.match(text) if pattern else None
    return Instrument(text, market, str(market), found["root"] if found else text)


def market_of(symbol: str) -> MarketType | None:
    """Which market a symbol looks like, for hints; None when it looks like none.

    A few coins and the usual currencies are known by name, so ``BTCUSD`` is crypto and ``EURUSD`` forex;
    any other plain word is a stock.
    """
    text = symbol.strip().upper()
    return next((market for pattern, market in _LOOKS if pattern.match(text)), None)


def _future(text: str) -> Instrument:
    continuous = text.startswith("@")
    found = (_CONTINUOUS if continuous else _CONTRACT).match(text)
    if found is None:
        return Instrument(text, MarketType.FUTURES, "future", text, continuous, continuous)
    parts = found.groupdict()
    # An alias (.D day session, .P pit) has hours of its own, which no calendar here tells.
    is_usual = not (parts["alias"] or parts.get("after"))
    asset_class = ASSET_CLASS_OF_ROOT.get(parts["root"], "future") if is_usual else "future"
    adjusted = continuous and (parts.get("custom") or "")[_ADJUSTMENT:][:1] != "N"
    return Instrument(text, MarketType.FUTURES, asset_class, parts["root"], continuous, adjusted)
