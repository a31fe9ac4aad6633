"""Bars over REST: the pages of three markets, of every kind.

Bounds are inclusive and compare with the open time. COIN-M counts back from the end of a window,
so a window never holds more bars than a page. Source: the markets' kline pages, read August 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from dsm_binance.kinds import INDEX_PRICE, MARK_PRICE, PREMIUM_INDEX, TRADES, KlineKind
from dsm_binance.markets import COIN_M, MARKETS, SPOT, USDS_M, Market, kline_grid
from dsm_binance.symbols import check_pair, check_symbol, pair_info, symbol_info
from dsm_core.errors import (
    ProtocolChangedError,
    RestAPIError,
    SymbolNotFoundError,
    UnsupportedIntervalError,
)
from dsm_core.model import NS_PER_MS, MarketType, Origin, TimeRange, to_ns
from dsm_core.net import JsonReply
from dsm_core.plugins import Answer, ClientContext, ClientSpec, PagedClient, PageRequest

__all__ = [
    "CoinMIndexPriceRest",
    "CoinMKlinesRest",
    "CoinMMarkPriceRest",
    "CoinMPremiumIndexRest",
    "KLINES_REST",
    "SpotKlinesRest",
    "UsdsMIndexPriceRest",
    "UsdsMKlinesRest",
    "UsdsMMarkPriceRest",
    "UsdsMPremiumIndexRest",
    "fetch_server_time",
    "translated",
]

_INVALID_INTERVAL: Final = -1120
# Of a symbol, and of a pair.
_UNKNOWN: Final = frozenset({-1121, -4144})
_FOREVER: Final = 2**62
# COIN-M opened in June 2020; its windows are at most 200 days long.
_COIN_M_FROM_MS: Final = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) * 1000
_DAY_MS: Final = 86_400_000
_WINDOW_DAYS: Final = 200
_WINDOW_MS: Final = _WINDOW_DAYS * _DAY_MS


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
    """Bars of one kind and market."""

    market: ClassVar[Market]
    kind: ClassVar[KlineKind]

    def __init_subclass__(cls, *, market: Market | None = None, kind: KlineKind = TRADES) -> None:
        super().__init_subclass__()
        if market is not None:
            cls.market, cls.kind, cls.spec = market, kind, _spec(market, kind)

    @classmethod
    def check_symbol(cls, symbol: str) -> None:
        """Refuse a symbol, or a pair, that does not have the market's form."""
        if isinstance(symbol, str):
            (check_pair if cls.kind.by_pair else check_symbol)(symbol, cls.market)
        super().check_symbol(symbol)

    async def fetch_page(self, page: PageRequest) -> Answer:
        """One page; a hole may make it shorter than its window."""
        reply = await self._klines(startTime=page.start_ms, endTime=page.last_ms, limit=page.rows)
        origin = Origin(url=reply.url.partition("?")[0])
        return Answer.from_rows(reply.body, self.kind.cells, origin=origin, as_of=reply.as_of)

    async def lifetime(self) -> TimeRange | None:
        """From the first bar to the last one of a symbol that trades no more."""
        find = pair_info if self.kind.by_pair else symbol_info
        info = await find(self.context, self.market, self.symbol)
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
            if self.kind is not TRADES:
                return await self._first_day(listed_at)
            return None if listed_at is None else self.grid.floor(listed_at)
        rows = (await self._klines(startTime=0, limit=1)).body
        return self.grid.floor(int(rows[0][0]) * NS_PER_MS) if rows else None

    async def _first_day(self, listed_at: int | None) -> int | None:
        """Open of the bar that holds the first day with a price; not told by when a contract was listed."""
        assert self.grid is not None
        now_ms = self.context.now_ns() // NS_PER_MS
        near_ms = 0 if listed_at is None else listed_at // NS_PER_MS // _DAY_MS * _DAY_MS - _WINDOW_MS
        for start_ms in range(max(_COIN_M_FROM_MS, near_ms), now_ms, _WINDOW_MS):
            rows = await self._days(start_ms, now_ms)
            if rows:
                # A server in trouble may have answered the window before with nothing.
                is_first = not await self._days(start_ms - _WINDOW_MS, now_ms)
                return self.grid.floor(int(rows[0][0]) * NS_PER_MS) if is_first else None
        return None

    async def _days(self, start_ms: int, now_ms: int) -> list[Any]:
        bounds = {"startTime": start_ms, "endTime": min(start_ms + _WINDOW_MS - 1, now_ms)}
        rows: list[Any] = (await self._klines(interval="1d", limit=_WINDOW_DAYS, **bounds)).body
        return rows

    def check(self, body: Any) -> None:
        """Refuse an answer that is no list."""
        if not isinstance(body, list):
            raise ProtocolChangedError(
                f"The klines answer is no list but {type(body).__name__}.",
                hint="Look for a new release of dsm-binance.",
            )

    async def _klines(self, *, limit: int, interval: str | None = None, **bounds: int) -> JsonReply:
        asked = {"pair" if self.kind.by_pair else "symbol": self.symbol, "interval": interval or self.code}
        url = self.market.url(self.kind.method)
        try:
            return await self.get_json(url, {**asked, **bounds, "limit": limit}, rows=limit)
        except RestAPIError as error:
            raise translated(error, self.symbol, self.market) from error


