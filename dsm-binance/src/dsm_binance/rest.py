"""Klines over REST: the pages of three markets.

Bounds are inclusive and compare with the open time. COIN-M counts back from the end of a window,
so a window never holds more bars than a page. Source: the markets' kline pages, read August 2026.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from dsm_binance.markets import COIN_M, MARKETS, SPOT, USDS_M, Market, kline_grid
from dsm_binance.symbols import check_symbol, symbol_info
from dsm_core.errors import (
    ProtocolChangedError,
    RestAPIError,
    SymbolNotFoundError,
    UnsupportedIntervalError,
)
from dsm_core.model import NS_PER_MS, MarketType, Origin, TimeRange, to_ns
from dsm_core.net import JsonReply
from dsm_core.plugins import Answer, ClientContext, ClientSpec, PagedClient, PageRequest

__all__ = ["CoinMKlinesRest", "SpotKlinesRest", "UsdsMKlinesRest", "fetch_server_time", "translated"]

COLUMNS: Final = (
    "open_time:ms open high low close volume close_time:ms quote_asset_volume count "
    "taker_buy_volume taker_buy_quote_volume"
)
_INVALID_INTERVAL: Final = -1120
_INVALID_SYMBOL: Final = -1121
_FOREVER: Final = 2**62


async def fetch_server_time(context: ClientContext, market_type: MarketType) -> int:
    """The venue's clock in UTC nanoseconds; weight 1."""
    market = MARKETS[market_type]
    reply = await context.http.get_json(market.url("time"), cost=1, pool=market.pool)
    if not isinstance(reply.body, dict) or not isinstance(reply.body.get("serverTime"), int):
        raise ProtocolChangedError(
            "The time answer has no serverTime.", hint="Look for a new release of dsm-binance."
        )
    return int(reply.body["serverTime"]) * NS_PER_MS


class _KlinesRest(PagedClient):
    """Klines of one market."""

    market: ClassVar[Market]

    @classmethod
    def check_symbol(cls, symbol: str) -> None:
        """Refuse a symbol that does not have the market's form."""
        if isinstance(symbol, str):
            check_symbol(symbol, cls.market)
        super().check_symbol(symbol)

    async def fetch_page(self, page: PageRequest) -> Answer:
        """One page; a hole may make it shorter than its window."""
        reply = await self._klines(startTime=page.start_ms, endTime=page.last_ms, limit=page.rows)
        return Answer.from_rows(reply.body, COLUMNS, origin=Origin(url=reply.url.partition("?")[0]))

    async def lifetime(self) -> TimeRange | None:
        """From the first bar to the last one of a symbol that trades no more."""
        info = await symbol_info(self.context, self.market, self.symbol)
        first = await self._first_open(
            None if info is None or info.listed_at is None else to_ns(info.listed_at)
        )
        if first is None:
            return None
        if info is None or info.trades:
            return TimeRange(first, _FOREVER)
        last = (await self._klines(limit=1)).body
        return TimeRange(first, self.grid.next(int(last[0][0]) * NS_PER_MS)) if last and self.grid else None

    async def _first_open(self, listed_at: int | None) -> int | None:
        assert self.grid is not None
        if self.market is COIN_M:
            # A window that starts at 0 ends 200 days later there and tells nothing.
            return None if listed_at is None else self.grid.floor(listed_at)
        rows = (await self._klines(startTime=0, limit=1)).body
        return self.grid.floor(int(rows[0][0]) * NS_PER_MS) if rows else None

    def check(self, body: Any) -> None:
        """Refuse an answer that is no list."""
        if not isinstance(body, list):
            raise ProtocolChangedError(
                f"The klines answer is no list but {type(body).__name__}.",
                hint="Look for a new release of dsm-binance.",
            )

    async def _klines(self, *, limit: int, **bounds: int) -> JsonReply:
        params = {"symbol": self.symbol, "interval": self.code, **bounds, "limit": limit}
        try:
            return await self.get_json(self.market.url("klines"), params, rows=limit)
        except RestAPIError as error:
            raise translated(error, self.symbol, self.market) from error


def translated(error: RestAPIError, symbol: str, market: Market) -> Exception:
    """What a refusal of the venue means, as an error of the tree."""
    code = error.details.get("code")
    if code == _INVALID_SYMBOL:
        return SymbolNotFoundError(
            f"Binance {market.market_type} has no symbol {symbol!r}.", **{**error.details, "symbol": symbol}
        )
    if code == _INVALID_INTERVAL:
        return UnsupportedIntervalError(
            f"Binance {market.market_type} refused the interval.", hint="Use another one.", **error.details
        )
    return error


def _spec(market: Market) -> ClientSpec:
    return ClientSpec(
        market_type=market.market_type,
        chart_type="klines",
        source="rest",
        intervals=market.rest_codes,
        page_rows=market.page_rows,
        max_span_s=market.max_span_s,
        authoritative=True,
        grid=kline_grid,
        # After the outage of 2018 bars opened off the grid for two days.
        snap=True,
        cost=market.weight,
        pool=market.pool,
    )


class SpotKlinesRest(_KlinesRest):
    """Spot klines over REST."""

    market = SPOT
    spec = _spec(SPOT)


class UsdsMKlinesRest(_KlinesRest):
    """USDS-M klines over REST."""

    market = USDS_M
    spec = _spec(USDS_M)


class CoinMKlinesRest(_KlinesRest):
    """COIN-M klines over REST; volume counts contracts."""

    market = COIN_M
    spec = _spec(COIN_M)
