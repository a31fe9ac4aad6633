"""The REST endpoints of the three markets: which bars they choose, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from dsm_binance.emulator.exchange_info import exchange_info, is_known
from dsm_binance.emulator.funding_rest import FundingRest
from dsm_binance.emulator.instruments import Listing, Market
from dsm_binance.emulator.intervals import DAY_MS, INTERVALS, Interval
from dsm_binance.emulator.journal import Kind
from dsm_binance.emulator.kinds import BAR_KINDS, INDEX, KLINES, PRICE_KINDS, BarKind
from dsm_binance.emulator.params import (
    NUMBER,
    illegal_symbol,
    is_symbol,
    mandatory,
    number,
    row_limit,
    symbol_of,
)
from dsm_binance.emulator.recorded import Row
from dsm_binance.emulator.replies import BadRequestError, bad_request, json_reply
from dsm_binance.emulator.rows import Book
from dsm_binance.emulator.series import Series
from dsm_core.emulation import Clock, Reply, WeightPool

__all__ = ["FUNDING_KINDS", "FUTURES_KINDS", "ROOTS", "Rest", "weight_of"]

ROOTS: Final[dict[Market, str]] = {"spot": "/api/v3/", "um": "/fapi/v1/", "cm": "/dapi/v1/"}
"""Where each market's endpoints start, below its endpoint."""

FUNDING_KINDS: Final[frozenset[Kind]] = frozenset({"fundingRate", "fundingInfo"})
"""What only futures markets have, under a limit of its own."""

FUTURES_KINDS: Final[frozenset[Kind]] = FUNDING_KINDS | frozenset(PRICE_KINDS)
"""What only futures markets have."""

_DEFAULT_LIMIT: Final = 500
_MOST_ROWS: Final[dict[Market, int]] = {"spot": 1000, "um": 1500, "cm": 1500}
_CM_WINDOW_MS: Final = 200 * DAY_MS
_KLINE_PARAMS: Final = frozenset({"symbol", "interval", "startTime", "endTime", "limit"})
# Thirteen digits are milliseconds until 2286; sixteen are microseconds, which spot takes too.
_MICROSECONDS: Final = 10**14


@dataclass(frozen=True)
class _Window:
    """What a klines request asks for: opens from start to end, both inclusive, ``None`` when not sent."""

    start_ms: int | None
    end_ms: int | None
    limit: int


def weight_of(market: Market, kind: Kind, query: Mapping[str, str]) -> int:
    """Give what a request costs; a futures request for bars costs by its limit.

    Funding requests have a limit of their own; only COIN-M's history of rates weighs something as well.
    """
    if kind == "exchangeInfo":
        return 20 if market == "spot" else 1
    if kind in FUNDING_KINDS:
        return 1 if (market, kind) == ("cm", "fundingRate") else 0
    if kind not in BAR_KINDS:
        return 1
    if market == "spot":
        return 2
    limit = query.get("limit", "")
    rows = int(limit) if NUMBER.fullmatch(limit) else _DEFAULT_LIMIT
    return next((weight for below, weight in ((100, 1), (500, 2), (1001, 5)) if rows < below), 10)