def translated(error: RestAPIError, symbol: str, market: Market) -> Exception:
    """What a refusal of the venue means, as an error of the tree."""
    code = error.details.get("code")
    if code in _UNKNOWN:
        return SymbolNotFoundError(
            f"Binance {market.market_type} has no symbol {symbol!r}.", **{**error.details, "symbol": symbol}
        )
    if code == _INVALID_INTERVAL:
        return UnsupportedIntervalError(
            f"Binance {market.market_type} refused the interval.", hint="Use another one.", **error.details
        )
    return error


def _spec(market: Market, kind: KlineKind) -> ClientSpec:
    return ClientSpec(
        market_type=market.market_type,
        chart_type=kind.chart_type,
        source="rest",
        intervals=market.rest_codes,
        not_negative=kind.not_negative,
        page_rows=market.page_rows,
        max_span_s=market.max_span_s,
        authoritative=True,
        grid=kline_grid,
        # After the outage of 2018 bars opened off the grid for two days.
        snap=True,
        cost=market.weight,
        pool=market.pool,
    )


class SpotKlinesRest(_KlinesRest, market=SPOT):
    """Spot klines over REST."""


class UsdsMKlinesRest(_KlinesRest, market=USDS_M):
    """USDS-M klines over REST."""


class CoinMKlinesRest(_KlinesRest, market=COIN_M):
    """COIN-M klines over REST; volume counts contracts."""


class UsdsMMarkPriceRest(_KlinesRest, market=USDS_M, kind=MARK_PRICE):
    """USDS-M bars of mark prices over REST."""


class CoinMMarkPriceRest(_KlinesRest, market=COIN_M, kind=MARK_PRICE):
    """COIN-M bars of mark prices over REST."""


class UsdsMIndexPriceRest(_KlinesRest, market=USDS_M, kind=INDEX_PRICE):
    """USDS-M bars of a pair's index price over REST."""


class CoinMIndexPriceRest(_KlinesRest, market=COIN_M, kind=INDEX_PRICE):
    """COIN-M bars of a pair's index price over REST."""


class UsdsMPremiumIndexRest(_KlinesRest, market=USDS_M, kind=PREMIUM_INDEX):
    """USDS-M bars of the premium index over REST."""


class CoinMPremiumIndexRest(_KlinesRest, market=COIN_M, kind=PREMIUM_INDEX):
    """COIN-M bars of the premium index over REST."""


KLINES_REST: Final = (
    SpotKlinesRest,
    UsdsMKlinesRest,
    CoinMKlinesRest,
    UsdsMMarkPriceRest,
    CoinMMarkPriceRest,
    UsdsMIndexPriceRest,
    CoinMIndexPriceRest,
    UsdsMPremiumIndexRest,
    CoinMPremiumIndexRest,
)
