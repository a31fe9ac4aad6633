"""The funding endpoints of the futures markets: which settlements they choose, and what they tell of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from dsm_binance.emulator.exchange_info import is_known
from dsm_binance.emulator.funding_rows import Settlement
from dsm_binance.emulator.instruments import Listing, Market
from dsm_binance.emulator.params import number, row_limit, symbol_of
from dsm_binance.emulator.replies import bad_request, json_reply
from dsm_binance.emulator.rows import Book
from dsm_binance.emulator.schedule import DEFAULT_HOURS
from dsm_core.emulation import Clock, Reply, to_ms

__all__ = ["FundingRest"]

_DEFAULT_LIMIT: Final = 100
_MOST_ROWS: Final = 1000
# Without bounds no more than the newest 200 are told.
_MOST_NEWEST: Final = 200
# Older settlements have an empty mark price.
_MARKED_FROM_MS: Final = to_ms(datetime(2023, 10, 31, 8, tzinfo=UTC))
# Since stocks are traded, a settlement says whether it is an extra one.
_TYPED_FROM_MS: Final = to_ms(datetime(2026, 8, 1, tzinfo=UTC))


class _Row(NamedTuple):
    listing: Listing
    settled: Settlement


class FundingRest:
    """Answers ``fundingRate`` and ``fundingInfo``.

    Parameters
    ----------
    book
        The rows.
    clock
        Which of them are settled by now.
    cm_mark_price
        Whether COIN-M states mark prices too, as its documented example does.
    """

    def __init__(self, book: Book, clock: Clock, cm_mark_price: bool = False) -> None:
        self._book, self._clock, self._cm_mark_price = book, clock, cm_mark_price

    def rates(self, market: Market, query: Mapping[str, str]) -> Reply:
        """Answer ``fundingRate``: ascending, both bounds inclusive."""
        listings = self._asked(market, query)
        start_ms, end_ms = number(query, "startTime"), number(query, "endTime")
        limit = row_limit(query, _DEFAULT_LIMIT, _MOST_ROWS)
        if start_ms is not None and end_ms is not None and start_ms > end_ms:
            raise bad_request(-1023, "Start time is greater than end time.")
        if start_ms is None and end_ms is None:
            limit = min(limit, _MOST_NEWEST)
        rows = [row for listing in listings for row in self._rows(listing, start_ms, end_ms, limit)]
        rows.sort(key=lambda row: (row.settled.time_ms, row.listing.symbol))
        return json_reply(self._cells(rows[-limit:] if start_ms is None else rows[:limit]))

    def info(self, market: Market, query: Mapping[str, str]) -> Reply:
        """Answer ``fundingInfo``: contracts that do not settle every 8 hours, or that are told of anyway."""
        now_ms = self._clock.now_ms()
        told = (
            listing
            for listing in self._book.listings(market)
            if listing.is_perpetual and listing.listed_ms <= now_ms < listing.delisted_ms
        )
        found = [_info(listing, now_ms) for listing in told]
        return json_reply([row for row in found if row is not None])

    def _asked(self, market: Market, query: Mapping[str, str]) -> list[Listing]:
        """Give the contracts that are asked for; USDS-M tells of all of them to who names none."""
        now_ms = self._clock.now_ms()
        if market == "um" and "symbol" not in query:
            return [listing for listing in self._book.listings(market) if is_known(listing, now_ms)]
        if market == "um" and not query["symbol"]:
            raise bad_request(-1105, "Parameter 'symbol' was empty.")
        series = self._book.series(market, symbol_of(query))
        if series is None or not is_known(series.listing, now_ms):
            raise bad_request(-1121, "Invalid symbol.")
        return [series.listing]

    def _rows(self, listing: Listing, start_ms: int | None, end_ms: int | None, limit: int) -> list[_Row]:
        now_ms, book = self._clock.now_ms(), self._book.funding
        stop_ms = now_ms + 1 if end_ms is None else min(end_ms, now_ms) + 1
        if start_ms is None:
            settled = book.last_rows(listing, 0, stop_ms, limit)
        else:
            settled = book.first_rows(listing, start_ms, stop_ms, limit)
        return [_Row(listing, row) for row in settled]

    def _cells(self, rows: list[_Row]) -> list[dict[str, Any]]:
        marks = self._marks(rows)
        told = []
        for listing, row in rows:
            cells = {"symbol": listing.symbol, "fundingTime": row.time_ms, "fundingRate": row.rate}
            if self._tells_mark(listing.market):
                cells["markPrice"] = marks.get((listing.symbol, row.time_ms), "")
            told.append(cells | _type_of(row, listing.market))
        return told

    def _marks(self, rows: list[_Row]) -> dict[tuple[str, int], str]:
        """Give mark prices by symbol and time, worked out a contract at a time."""
        settled: dict[str, list[_Row]] = {}
        for row in rows:
            if self._tells_mark(row.listing.market) and row.settled.time_ms >= _MARKED_FROM_MS:
                settled.setdefault(row.listing.symbol, []).append(row)
        marks: dict[tuple[str, int], str] = {}
        for symbol, found in settled.items():
            prices = self._book.funding.mark_prices(found[0].listing, [row.settled for row in found])
            marks |= {(symbol, row.settled.time_ms): price for row, price in zip(found, prices, strict=True)}
        return marks

    def _tells_mark(self, market: Market) -> bool:
        return market == "um" or self._cm_mark_price


def _type_of(row: Settlement, market: Market) -> dict[str, str]:
    if market != "um" or row.time_ms < _TYPED_FROM_MS:
        return {}
    return {"rateType": "Special" if row.special else "Regular"}


def _info(listing: Listing, now_ms: int) -> dict[str, Any] | None:
    schedule = listing.funding_schedule
    hours = schedule.hours_at(now_ms)
    adjusted = hours != DEFAULT_HOURS
    if not adjusted and not listing.funding_listed:
        return None
    # As recorded: a contract with its own interval says since when; the large ones say nothing of that.
    cap = "0.02000000" if adjusted else "0.00300"
    since_ms = schedule.changed_ms(now_ms)
    return {
        "symbol": listing.symbol,
        "adjustedFundingRateCap": cap,
        "adjustedFundingRateFloor": f"-{cap}",
        "fundingIntervalHours": hours,
        "disclaimer": not adjusted,
        "updateTime": (listing.listed_ms if since_ms is None else since_ms) if adjusted else None,
    }