class Rest:
    """Answers REST requests out of a book."""

    def __init__(
        self, book: Book, clock: Clock, pools: Mapping[Market, WeightPool], funding: FundingRest
    ) -> None:
        self._book, self._clock, self._pools = book, clock, pools
        self._endpoints: dict[Kind, Callable[[Market, Mapping[str, str], bool], Reply]] = {
            "ping": lambda market, query, micros: json_reply({}),
            "time": lambda market, query, micros: json_reply({"serverTime": self._now(micros)}),
            "exchangeInfo": self._exchange_info,
            **{kind: partial(self._bars, kind) for kind in BAR_KINDS},
            "fundingRate": lambda market, query, micros: funding.rates(market, query),
            "fundingInfo": lambda market, query, micros: funding.info(market, query),
        }

    def answer(
        self, market: Market, kind: Kind, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Reply:
        """Answer one request that is within its limits."""
        endpoint = self._endpoints.get(kind)
        if endpoint is None:
            return Reply(404, b"404 page not found\n", "text/plain")
        unit = headers.get("X-MBX-TIME-UNIT", "").upper()
        try:
            return endpoint(market, query, market == "spot" and unit == "MICROSECOND")
        except BadRequestError as refused:
            return refused.reply

    def _now(self, micros: bool) -> int:
        return self._clock.now_ms() * (1000 if micros else 1)

    def _exchange_info(self, market: Market, query: Mapping[str, str], micros: bool) -> Reply:
        now_ms = self._clock.now_ms()
        found: list[Listing] = self._book.listings(market)
        if market == "spot" and query.keys() & {"symbol", "symbols"}:
            found = [self._series(market, name).listing for name in _asked_symbols(query)]
        answer = exchange_info(market, found, now_ms, self._pools[market].limit)
        answer["serverTime"] = self._now(micros)
        return json_reply(answer)

    def _bars(self, kind: BarKind, market: Market, query: Mapping[str, str], micros: bool) -> Reply:
        name = symbol_of(query, "pair" if kind == INDEX else "symbol")
        interval_name = mandatory(query, "interval")
        window = _window(market, query)
        if market == "spot" and query.keys() - _KLINE_PARAMS:
            read = len(query.keys() & _KLINE_PARAMS)
            raise bad_request(
                -1104,
                f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(query)}'.",
            )
        interval = INTERVALS.get(interval_name)
        if interval is None or (interval_name == "1s" and market != "spot"):
            raise bad_request(-1120, "Invalid interval.")
        series = self._series(market, name, kind)
        choose = self._counted_back if market == "cm" else self._counted_forward
        return json_reply([_cells(row, micros) for row in choose(series, interval, window)])

    def _series(self, market: Market, name: str, kind: BarKind = KLINES) -> Series:
        series = self._book.series(market, name, kind)
        if series is None or not is_known(series.listing, self._clock.now_ms()):
            raise (
                bad_request(-4144, "Invalid pair.")
                if kind == INDEX
                else bad_request(-1121, "Invalid symbol.")
            )
        return series

    def _counted_forward(self, series: Series, interval: Interval, window: _Window) -> list[Row]:
        """Spot and USDS-M: a start makes them count forward from it."""
        now_ms = self._clock.now_ms()
        end_ms = now_ms + 1 if window.end_ms is None else window.end_ms + 1
        if window.start_ms is None:
            return self._book.last_rows(series, interval, 0, end_ms, now_ms, window.limit)
        return self._book.first_rows(series, interval, window.start_ms, end_ms, now_ms, window.limit)

    def _counted_back(self, series: Series, interval: Interval, window: _Window) -> list[Row]:
        """COIN-M: at most 200 days, always the newest rows of them."""
        now_ms = self._clock.now_ms()
        start_ms, end_ms = window.start_ms, window.end_ms
        if start_ms is not None and end_ms is not None and end_ms - start_ms > _CM_WINDOW_MS:
            raise bad_request(-1127, "More than 4800 hours between startTime and endTime.")
        if end_ms is None:
            end_ms = now_ms if start_ms is None else min(start_ms + _CM_WINDOW_MS, now_ms)
            since_ms = 0 if start_ms is None else start_ms
        else:
            since_ms = end_ms - _CM_WINDOW_MS if start_ms is None else start_ms
        return self._book.last_rows(series, interval, since_ms, end_ms + 1, now_ms, window.limit)


def _window(market: Market, query: Mapping[str, str]) -> _Window:
    limit = row_limit(query, _DEFAULT_LIMIT, _MOST_ROWS[market])
    start, end = number(query, "startTime"), number(query, "endTime")
    if market == "spot":
        start = -(-start // 1000) if start is not None and start >= _MICROSECONDS else start
        end = end // 1000 if end is not None and end >= _MICROSECONDS else end
    elif start is not None and end is not None and start > end:
        raise bad_request(-1023, "Start time is greater than end time.")
    return _Window(start, end, limit)


def _asked_symbols(query: Mapping[str, str]) -> list[str]:
    if "symbol" in query and "symbols" in query:
        raise bad_request(-1128, "Combination of optional parameters invalid.")
    names: object = [query.get("symbol")]
    if "symbols" in query:
        try:
            names = json.loads(query["symbols"])
        except ValueError:
            names = None
    if not isinstance(names, list) or not all(is_symbol(name) for name in names):
        raise illegal_symbol("symbols" if "symbols" in query else "symbol")
    return list(dict.fromkeys(names))


def _cells(row: Row, micros: bool) -> list[str | int]:
    cells: list[str | int] = list(row)
    open_ms, close_ms = int(row[0]), int(row[6])
    cells[0], cells[6] = (open_ms * 1000, close_ms * 1000 + 999) if micros else (open_ms, close_ms)
    cells[8] = int(row[8])
    return cells
