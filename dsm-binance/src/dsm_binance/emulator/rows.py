"""The rows that the venue tells of a series: recorded ones where there are some, generated ones elsewhere.

Archive and REST both ask here, so that they agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from dsm_binance.emulator.bars import Bars
from dsm_binance.emulator.decimal_text import csv_bytes
from dsm_binance.emulator.funding_book import FundingBook
from dsm_binance.emulator.instruments import Decimals, Listing, Market, Outage
from dsm_binance.emulator.intervals import IntArray, Interval
from dsm_binance.emulator.recorded import Recordings, Row
from dsm_binance.emulator.series import Series
from dsm_binance.emulator.store import Store

__all__ = ["Book", "bars_csv", "rows_csv"]

_BARS_BYTES: Final = 64_000_000
# A generous first guess of how many slots hold the rows that are asked for; a hole doubles it.
_MOST_SLOTS: Final = 1 << 20


class Book:
    """Every symbol of the venue, with its rows; those of funding are in `funding`."""

    def __init__(
        self, seed: int, listings: Iterable[Listing], outages: Sequence[Outage], recordings: Recordings
    ) -> None:
        self.recordings = recordings
        self.funding = FundingBook(seed, recordings)
        store: Store[Bars] = Store(_BARS_BYTES, lambda bars: bars.nbytes)
        self._series: dict[tuple[Market, str], Series] = {}
        for listing in listings:
            self._series[listing.market, listing.symbol] = Series(seed, listing, outages, store)
        for market, symbol in sorted(recordings.symbols() - self._series.keys()):
            listing = recordings.listing(market, symbol)
            self._series[market, symbol] = Series(seed, listing, outages, store)

    def series(self, market: Market, symbol: str) -> Series | None:
        """Give a symbol's series, or ``None``."""
        return self._series.get((market, symbol))

    def listings(self, market: Market) -> list[Listing]:
        """Give what a market has ever listed, by name."""
        found = [series.listing for (its, _), series in self._series.items() if its == market]
        return sorted(found, key=lambda listing: listing.symbol)

    def is_recorded(self, series: Series, interval: Interval, start_ms: int, end_ms: int) -> bool:
        """Tell whether a range touches a recorded period."""
        listing = series.listing
        return bool(self.recordings.covering(listing.market, listing.symbol, interval.name, start_ms, end_ms))

    def rows(self, series: Series, interval: Interval, start_ms: int, end_ms: int, now_ms: int) -> list[Row]:
        """Give the rows that open in ``[start_ms, end_ms)`` and not after `now_ms`, ascending."""
        listing = series.listing
        end_ms = min(end_ms, now_ms + 1)
        rows: list[Row] = []
        at = start_ms
        for recording in self.recordings.covering(
            listing.market, listing.symbol, interval.name, start_ms, end_ms
        ):
            begins, ends = max(recording.key.start_ms, at), min(recording.key.end_ms, end_ms)
            rows += self._generated(series, interval, at, begins, now_ms)
            rows += recording.between(begins, ends)
            at = ends
        return rows + self._generated(series, interval, at, end_ms, now_ms)

    def first_rows(
        self, series: Series, interval: Interval, start_ms: int, end_ms: int, now_ms: int, limit: int
    ) -> list[Row]:
        """Give the oldest `limit` rows of a range."""
        at = max(start_ms, interval.floor(series.listing.listed_ms))
        end_ms = min(end_ms, now_ms + 1, series.listing.delisted_ms)
        rows: list[Row] = []
        slots = limit + 1
        while at < end_ms and len(rows) < limit:
            until = min(end_ms, interval.shift(interval.floor(at), slots))
            rows += self.rows(series, interval, at, until, now_ms)
            at, slots = until, min(slots * 2, _MOST_SLOTS)
        return rows[:limit]

    def last_rows(
        self, series: Series, interval: Interval, start_ms: int, end_ms: int, now_ms: int, limit: int
    ) -> list[Row]:
        """Give the newest `limit` rows of a range, ascending."""
        start_ms = max(start_ms, interval.floor(series.listing.listed_ms))
        at = min(end_ms, now_ms + 1, series.listing.delisted_ms)
        rows: list[Row] = []
        slots = limit + 1
        while at > start_ms and len(rows) < limit:
            since = max(start_ms, interval.shift(interval.floor(at), -slots))
            rows = self.rows(series, interval, since, at, now_ms) + rows
            at, slots = since, min(slots * 2, _MOST_SLOTS)
        return rows[-limit:]

    def _generated(
        self, series: Series, interval: Interval, start_ms: int, end_ms: int, now_ms: int
    ) -> list[Row]:
        if start_ms >= end_ms:
            return []
        bars = series.bars(interval, start_ms, end_ms, now_ms)
        text = bars_csv(bars, series.listing.decimals, micros_from_ms=None)
        return [line.split(",") for line in text.decode().splitlines()]


def bars_csv(bars: Bars, decimals: Decimals, micros_from_ms: int | None) -> bytes:
    """Give bars as CSV rows; from `micros_from_ms` on their times are in microseconds."""
    if micros_from_ms is not None:
        split = int(np.searchsorted(bars.open_ms, micros_from_ms))
        older, newer = bars.take(slice(0, split)), bars.take(slice(split, None))
        return _csv(older, decimals, 1) + _csv(newer, decimals, 1000)
    return _csv(bars, decimals, 1)


def rows_csv(rows: Sequence[Row], micros_from_ms: int | None) -> bytes:
    """Give rows as CSV; from `micros_from_ms` on their times are in microseconds."""
    lines = []
    for row in rows:
        cells = list(row)
        if micros_from_ms is not None and int(row[0]) >= micros_from_ms:
            cells[0], cells[6] = f"{cells[0]}000", f"{cells[6]}999"
        lines.append(",".join(cells) + "\n")
    return "".join(lines).encode()


def _csv(bars: Bars, decimals: Decimals, units_per_ms: int) -> bytes:
    def price(column: IntArray) -> tuple[IntArray, int, int]:
        return column, decimals.price, decimals.price_text

    def volume(column: IntArray) -> tuple[IntArray, int, int]:
        return column, decimals.volume, decimals.volume_text

    def quote(column: IntArray) -> tuple[IntArray, int, int]:
        return column, decimals.quote, decimals.quote_text

    return csv_bytes(
        [
            (bars.open_ms * units_per_ms, 0, 0),
            price(bars.open),
            price(bars.high),
            price(bars.low),
            price(bars.close),
            volume(bars.volume),
            ((bars.close_ms + 1) * units_per_ms - 1, 0, 0),
            quote(bars.quote),
            (bars.count, 0, 0),
            volume(bars.taker),
            quote(bars.taker_quote),
            (np.zeros_like(bars.count), 0, 0),
        ]
    )
