"""The bars of one symbol as the venue knows them: listed, interrupted by outages, and up to its clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from dsm_binance.emulator.bars import Bars
from dsm_binance.emulator.generator import Generator
from dsm_binance.emulator.instruments import Listing, Outage
from dsm_binance.emulator.intervals import HOUR_MS, INTERVALS, MINUTE_MS, SECOND_MS, Interval
from dsm_binance.emulator.kinds import KLINES, BarKind
from dsm_binance.emulator.price_generator import PriceGenerator, price_decimals
from dsm_core.emulation import Store

__all__ = ["Series"]

_MINUTE: Final = INTERVALS["1m"]
_HOUR: Final = INTERVALS["1h"]
_DAY: Final = INTERVALS["1d"]
_MONTH: Final = INTERVALS["1M"]


class Series:
    """Generated bars of one listing, of one kind, at every interval.

    Hours are kept by the month or the day, because days, weeks and months are made of them.
    """

    def __init__(
        self,
        listing: Listing,
        generator: Generator | PriceGenerator,
        outages: Sequence[Outage],
        store: Store[Bars],
        kind: BarKind = KLINES,
    ) -> None:
        self.listing, self.kind = listing, kind
        self.decimals = listing.decimals if kind == KLINES else price_decimals(listing)
        self._generator = generator
        self._outages = [outage for outage in outages if outage.hits(listing, kind)]
        self._store = store

    def bars(self, interval: Interval, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        """Give the bars that open in ``[start_ms, end_ms)`` and by `now_ms`; the last may be unfinished."""
        first = interval.ceil(max(start_ms, interval.floor(self.listing.listed_ms)))
        last = interval.ceil(min(end_ms, self.listing.delisted_ms, now_ms + 1))
        if first >= last or not self.listing.generated:
            return Bars.none()
        if interval.step_ms == SECOND_MS:
            return self._seconds(first, last)
        fine = self._hours if interval.step_ms % HOUR_MS == 0 else self._minutes
        parts = [fine(first, min(last, self._settled(now_ms, interval)))]
        if last > now_ms:
            parts.append(self._unsettled(max(first, self._settled(now_ms, interval)), now_ms))
        joined = Bars.join([part for part in parts if len(part)])
        made = joined if interval == _MINUTE else joined.aggregate(interval)
        return self._close_early(made, now_ms)

    def trades_between(self, start_ms: int, end_ms: int) -> bool:
        """Tell whether any minute in ``[start_ms, end_ms)`` has a bar, without making one."""
        if not self.listing.generated:
            return False
        at = max(start_ms, self.listing.listed_ms)
        end = min(end_ms, self.listing.delisted_ms)
        for outage in sorted(self._outages, key=lambda outage: outage.start_ms):
            if outage.start_ms <= at < outage.end_ms:
                at = outage.end_ms
        return at < end

    def _settled(self, now_ms: int, interval: Interval) -> int:
        """The end of the fine bars that no trade can change any more."""
        return (_HOUR if interval.step_ms % HOUR_MS == 0 else _MINUTE).floor(now_ms)

    def _unsettled(self, start_ms: int, now_ms: int) -> Bars:
        """The minutes since `start_ms`; the one that runs is made of the seconds that have begun."""
        minute_ms = _MINUTE.floor(now_ms)
        running = self._generator.seconds(self._minutes(max(start_ms, minute_ms), minute_ms + MINUTE_MS))
        begun = running.between(start_ms, now_ms + 1).aggregate(_MINUTE)
        return Bars.join([self._minutes(start_ms, minute_ms), begun])

    def _minutes(self, start_ms: int, end_ms: int) -> Bars:
        start_ms, end_ms = max(start_ms, self.listing.listed_ms), min(end_ms, self.listing.delisted_ms)
        if start_ms >= end_ms:
            return Bars.none()
        bars = self._generator.minutes(start_ms, end_ms)
        hit = [o for o in self._outages if o.start_ms < end_ms and o.end_ms > start_ms]
        if not hit:
            return bars
        kept = np.ones(len(bars), dtype=np.bool_)
        for outage in hit:
            kept &= (bars.open_ms < outage.start_ms) | (bars.open_ms >= outage.end_ms)
        return bars.take(kept)

    def _hours(self, start_ms: int, end_ms: int) -> Bars:
        return Bars.join([part.between(start_ms, end_ms) for part in self._held_hours(start_ms, end_ms)])

    def _held_hours(self, start_ms: int, end_ms: int) -> Iterator[Bars]:
        """Hours of whole months, and of days where no month is asked for whole."""
        at = _DAY.floor(start_ms)
        while at < end_ms:
            unit = _MONTH if at == _MONTH.floor(at) and _MONTH.after(at) <= end_ms else _DAY
            yield self._hours_of(at, unit.after(at))
            at = unit.after(at)

    def _hours_of(self, start_ms: int, end_ms: int) -> Bars:
        key = (self.listing.market, self.kind, self.listing.symbol, start_ms, end_ms)
        return self._store.get_or_build(key, lambda: self._minutes(start_ms, end_ms).aggregate(_HOUR))

    def _seconds(self, start_ms: int, end_ms: int) -> Bars:
        minutes = self._minutes(_MINUTE.floor(start_ms), _MINUTE.ceil(end_ms))
        return self._generator.seconds(minutes).between(start_ms, end_ms)

    def _close_early(self, bars: Bars, now_ms: int) -> Bars:
        """State the last instant of trading where an outage or the delisting ended a bar before its time."""
        stops = [(o.start_ms, o.end_ms) for o in self._outages if o.early_close]
        stops.append((self.listing.delisted_ms, 1 << 62))
        for start, end in stops:
            if start <= now_ms:
                cut = (bars.open_ms < start) & (bars.close_ms >= start) & (bars.close_ms < end)
                bars.close_ms[cut] = start - 1
        return bars
