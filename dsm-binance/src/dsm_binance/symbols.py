"""Symbols: the form each market writes them in, and what the venue says of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

from attrs import define, field

from dsm_binance.markets import COIN_M, MARKETS, SPOT, Market
from dsm_core.errors import ProtocolChangedError, RequestError
from dsm_core.model import NS_PER_S, MarketType
from dsm_core.net import HttpSession
from dsm_core.plugins import ClientContext, SymbolInfo

__all__ = ["check_pair", "check_symbol", "fetch_symbols", "pair_info", "parse_symbols", "symbol_info"]

# Letters of any script occur (three Chinese names in 2026), always upper case where there is case.
_FORMS: Final = {
    MarketType.SPOT: re.compile(r"[^\W_]{2,30}\Z"),
    MarketType.FUTURES_USDT: re.compile(r"[^\W_]{2,30}(_\d{6})?\Z"),
    MarketType.FUTURES_COIN: re.compile(r"[^\W_]{2,30}_(PERP|\d{6})\Z"),
}
_EXAMPLES: Final = {
    MarketType.SPOT: "BTCUSDT",
    MarketType.FUTURES_USDT: "BTCUSDT or BTCUSDT_260925",
    MarketType.FUTURES_COIN: "BTCUSD_PERP or BTCUSD_260925",
}
# What the contracts of one underlying share; contracts of COIN-M are all quoted in USD.
_PAIR_FORMS: Final = {
    MarketType.FUTURES_USDT: re.compile(r"[^\W_]{2,30}\Z"),
    MarketType.FUTURES_COIN: re.compile(r"[^\W_]{1,27}USD\Z"),
}
_GONE: Final = frozenset(
    {"BREAK", "END_OF_DAY", "SETTLING", "CLOSE", "DELIVERED", "DELIVERING", "PRE_SETTLE"}
)
_RECENT_NS: Final = 60 * NS_PER_S
# Two assets of a pair written as two words are shorter than a whole symbol.
_SHORTEST_PAIR: Final = 5
# Perpetuals carry a delivery date in the year 2100.
_FAR_FUTURE_MS: Final = 4_000_000_000_000


def check_symbol(symbol: str, market: Market) -> None:
    """Refuse a symbol that does not have the market's form.

    Raises
    ------
    RequestError
        With the symbol it probably was meant to be.
    """
    form = _FORMS[market.market_type]
    if symbol == symbol.upper() and form.match(symbol):
        return
    wrong, several = f"{symbol!r} is not a symbol of {market.market_type}.", _several(symbol, market)
    if several:
        hint = f"For several, call get_many({several!r}); `dsm prefetch` takes a --list."
        raise RequestError(wrong, hint=hint, symbol=symbol, suggestions=several)
    guess = _guess(symbol, market)
    hint = f"Did you mean {guess!r}?" if guess else f"Its symbols look like {_EXAMPLES[market.market_type]}."
    raise RequestError(wrong, hint=hint, symbol=symbol, suggestion=guess)


def _several(text: str, market: Market) -> list[str]:
    """The symbols of a text that lists some; none where it can be one pair, as in ``BTC USDT``."""
    words = [word for word in re.split(r"[,;|\s]+", text) if word]
    is_pair = not re.search(r"[,;|]", text) and min(map(len, words), default=0) < _SHORTEST_PAIR
    if len(words) < 2 or is_pair:
        return []
    symbols = [_guess(word, market) for word in words]
    return [symbol for symbol in symbols if symbol is not None]


def check_pair(pair: str, market: Market) -> None:
    """Refuse what does not have the form of a futures market's pairs.

    Raises
    ------
    RequestError
        With the pair it probably was meant to be: that of a contract, where one is named.
    """
    if pair == pair.upper() and _PAIR_FORMS[market.market_type].match(pair):
        return
    guess = (_guess(pair, market) or "").partition("_")[0]
    example = _EXAMPLES[market.market_type].partition(" ")[0].partition("_")[0]
    raise RequestError(
        f"{pair!r} is not a pair of {market.market_type}; index prices belong to a pair, not to a contract.",
        hint=f"Did you mean {guess!r}?" if guess else f"Its pairs look like {example}.",
        symbol=pair,
        suggestion=guess or None,
    )


def _guess(symbol: str, market: Market) -> str | None:
    symbol = symbol.strip().upper()
    if symbol.count("/") > 1 or "\\" in symbol:
        return None
    if _FORMS[market.market_type].match(symbol):
        return symbol
    # What a contract settles in stands behind a colon elsewhere, and so does a symbol behind its venue.
    head, _, tail = symbol.partition(":")
    bare = re.sub(r"[^\w]|_", "", tail if tail and "/" not in head else head)
    bare = re.sub(r"(PERP|SWAP|\d{6})\Z", "", bare)
    if not re.match(r"\w{2,30}\Z", bare):
        return None
    if market is COIN_M:
        base = re.sub(r"USD[TC]?\Z", "", bare)
        return f"{base}USD_PERP" if base else None
    return f"{bare}T" if bare.endswith("USD") else bare


async def fetch_symbols(context: ClientContext, market_type: MarketType) -> Sequence[SymbolInfo]:
    """Every symbol that the market's exchangeInfo lists; weight 20 on spot, 1 on futures."""
    market = MARKETS[market_type]
    cost = 20 if market is SPOT else 1
    reply = await context.http.get_json(market.url("exchangeInfo"), cost=cost, pool=market.pool)
    return parse_symbols(reply.body)


