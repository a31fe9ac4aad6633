"""The bars of one instrument at any interval, made of its minutes, up to the venue's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from dsm_core.emulation import Store, to_ms
from dsm_core.emulation.noise import IntArray
from dsm_tradestation.emulator.bars import Bars
from dsm_tradestation.emulator.generator import Generator
from dsm_tradestation.emulator.hours import MINUTE_MS, Sessions, cut
from dsm_tradestation.emulator.listings import Listing

__all__ = ["Asked", "Series", "Unit"]

Unit = Literal["Minute", "Daily", "Weekly", "Monthly"]

# Sessions are made so many at a time, and kept once they are over.
_CHUNK: Final = 64
_EVER: Final = 1 << 62


@dataclass(frozen=True)
class Asked:
    """Which bars: their unit, minutes each, the venue's time, and what is added to prices by time."""

    unit: Unit
    interval: int
    now_ms: int
    shift: Callable[[IntArray], IntArray | int] = lambda _: 0


class Series:
    """Bars of one listing in one session template.

    Parameters
    ----------
    listing
        What is traded, and since when.
    template
        Of the sessions.
    sessions
        When it trades.
    generator
        Its minutes.
    store
        Where finished ones are kept.
    """

    def __init__(
        self,
        listing: Listing,
        template: str,
        sessions: Sessions,
        generator: Generator,
        store: Store[Bars],
    ) -> None:
        self._sessions, self._generator, self._store = sessions, generator, store
        self._key = (listing.symbol, template)
        self._start_ms = to_ms(listing.listed_at)
        self._end_ms = to_ms(listing.delisted_at) if listing.delisted_at is not None else _EVER
        if not listing.generated:
            self._end_ms = self._start_ms

    def overlapping(self, asked: Asked, start_ms: int, end_ms: int) -> Bars:
        """Give the bars that share an instant with ``[start_ms, end_ms]``, and perhaps some around them."""
        first, past = self._sessions.overlapping(start_ms, min(end_ms, asked.now_ms))
        return self._made(asked, first, past)

    def latest(self, asked: Asked, count: int, end_ms: int) -> Bars:
        """Give at least the last `count` bars that have begun by an instant, or all that there are."""
        _, past = self._sessions.overlapping(end_ms, min(end_ms, asked.now_ms))
        width = {"Minute": 1, "Daily": count, "Weekly": 5 * count, "Monthly": 23 * count}[asked.unit] + 2
        if asked.unit == "Minute":
            width += count * asked.interval * MINUTE_MS // int(np.min(self._lengths()))
        while True:
            first = max(past - width, 0)
            found = self._made(asked, first, past)
            # The first one may be a piece of a period; one more makes sure.
            if len(found) > count + 1 or not first:
                return found
            width *= 4

    def _lengths(self) -> IntArray:
        return self._sessions.closes - self._sessions.opens

    def _made(self, asked: Asked, first: int, past: int) -> Bars:
        if asked.unit in {"Weekly", "Monthly"}:
            return self._periods(asked, first, past)
        step_ms = asked.interval * MINUTE_MS if asked.unit == "Minute" else _EVER
        return self._of_sessions(asked, step_ms, first, past)

    def _periods(self, asked: Asked, first: int, past: int) -> Bars:
        periods = self._period_of(asked.unit)
        edges = np.flatnonzero(np.diff(periods, prepend=-_EVER, append=_EVER))
        low = int(np.searchsorted(edges, first, side="right")) - 1
        high = int(np.searchsorted(edges, past, side="left"))
        firsts, pasts = edges[low:high], edges[low + 1 : high + 1]
        if not len(firsts):
            return Bars.none()
        days = self._of_sessions(asked, _EVER, int(firsts[0]), int(pasts[-1]))
        return days.aggregate(self._sessions.opens[firsts], self._sessions.closes[pasts - 1])

    def _period_of(self, unit: Unit) -> IntArray:
        if unit == "Weekly":
            # The epoch was a Thursday.
            return (self._sessions.dates + 3) // 7
        months = self._sessions.dates.astype("datetime64[D]").astype("datetime64[M]")
        found: IntArray = months.astype(np.int64)
        return found

    def _of_sessions(self, asked: Asked, step_ms: int, first: int, past: int) -> Bars:
        parts = []
        for chunk in range(first // _CHUNK, -(-past // _CHUNK)):
            bars = self._chunk(step_ms, chunk, asked.now_ms)
            low, high = max(first, chunk * _CHUNK), min(past, (chunk + 1) * _CHUNK)
            edges = self._sessions.opens[low], self._sessions.closes[high - 1]
            inside = np.searchsorted(bars.start_ms, edges, side="left")
            parts.append(bars.take(slice(int(inside[0]), int(inside[1]))))
        found = Bars.join([part for part in parts if len(part)])
        return found.shifted(asked.shift(found.start_ms))

    def _chunk(self, step_ms: int, chunk: int, now_ms: int) -> Bars:
        rows = slice(chunk * _CHUNK, (chunk + 1) * _CHUNK)
        if now_ms < self._sessions.closes[rows][-1]:
            return self._aggregated(step_ms, rows, now_ms)
        key = (*self._key, step_ms, chunk)
        return self._store.get_or_build(key, lambda: self._aggregated(step_ms, rows, now_ms))

    def _aggregated(self, step_ms: int, rows: slice, now_ms: int) -> Bars:
        pieces = self._sessions.pieces(rows)
        starts, _ = cut(*pieces, MINUTE_MS)
        starts = starts[(starts >= self._start_ms) & (starts < min(self._end_ms, now_ms))]
        minutes = self._generator.so_far(self._generator.minutes(starts), now_ms)
        whole = self._sessions.opens[rows], self._sessions.closes[rows]
        slots = whole if step_ms == _EVER else cut(*pieces, step_ms)
        return minutes.aggregate(*slots)
