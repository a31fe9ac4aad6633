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
from dsm_binance.emulator.kinds import INDEX, KLINES, BarKind, pair_of
from dsm_binance.emulator.paths import ArchivePath
from dsm_binance.emulator.recorded import Recordings, Row
from dsm_binance.emulator.series import Series
from dsm_binance.emulator.series_making import make_series
from dsm_core.emulation import Store

__all__ = ["Book", "bars_csv", "rows_csv"]

_BARS_BYTES: Final = 64_000_000
# A generous first guess of how many slots hold the rows that are asked for; a hole doubles it.
_MOST_SLOTS: Final = 1 << 20


class Book:
    """Every symbol of the venue, with its rows; those of funding are in `funding`.

    Parameters
    ----------
    seed
        Another seed, other prices.
    listings, outages
        What is traded, and when it was not.
    recordings
        What comes before anything generated.
    index_by_contract
        Whether the archive has COIN-M's index prices under the perpetual contract's name, not the pair's.
    """

    def __init__(
        self,
        seed: int,
        listings: Iterable[Listing],
        outages: Sequence[Outage],
        recordings: Recordings,
        *,
        index_by_contract: bool = False,
    ) -> None:
        self.recordings = recordings
        self.funding = FundingBook(seed, recordings)
        self._index_by_contract = index_by_contract
        listed = {(listing.market, listing.symbol): listing for listing in listings}
        for market, symbol in sorted(recordings.symbols() - listed.keys()):
            listed[market, symbol] = recordings.listing(market, symbol)
        self._listings = list(listed.values())
        store: Store[Bars] = Store(_BARS_BYTES, lambda bars: bars.nbytes)
        made = make_series(seed, self._listings, outages, store)
        self._series = {(its.listing.market, its.kind, its.listing.symbol): its for its in made}

    def series(self, market: Market, name: str, kind: BarKind = KLINES) -> Series | None:
        """Give the series of a symbol, or of a pair for index prices, or ``None``."""
        return self._series.get((market, kind, name))

    def listings(self, market: Market) -> list[Listing]:
        """Give what a market has ever listed, by name."""
        found = [listing for listing in self._listings if listing.market == market]
        return sorted(found, key=lambda listing: listing.symbol)

    def archived(self, market: Market, kind: BarKind) -> dict[str, Series]:
        """Give what the archive has folders of, by their names."""
        suffix = self._suffix(market, kind)
        return {
            f"{name}{suffix}": series
            for (its_market, its_kind, name), series in self._series.items()
            if (its_market, its_kind) == (market, kind)
        }

    def series_of(self, key: ArchivePath) -> Series | None:
        """Give the series of an archive path, or ``None``."""
        name, suffix = key.symbol, self._suffix(key.market, key.kind)
        if key.kind == INDEX and self.recordings.file(key.path) is not None:
            name, suffix = pair_of(name), ""
        return self.series(key.market, name.removesuffix(suffix), key.kind) if name.endswith(suffix) else None

    def _suffix(self, market: Market, kind: BarKind) -> str:
        return "_PERP" if self._index_by_contract and (market, kind) == ("cm", INDEX) else ""

    def is_recorded(self, series: Series, interval: Interval, start_ms: int, end_ms: int) -> bool:
        """Tell whether a range touches a recorded period."""
        listing = series.listing
        found = self.recordings.covering(
            listing.market, series.kind, listing.symbol, interval.name, start_ms, end_ms
        )
        return bool(found)

    def rows(self, series: Series, interval: Interval, start_ms: int, end_ms: int, now_ms: int) -> list[Row]:
        """Give the rows that open in ``[start_ms, end_ms)`` and not after `now_ms`, ascending."""
        listing = series.listing
        end_ms = min(end_ms, now_ms + 1)
        rows: list[Row] = []
        at = start_ms
        for recording in self.recordings.covering(
            listing.market, series.kind, listing.symbol, interval.name, start_ms, end_ms
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
        text = bars_csv(bars, series.decimals, micros_from_ms=None)
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