async def symbol_info(context: ClientContext, market: Market, symbol: str) -> SymbolInfo | None:
    """What exchangeInfo says of one symbol; None when it is not listed."""
    if market is SPOT:
        reply = await context.http.get_json(
            market.url("exchangeInfo"), {"symbol": symbol}, cost=20, pool=market.pool
        )
        found: Sequence[SymbolInfo] = parse_symbols(reply.body)
    else:
        found = await _recent_symbols(context, market.market_type)
    return next((info for info in found if info.symbol == symbol), None)


async def pair_info(context: ClientContext, market: Market, pair: str) -> SymbolInfo | None:
    """What exchangeInfo says of a pair: it trades while one of its contracts does; None without any."""
    contracts = [
        info
        for info in await _recent_symbols(context, market.market_type)
        if info.symbol.partition("_")[0] == pair
    ]
    return SymbolInfo(symbol=pair, trades=any(info.trades for info in contracts)) if contracts else None


@define
class _Recent:
    """The last answer of one market's exchangeInfo."""

    lock: asyncio.Lock = field(factory=asyncio.Lock)
    asked_ns: int | None = None
    found: Sequence[SymbolInfo] = ()


_recent: WeakKeyDictionary[HttpSession, dict[MarketType, _Recent]] = WeakKeyDictionary()


async def _recent_symbols(context: ClientContext, market_type: MarketType) -> Sequence[SymbolInfo]:
    """Symbols of a futures market, asked for at most once a minute: the answer is a megabyte."""
    recent = _recent.setdefault(context.http, {}).setdefault(market_type, _Recent())
    async with recent.lock:
        now = context.now_ns()
        if recent.asked_ns is None or not 0 <= now - recent.asked_ns < _RECENT_NS:
            recent.found = await fetch_symbols(context, market_type)
            recent.asked_ns = now
        return recent.found


def parse_symbols(body: Any) -> list[SymbolInfo]:
    """Symbols of an exchangeInfo answer of any market.

    Raises
    ------
    ProtocolChangedError
        When it has no list of symbols.
    """
    if not isinstance(body, Mapping) or not isinstance(body.get("symbols"), list):
        raise ProtocolChangedError(
            "exchangeInfo has no list of symbols.", hint="Look for a new release of dsm-binance."
        )
    return [_info(s) for s in body["symbols"] if isinstance(s, Mapping) and s.get("symbol")]


def _info(entry: Mapping[str, Any]) -> SymbolInfo:
    status = entry.get("status") or entry.get("contractStatus")
    return SymbolInfo(
        symbol=str(entry["symbol"]),
        base=entry.get("baseAsset"),
        quote=entry.get("quoteAsset"),
        contract_type=entry.get("contractType"),
        status=status,
        listed_at=_moment(entry.get("onboardDate")),
        delisted_at=_moment(entry.get("deliveryDate")),
        trades=status not in _GONE,
    )


def _moment(ms: Any) -> datetime | None:
    if not isinstance(ms, int) or not 0 < ms < _FAR_FUTURE_MS:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC)
