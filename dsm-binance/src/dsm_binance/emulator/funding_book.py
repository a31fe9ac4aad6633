"""The funding that the venue tells of: recorded months where there are some, invented ones elsewhere.

Archive and REST both ask here, so that they agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from dsm_binance.emulator.funding_rows import Settlement, draw_settlements, read_funding
from dsm_binance.emulator.generator import Generator
from dsm_binance.emulator.instruments import Listing, Market
from dsm_binance.emulator.intervals import INTERVALS
from dsm_binance.emulator.recorded import Recordings
from dsm_core.emulation import Store, to_ms

__all__ = ["FundingBook", "in_archive"]

_MONTH: Final = INTERVALS["1M"]
_MOST_ROWS: Final = 200_000
# The first monthly files that the archive holds; earlier rates are told by REST alone.
_ARCHIVED_FROM_MS: Final[dict[Market, int]] = {
    "um": to_ms(datetime(2020, 1, 1, tzinfo=UTC)),
    "cm": to_ms(datetime(2022, 7, 1, tzinfo=UTC)),
}


def in_archive(market: Market, month_ms: int) -> bool:
    """Tell whether the archive goes back to a month's funding."""
    return month_ms >= _ARCHIVED_FROM_MS.get(market, month_ms + 1)


class FundingBook:
    """Funding rates by the month; outages do not stop them, the listing's dates do."""

    def __init__(self, seed: int, recordings: Recordings) -> None:
        self._seed, self._recordings = seed, recordings
        self._months: Store[list[Settlement]] = Store(_MOST_ROWS, len)

    def month(self, listing: Listing, month_ms: int) -> list[Settlement]:
        """Give the settlements of the month that begins at `month_ms`, past and future."""
        key = (listing.market, listing.symbol, month_ms)
        return self._months.get_or_build(key, lambda: self._build(listing, month_ms))

    def first_rows(self, listing: Listing, start_ms: int, end_ms: int, limit: int) -> list[Settlement]:
        """Give the oldest `limit` settlements of ``[start_ms, end_ms)``."""
        span = _Span(listing, start_ms, end_ms)
        rows: list[Settlement] = []
        month_ms = _MONTH.floor(min(span.start_ms, span.end_ms))
        while month_ms < span.end_ms and len(rows) < limit:
            rows += span.within(self.month(listing, month_ms))
            month_ms = _MONTH.after(month_ms)
        return rows[:limit]

    def last_rows(self, listing: Listing, start_ms: int, end_ms: int, limit: int) -> list[Settlement]:
        """Give the newest `limit` settlements of ``[start_ms, end_ms)``, ascending."""
        span = _Span(listing, start_ms, end_ms)
        rows: list[Settlement] = []
        month_ms = _MONTH.floor(span.end_ms)
        while _MONTH.after(month_ms) > span.start_ms and len(rows) < limit:
            rows = span.within(self.month(listing, month_ms)) + rows
            month_ms = _MONTH.shift(month_ms, -1)
        return rows[-limit:]

    def mark_prices(self, listing: Listing, rows: Sequence[Settlement]) -> list[str]:
        """Give the invented mark price at each of some ascending settlements, as REST writes it."""
        if not rows:
            return []
        times = np.array([row.time_ms for row in rows], dtype=np.int64)
        decimals = listing.decimals.price
        return [_price(ticks, decimals) for ticks in Generator(self._seed, listing).prices(times).tolist()]

    def _build(self, listing: Listing, month_ms: int) -> list[Settlement]:
        recording = self._recordings.funding(listing.market, listing.symbol, month_ms)
        if recording is not None:
            return read_funding(recording.body)
        if not (listing.generated and listing.is_perpetual):
            return []
        rows = draw_settlements(self._seed, listing, month_ms, _MONTH.after(month_ms))
        return _Span(listing, month_ms, _MONTH.after(month_ms)).within(rows)


@dataclass(frozen=True)
class _Span:
    """A range cut to a listing's dates."""

    listing: Listing
    asked_start_ms: int
    asked_end_ms: int

    @property
    def start_ms(self) -> int:
        return max(self.asked_start_ms, self.listing.listed_ms)

    @property
    def end_ms(self) -> int:
        return min(self.asked_end_ms, self.listing.delisted_ms)

    def within(self, rows: Iterable[Settlement]) -> list[Settlement]:
        return [row for row in rows if self.start_ms <= row.time_ms < self.end_ms]


def _price(ticks: int, decimals: int) -> str:
    digits = f"{ticks:0{decimals + 1}d}"
    cut = len(digits) - decimals
    return f"{digits[:cut]}.{digits[cut:]:0<8}"
