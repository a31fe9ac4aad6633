"""Funding rates over REST: up to the last settlement, intervals told by spacing.

Bounds are inclusive and compare with the jittered time, so a request reaches a minute beyond its
end, and sixteen hours before its start to see the settlements before. Source: the funding rate
history pages of USDS-M and COIN-M, read August 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import pyarrow as pa

from dsm_binance.funding_rows import Settlements, intervals_by_spacing, rounded
from dsm_binance.markets import COIN_M, FUNDING_POOL, USDS_M, Market
from dsm_binance.rest import translated
from dsm_binance.symbols import check_symbol, symbol_info
from dsm_core.errors import ProtocolChangedError, RequestError, RestAPIError
from dsm_core.model import NS_PER_MS, NS_PER_S, Origin, RangeSet, TimeRange, to_ns
from dsm_core.net import JsonReply
from dsm_core.plugins import Answer, ClientSpec, PagedClient, PageRequest

__all__ = ["CoinMFundingRest", "RATE_TYPES", "UsdsMFundingRest", "check_rate_type"]

RATE_TYPES: Final = ("regular", "all")
_PAGE_ROWS: Final = 1000
_HOUR_MS: Final = 3_600_000
# Two settlements, so that spacing tells the interval of the first one wanted.
_LOOK_BACK_MS: Final = 16 * _HOUR_MS
# No pause of a month is known, and a month of hourly settlements fits into a page.
_WITNESS_MS: Final = 30 * 24 * _HOUR_MS
_FOREVER: Final = 2**62
# Contracts with a delivery pay no funding.
_DELIVERY: Final = re.compile(r"_\d{6}\Z")
_HOUR_NS: Final = _HOUR_MS * NS_PER_MS
# Any full hour may settle, since intervals change; what is due may take longer to be written.
_WRITTEN_WITHIN_NS: Final = 600 * NS_PER_S
_LATE_NS: Final = _HOUR_NS
_MINUTE_MS: Final = 60_000
_DEFAULT_HOURS: Final = 8
# 1000 settlements of 8 hours; denser ones follow a cursor.
_PAGE_DAYS: Final = 333


def check_rate_type(rate_type: str) -> str:
    """Refuse an unknown ``rate_type``.

    Raises
    ------
    RequestError
        Naming the ones there are.
    """
    if rate_type not in RATE_TYPES:
        raise RequestError(f"rate_type={rate_type!r}.", hint=f"Use one of {', '.join(RATE_TYPES)}.")
    return rate_type


class _FundingRest(PagedClient):
    """Funding rates of one market."""

    market: ClassVar[Market]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._all = check_rate_type(options.get("rate_type", "regular")) == "all"

    @classmethod
    def check_symbol(cls, symbol: str) -> None:
        """Refuse a symbol that does not have the market's form."""
        if isinstance(symbol, str):
            check_symbol(symbol, cls.market)
        super().check_symbol(symbol)

    async def fetch_page(self, page: PageRequest) -> Answer:
        """Settlements from the page's start, or from the last one of the page before."""
        begin_ms = page.start_ms if page.cursor is None else page.cursor
        reply = await self._ask(max(0, begin_ms - _LOOK_BACK_MS), page.last_ms + _MINUTE_MS)
        if not reply.body:
            # A venue in trouble answers nothing too: settlements before the range would show that.
            reply = await self._ask(max(0, begin_ms - _WITNESS_MS), page.last_ms + _MINUTE_MS)
        body: list[Mapping[str, Any]] = reply.body
        if not body and not _DELIVERY.search(self.symbol):
            return Answer(pa.table({}), covered=RangeSet(), as_of=reply.as_of)
        settlements = await self._settlements(body)
        last_ms = _last_ms(body) if len(body) >= _PAGE_ROWS else None
        # The venue's clock where this machine's is ahead of it.
        now = min(self.context.now_ns(), reply.as_of or _FOREVER)
        end = _sure_until(settlements, page.end, now) if last_ms is None else last_ms * NS_PER_MS + 1
        start = page.start if page.cursor is None else page.cursor * NS_PER_MS
        return Answer(
            settlements.table(),
            covered=RangeSet.from_pairs([(start, min(end, page.end))]),
            origin=Origin(url=reply.url.partition("?")[0]),
            cursor=last_ms if last_ms is not None and last_ms * NS_PER_MS < page.end else None,
            as_of=reply.as_of,
        )

    async def lifetime(self) -> TimeRange | None:
        """From the first settlement, or the listing, to the last settlement of what trades no more."""
        info = await symbol_info(self.context, self.market, self.symbol)
        first = (await self._ask(0, limit=1)).body
        listed = None if info is None or info.listed_at is None else to_ns(info.listed_at)
        start = _last_ms(first) * NS_PER_MS if first else listed
        if start is None or info is None or info.trades:
            return None if start is None else TimeRange(start, _FOREVER)
        last = (await self._ask(limit=1)).body
        return TimeRange(start, _last_ms(last) * NS_PER_MS + 1) if last else None

    def unsettled(self, ranges: RangeSet, now: int) -> RangeSet:
        """The last hour or two, whose settlement may not be written yet."""
        return ranges & RangeSet.from_pairs([((now - _LATE_NS) // _HOUR_NS * _HOUR_NS, now)])

    async def _ask(
        self, start_ms: int | None = None, end_ms: int | None = None, limit: int = _PAGE_ROWS
    ) -> JsonReply:
        bounds = {"startTime": start_ms, "endTime": end_ms}
        params = {"symbol": self.symbol, **{k: v for k, v in bounds.items() if v is not None}, "limit": limit}
        try:
            reply = await self.context.http.get_json(
                self.market.url("fundingRate"), params, cost=1, pool=FUNDING_POOL
            )
        except RestAPIError as error:
            raise translated(error, self.symbol, self.market) from error
        body = reply.body
        if not isinstance(body, list) or not all(isinstance(row, Mapping) for row in body):
            raise ProtocolChangedError(
                "The fundingRate answer is no list of settlements.",
                hint="Look for a new release of dsm-binance.",
                url=reply.url,
            )
        return reply

    async def _settlements(self, body: Sequence[Mapping[str, Any]]) -> Settlements:
        try:
            # A settlement that came twice is one; a special one beside a regular one stays.
            rows = sorted(
                {
                    (_rounded_ms(row), row.get("rateType", "Regular") != "Regular", str(row["fundingRate"]))
                    for row in body
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolChangedError(f"A settlement cannot be read: {error!r}.") from error
        regular = np.array([time for time, special, _ in rows if not special], dtype=np.int64)
        usual = await self._usual_hours(len(regular))
        spaced = intervals_by_spacing(regular, usual)
        rows = [row for row in rows if self._all or not row[1]]
        times = np.array([time for time, _, _ in rows], dtype=np.int64)
        # An extra settlement belongs to the regular one before it.
        places = np.maximum(np.searchsorted(regular, times, side="right") - 1, 0)
        return Settlements(
            symbol=self.symbol,
            times_ms=_apart(times),
            hours=[spaced[place] if spaced else usual for place in places.tolist()],
            rates=pa.array([rate for _, _, rate in rows], pa.string()),
        )

    async def _usual_hours(self, known: int) -> int:
        """Today's interval, asked for only when spacing cannot tell it."""
        if known != 1:
            return _DEFAULT_HOURS
        reply = await self.context.http.get_json(self.market.url("fundingInfo"), cost=1, pool=FUNDING_POOL)
        listed = reply.body if isinstance(reply.body, list) else []
        found = (row for row in listed if isinstance(row, Mapping) and row.get("symbol") == self.symbol)
        # The list holds adjusted symbols only; the others settle every 8 hours.
        try:
            return int(next((row["fundingIntervalHours"] for row in found), _DEFAULT_HOURS))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ProtocolChangedError(f"The fundingInfo answer tells no interval: {error!r}.") from error


def _rounded_ms(row: Mapping[str, Any]) -> int:
    try:
        return int(rounded(np.array([int(row["fundingTime"])], dtype=np.int64))[0])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ProtocolChangedError(f"A settlement has no time: {error!r}.") from error


def _sure_until(settlements: Settlements, end: int, now: int) -> int:
    """End of what an answer of ``now`` vouches for: a settlement of just then may not be written yet."""
    hour = now // _HOUR_NS * _HOUR_NS
    last, due = -1, end
    if len(settlements.times_ms):
        last = int(settlements.times_ms[-1]) * NS_PER_MS
        due = last + settlements.hours[-1] * _HOUR_NS
    if now - _LATE_NS < due < end:
        return due
    return hour if last < hour < end and hour > now - _WRITTEN_WITHIN_NS else end


def _last_ms(body: Sequence[Mapping[str, Any]]) -> int:
    return max(map(_rounded_ms, body))


def _apart(times_ms: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Put a special settlement that shares its minute with a regular one a millisecond after it."""
    repeated = np.concatenate(([False], times_ms[1:] == times_ms[:-1])) if len(times_ms) else times_ms
    return times_ms + repeated.astype(np.int64)


def _spec(market: Market) -> ClientSpec:
    return ClientSpec(
        market_type=market.market_type,
        chart_type="funding_rate",
        source="rest",
        max_span_s=_PAGE_DAYS * 86_400.0,
        authoritative=True,
        options=frozenset({"rate_type"}),
        pool=FUNDING_POOL,
    )


class UsdsMFundingRest(_FundingRest):
    """USDS-M funding rates over REST."""

    market = USDS_M
    spec = _spec(USDS_M)


class CoinMFundingRest(_FundingRest):
    """COIN-M funding rates over REST."""

    market = COIN_M
    spec = _spec(COIN_M)
