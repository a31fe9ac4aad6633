"""The form in which each market writes its symbols, and what a wrong one probably was meant to be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from dsm_core.errors import RequestError
from dsm_core.model import MarketType
from dsm_tradestation.instruments import market_of
from dsm_tradestation.markets import CRYPTO, EQUITIES, FOREX, FUTURES, INDEX, MARKETS, OPTIONS, Market

__all__ = ["check_symbol", "in_path", "other_name", "use_market"]

_FORMS: Final[Mapping[MarketType, re.Pattern[str]]] = {
    # Share classes and preferred stock carry suffixes.
    EQUITIES.market_type: re.compile(r"[A-Z][A-Z0-9]{0,7}([.\-][A-Z0-9]{1,4}){0,2}\Z"),
    FUTURES.market_type: re.compile(
        r"(@[A-Z0-9]{1,4}([FGHJKMNQUVXZ]\d{2})?(=[A-Z0-9]{1,10})?|[A-Z0-9]{1,4}[FGHJKMNQUVXZ]\d{2})"
        r"(\.[A-Z0-9]{1,4})?\Z"
    ),
    FOREX.market_type: re.compile(r"[A-Z]{6}\Z"),
    CRYPTO.market_type: re.compile(r"[A-Z0-9]{5,12}\Z"),
    INDEX.market_type: re.compile(r"\$[A-Z0-9][A-Z0-9&\-]{0,11}(\.[A-Z0-9]{1,4})?\Z"),
    OPTIONS.market_type: re.compile(r"[$A-Z][A-Z0-9.]{0,7} \d{6}[CP]\d{1,6}(\.\d{1,4})?\Z"),
}
# TradeStation keeps older roots where the exchange has others.
_VENUE_ROOTS: Final[Mapping[str, str]] = dict(
    zip(
        "6E 6J 6B 6A 6C 6S ZN ZB ZF ZT TN ZC ZS ZW ZL ZM HE LE GF NKD".split(),  # noqa: SIM905 - a table
        "EC JY BP AD CD SF TY US FV TU TEN C S W BO SM LH LC FC NK".split(),  # noqa: SIM905
        strict=True,
    )
)
_MONTHS: Final = "FGHJKMNQUVXZ"
_OCC: Final = re.compile(r"([A-Z]{1,6})\s*(\d{6})([CP])(\d{5})(\d{3})\Z")
_LOOSE_OPTION: Final = re.compile(r"([A-Z$][A-Z0-9.]*)[\s_\-]+(\d{6})[\s_\-]*([CP])[\s_\-]*(\d+(?:\.\d+)?)\Z")
_ROOT: Final = re.compile(rf"@?([A-Z0-9]{{1,4}}?)([{_MONTHS}]\d{{2}})?((?:=[A-Z0-9]+)?(?:\.[A-Z0-9]+)?)\Z")
_LONG_YEAR: Final = re.compile(rf"(@?[A-Z0-9]{{1,4}}?[{_MONTHS}])20(\d{{2}})\Z")
_INDICES: Final = {"DJI": "$DJI", **{name: f"${name}.X" for name in ("SPX", "VIX", "NDX", "RUT", "OEX")}}


def in_path(symbol: str) -> str:
    """The symbol as one part of a URL's path."""
    return quote(symbol, safe="")


def check_symbol(symbol: str, market: Market) -> None:
    """Refuse a symbol that does not have the market's form.

    Raises
    ------
    RequestError
        With the symbol, or the market, that it probably was meant for.
    """
    if _FORMS[market.market_type].match(symbol) and _seems(symbol, market):
        return
    wrong = f"{symbol!r} is not a symbol of {market.market_type}."
    several = [] if market is OPTIONS else [word for word in re.split(r"[,;|\s]+", symbol.upper()) if word]
    if len(several) > 1 and all(_FORMS[market.market_type].match(word) for word in several):
        hint = f"For several, call get_many({several!r}); `dsm prefetch` takes a --list."
        raise RequestError(wrong, hint=hint, symbol=symbol, suggestions=several)
    text = symbol.strip().upper()
    guess = _guess(text, market)
    elsewhere = None if guess else _elsewhere(text, market)
    if guess:
        hint = f"Did you mean {guess!r}?"
    elif elsewhere:
        hint = use_market(text, elsewhere)
    else:
        hint = f"Its symbols look like {market.examples}."
    raise RequestError(wrong, hint=hint, symbol=symbol, suggestion=guess)


def use_market(symbol: str, market: Market) -> str:
    """The hint that a symbol belongs to another market."""
    return f"{symbol!r} is {market.noun}: use market_type={str(market.market_type)!r}."


def other_name(symbol: str) -> str | None:
    """TradeStation's symbol of a future that is written with the exchange's root; None for others."""
    found = _ROOT.match(symbol)
    if found is None or found[1] not in _VENUE_ROOTS:
        return None
    at = "@" if symbol.startswith("@") or not found[2] else ""
    return f"{at}{_VENUE_ROOTS[found[1]]}{found[2] or ''}{found[3]}"


def _seems(symbol: str, market: Market) -> bool:
    """Whether a symbol of the market's form is not one of another market that writes alike."""
    if market not in (EQUITIES, FOREX, CRYPTO):
        return True
    likely = market_of(symbol)
    if market is EQUITIES:
        return likely not in (FUTURES.market_type, FOREX.market_type)
    other = FOREX if market is CRYPTO else CRYPTO
    return likely != other.market_type


def _elsewhere(text: str, market: Market) -> Market | None:
    likely = market_of(text)
    found = None if likely is None else MARKETS.get(likely)
    return found if found is not market else None


def _guess(text: str, market: Market) -> str | None:
    """A symbol of this market that another way of writing means."""
    if market is FUTURES:
        text = _LONG_YEAR.sub(r"\1\2", text)
        found = other_name(text) or (f"@{text}" if re.fullmatch(r"[A-Z0-9]{1,4}", text) else text)
    elif market is OPTIONS:
        found = _option(text)
    elif market is INDEX:
        bare = text.lstrip("^$").partition(".")[0]
        found = _INDICES.get(bare, text)
    elif market in (FOREX, CRYPTO):
        found = re.sub(r"[\s/_\-:]", "", text)
        found = found.removesuffix("T") if market is CRYPTO and found.endswith("USDT") else found
    else:
        found = re.sub(r"[\s/]", ".", text)
    return found if _FORMS[market.market_type].match(found) and _seems(found, market) else None


def _option(text: str) -> str:
    occ = _OCC.match(text)
    if occ is not None:
        strike = f"{int(occ[4])}.{occ[5]}".rstrip("0").rstrip(".")
        return f"{occ[1]} {occ[2]}{occ[3]}{strike}"
    loose = _LOOSE_OPTION.match(text)
    return text if loose is None else f"{loose[1]} {loose[2]}{loose[3]}{loose[4]}"
