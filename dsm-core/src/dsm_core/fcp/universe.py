"""The symbols of a market, today's and those that are gone, kept for a day."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import asdict

from dsm_core.cache import DocumentStore
from dsm_core.errors import CacheUnavailableError, RequestError, SourceError
from dsm_core.fcp.session import Session
from dsm_core.model.time_range import NS_PER_S, to_ns
from dsm_core.plugins.provider import SymbolInfo

__all__ = ["load_universe", "traded_in"]

_LASTS_NS: Final = 24 * 3600 * NS_PER_S
_TIMES: Final = ("listed_at", "delisted_at")


async def load_universe(
    session: Session, market_type: str | None, *, refresh: bool = False
) -> Sequence[SymbolInfo]:
    """Every symbol of a market; from the cache while it is younger than a day.

    Raises
    ------
    RequestError
        When the provider does not list symbols, or offline nothing is cached.
    SourceError
        When the venue does not answer and nothing is cached.
    """
    venue, market_type = session.market(market_type)
    store, offline = session.documents, session.settings.config.offline
    provider = venue.provider
    if provider.universe is None and provider.symbols is None:
        raise RequestError(f"Provider {provider.name!r} does not list symbols.", hint="Ask for one by name.")
    parts = (provider.name, str(market_type), "universe", "symbols")
    now = venue.now_ns(market_type)
    held = None if store is None else await asyncio.to_thread(store.read, parts)
    fresh = held is not None and 0 <= now - held.fetched < _LASTS_NS
    if held is not None and (offline or (fresh and not refresh)):
        return _parsed(held.body)
    if offline:
        raise RequestError(
            f"The symbols of {provider.name} {market_type} are not cached.", hint="Ask once while online."
        )
    try:
        found = await venue.list_symbols(market_type)
    except SourceError:
        if held is None:
            raise
        return _parsed(held.body)
    if store is not None:
        await _keep(store, parts, found, now)
    return found


def traded_in(infos: Iterable[SymbolInfo], first: int, after: int) -> list[SymbolInfo]:
    """Symbols that traded at some time of ``[first, after)``; those of unknown listing are left out."""
    return [
        info
        for info in infos
        if info.listed_at is not None
        and to_ns(info.listed_at) < after
        and (info.delisted_at is None or to_ns(info.delisted_at) > first)
    ]


async def _keep(store: DocumentStore, parts: Sequence[str], found: Iterable[SymbolInfo], now: int) -> None:
    body = [{k: _plain(v) for k, v in asdict(info).items() if v is not None} for info in found]
    try:
        await asyncio.to_thread(store.write, parts, body, fetched=now)
    except CacheUnavailableError:
        # The answer is whole without it; the next call asks again.
        return


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _parsed(body: Iterable[dict[str, Any]]) -> list[SymbolInfo]:
    infos = []
    for entry in body:
        times: dict[str, Any] = {k: datetime.fromisoformat(entry[k]) for k in _TIMES if k in entry}
        infos.append(SymbolInfo(**(entry | times)))
    return infos
