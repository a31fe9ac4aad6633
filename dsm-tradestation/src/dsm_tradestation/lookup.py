"""What the venue says of symbols: whether one exists, what it is, what comes near, which are listed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from attrs import define, field, frozen

from dsm_core.errors import (
    AccessDeniedError,
    DataNotAvailableError,
    RequestError,
    SourceError,
    SymbolNotFoundError,
)
from dsm_core.model import MarketType
from dsm_core.plugins import ClientContext, SymbolInfo
from dsm_tradestation.auth.requests import get_authorized
from dsm_tradestation.calendars import NO_LIBRARY, is_library_installed
from dsm_tradestation.errors import changed, is_entitlement, not_entitled
from dsm_tradestation.instruments import MARKET_OF_ASSET_TYPE
from dsm_tradestation.markets import CRYPTO, MARKETS, POOL, Market
from dsm_tradestation.symbols import in_path, other_name, use_market

__all__ = ["Details", "check_credentials", "check_exists", "fetch_details", "fetch_symbols"]

_DETAILS: Final = "{api}/v3/marketdata/symbols/"
_SUGGEST: Final = "{api}/v2/data/symbols/suggest/"
_PAIRS: Final = "{api}/v3/marketdata/symbollists/cryptopairs/symbolnames"
_SUGGESTED: Final = 5
Entry = Mapping[str, Any]
# Any symbol that is sure to exist.
_WELL_KNOWN: Final = "MSFT"


@frozen(kw_only=True)
class Details:
    """What the venue says of one symbol.

    Parameters
    ----------
    symbol
        As the venue writes it.
    asset_type
        In its own words.
    expires
        Day of expiry of a future or an option, 00:00 UTC; None for others.
    """

    symbol: str
    asset_type: str
    expires: datetime | None = None


@define
class _Known:
    """Details that were asked for by one manager."""

    locks: dict[str, asyncio.Lock] = field(factory=lambda: defaultdict(asyncio.Lock))
    found: dict[str, Details] = field(factory=dict)


async def check_exists(context: ClientContext, symbol: str, market: Market) -> Details:
    """Details of a symbol that brought no bar; asked once of a symbol that exists.

    Raises
    ------
    SymbolNotFoundError
        When the venue does not know it, with what comes near; or when it belongs to another market, with
        that market.
    """
    known = context.shared("symbol_details", _Known)
    async with known.locks[symbol]:
        details = known.found.get(symbol) or await fetch_details(context, symbol)
        if details is not None:
            known.found[symbol] = details
    if details is None:
        raise await _unknown(context, symbol, market)
    told = MARKET_OF_ASSET_TYPE.get(details.asset_type)
    # Crypto has no asset type of its own.
    if told is not None and told != market.market_type and market is not CRYPTO:
        raise SymbolNotFoundError(
            f"TradeStation has no {symbol!r} in {market.market_type}.",
            hint=use_market(symbol, MARKETS[told]),
            symbol=symbol,
            market_type=told,
        )
    return details


async def fetch_details(context: ClientContext, symbol: str) -> Details | None:
    """What the venue says of a symbol; None when it does not know it.

    Raises
    ------
    AuthenticationError
        When the account may not ask for it.
    """
    try:
        body = await _ask(context, _DETAILS + in_path(symbol))
    except DataNotAvailableError:
        return None
    except AccessDeniedError as error:
        raise not_entitled(symbol, error.message, **error.details) from error
    found, errors = _lists(body)
    for entry in found:
        if str(entry.get("Symbol", "")).upper() == symbol.upper():
            return _details(entry, symbol)
    for told in errors:
        said = f"{told.get('Error') or ''} {told.get('Message') or ''}".strip()
        if is_entitlement(said):
            raise not_entitled(symbol, said)
    return None


async def _ask(context: ClientContext, url: str) -> Any:
    reply = await get_authorized(context, url, cost=1, pool=POOL, is_host_refusal=False)
    return reply.body


def _lists(body: Any) -> tuple[list[Entry], list[Entry]]:
    if not isinstance(body, Mapping) or not isinstance(body.get("Symbols"), list):
        raise changed("The answer about a symbol has no list of Symbols.")
    return _mappings(body["Symbols"]), _mappings(body.get("Errors"))


def _mappings(entries: Any) -> list[Entry]:
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []


def _details(entry: Mapping[str, Any], symbol: str) -> Details:
    expires = None
    with suppress(ValueError):
        # The hour is to be ignored.
        expires = datetime.fromisoformat(str(entry.get("ExpirationDate"))[:10]).replace(tzinfo=UTC)
    return Details(symbol=symbol, asset_type=str(entry.get("AssetType") or "UNKNOWN"), expires=expires)


async def _unknown(context: ClientContext, symbol: str, market: Market) -> SymbolNotFoundError:
    near = await _suggested(context, symbol, market)
    own = other_name(symbol)
    hint = f"Its symbols look like {market.examples}."
    if own is not None:
        hint = f"TradeStation calls it {own!r}."
    elif near:
        hint = f"Did you mean {' or '.join(map(repr, near))}?"
    return SymbolNotFoundError(
        f"TradeStation knows no symbol {symbol!r}.", hint=hint, symbol=symbol, close_matches=near
    )


async def _suggested(context: ClientContext, symbol: str, market: Market) -> list[str]:
    """Symbols that the venue's search finds, those of the market first; none where it does not answer."""
    text = symbol.strip("@$").partition("=")[0].partition(" ")[0]
    try:
        body = await _ask(context, _SUGGEST + in_path(text))
    except SourceError:
        return []
    entries = body if isinstance(body, list) else []
    found = [entry for entry in entries if isinstance(entry, Mapping) and entry.get("Name")]
    found.sort(key=lambda entry: not _is_of(entry, market))
    return list(dict.fromkeys(str(entry["Name"]) for entry in found))[:_SUGGESTED]


def _is_of(entry: Mapping[str, Any], market: Market) -> bool:
    kind = str(entry.get("Category") or "").replace(" ", "").upper()
    return MARKET_OF_ASSET_TYPE.get(kind) == market.market_type


async def check_credentials(context: ClientContext) -> str | None:
    """Try the credentials with one request; where they serve, a note when exchange calendars are missing.

    Raises
    ------
    AuthenticationError
        When they are missing, wrong, or do not include market data; the message tells what to do.
    """
    if await fetch_details(context, _WELL_KNOWN) is None:
        raise changed(f"The answer about a symbol leaves out {_WELL_KNOWN}.")
    return None if is_library_installed() else NO_LIBRARY


async def fetch_symbols(context: ClientContext, market_type: MarketType) -> Sequence[SymbolInfo]:
    """The crypto pairs; the venue lists no other market's symbols.

    Raises
    ------
    RequestError
        For the other markets.
    """
    if market_type != CRYPTO.market_type:
        raise RequestError(
            f"TradeStation lists no symbols of {market_type}; it lists those of {CRYPTO.market_type} alone.",
            hint=(
                f"`dsm symbols tradestation --market {CRYPTO.market_type}` lists those. Symbols of "
                f"{market_type} look like {MARKETS[market_type].examples}; of a wrong one it tells near ones."
            ),
            market_type=market_type,
        )
    body = await _ask(context, _PAIRS)
    names = body.get("SymbolNames") if isinstance(body, Mapping) else None
    if not isinstance(names, list):
        raise changed("The answer about crypto pairs has no list of SymbolNames.")
    return [SymbolInfo(symbol=str(name)) for name in names]
