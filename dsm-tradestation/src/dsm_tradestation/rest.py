"""Bars over REST: pages of ``/v3/marketdata/barcharts``.

The vendor does not say whether its bounds test a bar's start or its end, nor whether they belong: one bar
more is asked for at each end of a page, and what lies outside is dropped. Source: the vendor's OpenAPI
document of v3.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

import numpy as np
import pyarrow as pa
from attrs import frozen

from dsm_core.errors import AccessDeniedError, DataNotAvailableError, RestAPIError
from dsm_core.model import NS_PER_S, Grid, Interval, Origin, RangeSet, TimeRange, from_ns, to_ns
from dsm_core.plugins import Answer, ClientSpec, PagedClient, PageRequest
from dsm_core.schema.chart_type import ChartSchema
from dsm_tradestation.auth.requests import get_authorized
from dsm_tradestation.bar_rows import Times, bar_table, bars_of, end_times, has_closed, with_close_times
from dsm_tradestation.config import TradeStationConfig
from dsm_tradestation.errors import not_entitled, refusal, too_much
from dsm_tradestation.grids import grid_of, label_opens
from dsm_tradestation.instruments import Instrument, read_instrument
from dsm_tradestation.lookup import check_exists
from dsm_tradestation.markets import INTERVALS, MOST_BARS, POOL, Market, unit_and_count
from dsm_tradestation.schemas import BARS, KLINES_COLUMNS
from dsm_tradestation.symbols import check_symbol, in_path

__all__ = ["BarsRest"]

_URL: Final = "{api}/v3/marketdata/barcharts/"
_FOREVER: Final = 2**62
_PRICES: Final = ("open", "high", "low", "close")
# Before any of the venue's history.
_FIRST_DATE: Final = "1950-01-01T00:00:00Z"
_TWO_DAYS_NS: Final = 2 * 86_400 * NS_PER_S


class BarsRest(PagedClient):
    """Bars of one market in one chart type."""

    market: ClassVar[Market]
    interval: Interval

    def __init_subclass__(cls, *, market: Market | None = None, chart: ChartSchema = BARS) -> None:
        super().__init_subclass__()
        if market is not None:
            cls.market, cls.spec = market, _spec(market, chart)

    @classmethod
    def check_symbol(cls, symbol: str) -> None:
        """Refuse a symbol that does not have the market's form."""
        if isinstance(symbol, str) and symbol.strip():
            # First: it knows what EUR/USD and BRK/B are here.
            check_symbol(symbol, cls.market)
        super().check_symbol(symbol)

    @classmethod
    def option_defaults(cls, config: TradeStationConfig) -> Mapping[str, Any]:
        """How bars are stamped, and of equities which hours they have, as configured."""
        return {name: getattr(config, name) for name in cls.spec.options}

    def make_grid(self) -> Grid | None:
        """The exchange's sessions; None where no calendar tells them."""
        calendars = self.context.config.calendars
        return grid_of(self.instrument, self.interval, self._option("session_template"), calendars)

    @cached_property
    def instrument(self) -> Instrument:
        """What the symbol tells."""
        return read_instrument(self.market.market_type, self.symbol)

    @property
    def is_intraday(self) -> bool:
        """Whether bars are shorter than a session."""
        return self.interval.unit in "mh"

    @property
    def stamp(self) -> Literal["start", "end"]:
        """What the venue's time of an intraday bar tells; longer bars are labelled by their dates here."""
        return "end" if self.is_intraday and self._option("bar_stamp") == "end" else "start"

    @property
    def max_span_s(self) -> float | None:
        """As many bars as a request may span, by the clock; longer bars than intraday ones have no limit."""
        length = self.interval.nanoseconds
        return MOST_BARS * length / NS_PER_S if self.is_intraday and length is not None else None

    @property
    def restated(self) -> tuple[str, ...]:
        """Prices of back-adjusted continuous futures: each roll changes all of them."""
        return _PRICES if self.instrument.is_back_adjusted else ()

    def _option(self, name: str) -> str:
        given: str = self.options.get(name) or getattr(self.context.config, name)
        return given

    async def fetch_page(self, page: PageRequest) -> Answer:
        """One page, the bar that has not closed only where the grid tells that it is open."""
        bounds = {"firstdate": _date(page.asked_start)}
        if page.asked_end < self.context.now_ns():
            # Left out it is now, by the venue's own clock.
            bounds["lastdate"] = _date(page.asked_end)
        told = await self._bars(self.code, bounds)
        if not told.bars:
            await check_exists(self.context, self.symbol, self.market)
        # A page of 57,600 bars would keep everything else waiting.
        table, running = await self.context.run(self._table, told)
        # A bar that came and has not closed is not absent either.
        covered = RangeSet.from_pairs([(page.start, page.end)]) - running if running else None
        return Answer(table, covered=covered, origin=told.origin, as_of=told.as_of)

    async def lifetime(self) -> TimeRange | None:
        """From the month of the first bar to two days after a contract's expiry."""
        details = await check_exists(self.context, self.symbol, self.market)
        bars = (await self._bars("Monthly", {"firstdate": _FIRST_DATE})).bars
        if not bars:
            return None
        first = int(label_opens(end_times(bars[:1]), Interval("1M"), self.instrument)[0])
        # The session of a month's first day may open on the evening before.
        start = first - _TWO_DAYS_NS if self.is_intraday else first
        end = _FOREVER if details.expires is None else to_ns(details.expires) + _TWO_DAYS_NS
        # An expiry before the first bar tells nothing.
        return TimeRange(start, end) if start < end else None

    async def _bars(self, code: str, bounds: Mapping[str, str]) -> _Told:
        unit, count = unit_and_count(code)
        asked = {"interval": count, "unit": unit, **bounds}
        if self.market.has_templates:
            asked["sessiontemplate"] = self._option("session_template")
        try:
            reply = await get_authorized(
                self.context,
                _URL + in_path(self.symbol),
                asked,
                cost=1,
                pool=POOL,
                check=self.check,
                is_host_refusal=False,
            )
        except DataNotAvailableError as error:
            # Of a symbol that does not exist, and perhaps of a range without bars.
            return _Told([], Origin(url=str(error.details.get("url") or "").partition("?")[0] or None))
        except AccessDeniedError as error:
            raise not_entitled(self.symbol, error.message, **error.details) from error
        except RestAPIError as error:
            raise too_much(error, self.symbol) from error
        return _Told(bars_of(reply.body), Origin(url=reply.url.partition("?")[0]), reply.as_of)

    def check(self, body: Any) -> None:
        """Raise for a refusal inside a 200."""
        error = refusal(body, self.symbol)
        if error is not None:
            raise error

    def _table(self, told: _Told) -> tuple[pa.Table, RangeSet]:
        """The bars that have closed, and where those open that came and have not."""
        bars, times, running = self._settled(told)
        return self._columns(bars, times), RangeSet.from_pairs(map(self._place, running.tolist()))

    def _columns(self, bars: list[Mapping[str, Any]], times: Times) -> pa.Table:
        columns = self.spec.columns or frozenset(BARS.column_names)
        if not self.is_intraday:
            table = bar_table(bars, BARS.index, label_opens(times, self.interval, self.instrument), columns)
            return with_close_times(table, times)
        table = bar_table(bars, BARS.index, times, columns)
        if self.stamp == "start" and self.grid is None:
            # Only a calendar knows of a last bar that is shorter.
            return with_close_times(table, times + self._length)
        return table

    @property
    def _length(self) -> int:
        return self.interval.nanoseconds or 0

    def _place(self, stamp: int) -> tuple[int, int]:
        """Where a bar stands, told from its stamp alone."""
        if not self.is_intraday:
            label = int(label_opens(np.array([stamp]), self.interval, self.instrument)[0])
            return label, label + 1
        return (stamp, stamp + self._length) if self.stamp == "start" else (stamp - self._length, stamp)

    def _settled(self, told: _Told) -> tuple[list[Mapping[str, Any]], Times, Times]:
        """Bars that have closed, and the open one where a grid tells that it is open; their times.

        The third is the stamps of bars that are left out.
        """
        bars, times = told.bars, end_times(told.bars)
        # The venue's clock where this machine's is ahead of it.
        now = min(self.context.now_ns(), told.as_of or _FOREVER)
        is_start = self.is_intraday and self.stamp == "start"
        is_over = (times + self._length if is_start else times) <= now
        slot = None if self.grid is None else self.grid.slot_at(now)
        kept, found = [], times.copy()
        for place, (bar, over) in enumerate(zip(bars, is_over.tolist(), strict=True)):
            if has_closed(bar, by_time=over):
                kept.append(place)
            elif slot is not None and slot.start < times[place] + is_start <= slot.end:
                kept.append(place)
                # Nobody says whether it is stamped with its planned end or with its last trade.
                found[place] = found[place] if is_start else slot.end
        return [bars[place] for place in kept], found[kept], np.delete(times, kept)


@frozen
class _Told:
    """An answer: its bars, where it came from, and when the venue made it (UTC nanoseconds)."""

    bars: list[Mapping[str, Any]]
    origin: Origin
    as_of: int | None = None


def _date(ns: int) -> str:
    """A bound as the vendor writes it, in whole seconds."""
    return from_ns(ns - ns % NS_PER_S).strftime("%Y-%m-%dT%H:%M:%SZ")


def _spec(market: Market, chart: ChartSchema) -> ClientSpec:
    return ClientSpec(
        market_type=market.market_type,
        chart_type=chart.name,
        source="rest",
        intervals=INTERVALS,
        columns=None if chart is BARS else KLINES_COLUMNS,
        authoritative=True,
        # Grids depend on the symbol: make_grid asks the calendars.
        grid=lambda _: None,
        keeps_off_grid=True,
        overlap=1,
        options=market.options,
        cost=1,
        pool=POOL,
    )
