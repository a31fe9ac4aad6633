"""Every symbol a market ever had: exchangeInfo for what trades, the archive for what is gone.

exchangeInfo forgets delisted contracts, and spot's never tells when a pair was listed; the
archive keeps the files of both, so its listing tells first and last days.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import evolve

from dsm_binance.listing import list_folders, list_keys, list_page
from dsm_binance.markets import COIN_M, MARKETS, Market
from dsm_binance.symbols import fetch_symbols
from dsm_core.errors import SourceError
from dsm_core.model import MarketType
from dsm_core.plugins import ClientContext, SymbolInfo

__all__ = ["fetch_universe"]

_AT_ONCE: Final = 13
_LAST: Final = "~"
_DAY: Final = timedelta(days=1)


async def fetch_universe(context: ClientContext, market_type: MarketType) -> Sequence[SymbolInfo]:
    """Symbols of a market with first and last day and the source of each fact.

    Makes one to three listing requests for each symbol whose dates exchangeInfo does not tell.
    """
    market = MARKETS[market_type]
    listed, archived = await asyncio.gather(fetch_symbols(context, market_type), _archived(context, market))
    known = {info.symbol: _told(info) for info in listed}
    quotes = sorted({i.quote for i in listed if i.quote}, key=len, reverse=True)
    for symbol in archived:
        if symbol not in known:
            known[symbol] = _from_name(symbol, market, quotes)
    lane = asyncio.Semaphore(_AT_ONCE)

    async def dated(info: SymbolInfo) -> SymbolInfo:
        async with lane:
            return await _with_days(context, market, info, info.symbol in archived)

    infos = await asyncio.gather(*map(dated, known.values()))
    return sorted(infos, key=lambda info: info.symbol)


async def _archived(context: ClientContext, market: Market) -> set[str]:
    names: set[str] = set()
    for granularity in ("monthly", "daily"):
        names.update(await list_folders(context, f"{market.archive_path}/{granularity}/klines/"))
    return names


def _told(info: SymbolInfo) -> SymbolInfo:
    facts = {"status": info.status, "listed_at": info.listed_at, "delisted_at": info.delisted_at}
    return evolve(info, sources={k: "exchangeInfo" for k, v in facts.items() if v is not None})


def _from_name(symbol: str, market: Market, quotes: Iterable[str]) -> SymbolInfo:
    """A symbol that only the archive knows: base and quote are read off its name."""
    stem, _, suffix = symbol.partition("_")
    quote = next((q for q in quotes if stem.endswith(q) and len(stem) > len(q)), None)
    contract = None
    if market.market_type != MarketType.SPOT:
        contract = "PERPETUAL" if suffix in ("", "PERP") else "DELIVERY"
    return SymbolInfo(
        symbol=symbol,
        base=stem.removesuffix(quote) if quote else None,
        quote="USD" if market is COIN_M and quote is None else quote,
        contract_type=contract,
        trades=False,
        sources={"base": "name", "quote": "name"},
    )


async def _with_days(
    context: ClientContext, market: Market, info: SymbolInfo, is_archived: bool
) -> SymbolInfo:
    if not is_archived:
        return info
    sources = dict(info.sources)
    try:
        if info.listed_at is None:
            first = await _first_day(context, market, info.symbol)
            if first is not None:
                info, sources = evolve(info, listed_at=first), {**sources, "listed_at": "archive"}
        if info.delisted_at is None and not info.trades:
            last = await _last_day(context, market, info.symbol)
            if last is not None:
                info, sources = evolve(info, delisted_at=last + _DAY), {**sources, "delisted_at": "archive"}
    except SourceError:
        # A symbol whose days cannot be had is still a symbol.
        return info
    return evolve(info, sources=sources)


def _folder(market: Market, granularity: str, symbol: str) -> str:
    return f"{market.archive_path}/{granularity}/klines/{symbol}/1d/"


async def _first_day(context: ClientContext, market: Market, symbol: str) -> datetime | None:
    for granularity in ("daily", "monthly"):
        page = await list_page(context, _folder(market, granularity, symbol), most=1)
        if page:
            return _date(page[0])
    return None


async def _last_day(context: ClientContext, market: Market, symbol: str) -> datetime | None:
    monthly = _folder(market, "monthly", symbol)
    months = await list_keys(context, monthly, after=monthly, until=monthly + _LAST)
    daily = _folder(market, "daily", symbol)
    after = f"{daily}{symbol}-1d-{_date(months[-1]):%Y-%m}" if months else daily
    days = await list_keys(context, daily, after=after, until=daily + _LAST)
    if days:
        return _date(days[-1])
    return None if not months else (_date(months[-1]) + timedelta(days=32)).replace(day=1) - _DAY


def _date(key: str) -> datetime:
    """Day of ``.../BTCUSDT-1d-2024-01-31.zip``, or first day of a month's file."""
    text = key.rpartition("-1d-")[2].partition(".")[0]
    return datetime.strptime(text, "%Y-%m-%d" if text.count("-") == 2 else "%Y-%m").replace(tzinfo=UTC)
