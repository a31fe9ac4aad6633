"""Invented trading: minute bars from hashed noise, and the second bars that each of them is made of.

Any range is made without its past. A price is the sum of noise at several time scales, each a hash of its
place on a lattice, joined by straight lines. All of it is integer arithmetic, so that every platform, and
every range that holds a minute, tells the same of it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from dsm_binance.emulator.bars import Bars
from dsm_binance.emulator.instruments import Listing
from dsm_binance.emulator.intervals import MINUTE_MS, SECOND_MS, IntArray
from dsm_core.emulation.noise import BILLION, HashArray, bits, hashed, key_of, lattices, waves

__all__ = ["Generator"]

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

# Minutes between two points of a lattice, and how far a point may push the price, in parts per billion. The
# pushes add up to well below one, so that prices stay positive.
_SCALES: Final = (
    (1, 400_000),
    (15, 1_500_000),
    (240, 6_000_000),
    (1_440, 15_000_000),
    (14_400, 60_000_000),
    (144_000, 150_000_000),
    (1_500_000, 300_000_000),
)
# A minute turns over about this much of the quote asset when the day is dull.
_DULL_TURNOVER: Final = 100_000
_MOST_LOTS: Final = 1_000_000_000
_MOST_TRADES: Final = 400
_SIXTY: Final = 60


class Generator:
    """The bars of one symbol, for one seed."""

    def __init__(self, seed: int, listing: Listing) -> None:
        self._listing = listing
        name = f"{seed}|{listing.market}|{listing.symbol}"
        self._lattices = lattices(name, _SCALES)
        self._trade_key, self._shape_key = key_of(f"{name}|trades"), key_of(f"{name}|shape")
        self._second_key, self._quiet_key = key_of(f"{name}|seconds"), key_of(f"{name}|quiet")
        dull = _DULL_TURNOVER * 10 ** (listing.decimals.price + listing.decimals.volume) // listing.base_ticks
        if listing.market == "cm":
            dull = _DULL_TURNOVER // listing.contract_size
        self._dull_lots = min(max(dull, _MOST_TRADES), _MOST_LOTS // 16)

    def minutes(self, start_ms: int, end_ms: int) -> Bars:
        """Give the minute bars that open in ``[start_ms, end_ms)``, both on whole minutes."""
        marks = np.arange(start_ms // MINUTE_MS, end_ms // MINUTE_MS + 1, dtype=np.int64)
        if len(marks) < 2:
            return Bars.none()
        prices = self._prices(marks)
        minutes, opens = marks[:-1], prices[:-1]
        shape = hashed(minutes, self._shape_key)
        quiet = self._quiet(minutes)
        closes = np.where(quiet, opens, prices[1:])
        high, low = self._wicks(opens, closes, shape, quiet)
        volume, count = self._trades(shape, quiet)
        taker = volume * bits(hashed(minutes, self._trade_key), 0, 10) >> 10
        mean = low + ((high - low) * bits(shape, 30, 8) >> 8)
        return Bars(
            open_ms=minutes * MINUTE_MS,
            open=opens,
            high=high,
            low=low,
            close=closes,
            volume=volume,
            close_ms=minutes * MINUTE_MS + (MINUTE_MS - 1),
            quote=self._worth(volume, mean),
            count=count,
            taker=taker,
            taker_quote=self._worth(taker, mean),
        )

    def prices(self, moments_ms: IntArray) -> IntArray:
        """Give the prices in ticks at which the minutes of some ascending instants open; at least one."""
        return self._prices(moments_ms // MINUTE_MS)

    def seconds(self, minutes: Bars) -> Bars:
        """Give the sixty second bars of each minute bar; they add up to it exactly."""
        if not len(minutes):
            return minutes
        opens_ms = minutes.open_ms[:, None] + np.arange(_SIXTY, dtype=np.int64) * SECOND_MS
        noise = hashed(opens_ms // SECOND_MS, self._second_key)
        counts = _shares(minutes.count, bits(noise, 0, 12) ** 2)
        traded = np.diff(counts, axis=1) > 0
        path = _path(minutes, noise, traded)
        high, low = _extremes(minutes, noise, traded, path)
        volume = _part(minutes.volume, counts, minutes.count)
        taker = _part(minutes.taker, volume, minutes.volume)
        quote = _part(minutes.quote, volume, minutes.volume)
        taker_quote = _part(minutes.taker_quote, taker, minutes.taker)
        return Bars(
            open_ms=opens_ms.ravel(),
            open=path[:, :-1].ravel(),
            high=high.ravel(),
            low=low.ravel(),
            close=path[:, 1:].ravel(),
            volume=np.diff(volume, axis=1).ravel(),
            close_ms=opens_ms.ravel() + (SECOND_MS - 1),
            quote=np.diff(quote, axis=1).ravel(),
            count=np.diff(counts, axis=1).ravel(),
            taker=np.diff(taker, axis=1).ravel(),
            taker_quote=np.diff(taker_quote, axis=1).ravel(),
        )

    def _wicks(
        self, opens: IntArray, closes: IntArray, shape: HashArray, quiet: BoolArray
    ) -> tuple[IntArray, IntArray]:
        """Highs and lows, up to half a thousandth beyond open and close."""
        base = self._listing.base_ticks
        high = np.maximum(opens, closes) + (base * (bits(shape, 0, 10) + 1) >> 21)
        low = np.minimum(opens, closes) - (base * (bits(shape, 10, 10) + 1) >> 21)
        return np.where(quiet, opens, high), np.where(quiet, opens, np.maximum(low, 1))

    def _trades(self, shape: HashArray, quiet: BoolArray) -> tuple[IntArray, IntArray]:
        """Volumes in lots and trade counts; a trade takes a lot at least."""
        count = np.where(quiet, 0, 1 + bits(shape, 20, 16) % _MOST_TRADES)
        busy = bits(shape, 36, 10)
        volume = np.maximum(self._dull_lots * (1 + (busy * busy >> 17)), count)
        volume += bits(shape, 46, 18) % (self._dull_lots // 4 + 1)
        return np.where(quiet, 0, volume), count

    def _prices(self, marks: IntArray) -> IntArray:
        """Prices in ticks at ascending minutes."""
        moved = waves(marks, self._lattices)
        return np.maximum(self._listing.base_ticks * (BILLION + moved) // BILLION, 1)

    def _quiet(self, minutes: IntArray) -> BoolArray:
        """Minutes without a trade; never two in a row, so that the minute's first price is the last one."""
        share = round(self._listing.quiet * 65_536)
        around = np.append(minutes[:1] - 1, minutes)
        still = bits(hashed(around, self._quiet_key), 0, 16) < share
        quiet: BoolArray = still[1:] & ~still[:-1]
        return quiet

    def _worth(self, lots: IntArray, price: IntArray) -> IntArray:
        """The quote volume of lots; on COIN-M the base volume of contracts."""
        if self._listing.market != "cm":
            return lots * price
        size = self._listing.contract_size * 10 ** (self._listing.decimals.price + 8)
        worth: IntArray = lots * (np.int64(size) // price)
        return worth


def _path(minutes: Bars, noise: HashArray, traded: BoolArray) -> IntArray:
    """Prices at the 61 edges of a minute's seconds; they move only where something was traded."""
    place = np.arange(1, _SIXTY + 1, dtype=np.int64)
    straight = minutes.open[:, None] + (minutes.close - minutes.open)[:, None] * place // _SIXTY
    spread = (minutes.high - minutes.low)[:, None]
    edges = straight + (spread * (bits(noise, 12, 10) - 512) >> 11)
    edges = np.clip(edges, minutes.low[:, None], minutes.high[:, None])
    latest = np.maximum.accumulate(np.where(traded, place, 0), axis=1)
    edges = np.where(latest == latest[:, -1:], minutes.close[:, None], edges)
    edges = np.concatenate([minutes.open[:, None], edges], axis=1)
    held: IntArray = np.take_along_axis(
        edges, np.concatenate([np.zeros_like(latest[:, :1]), latest], axis=1), 1
    )
    return held


def _extremes(
    minutes: Bars, noise: HashArray, traded: BoolArray, path: IntArray
) -> tuple[IntArray, IntArray]:
    """Highs and lows of seconds, of which one each reaches the minute's own."""
    wick = np.where(traded, (minutes.high - minutes.low)[:, None] * bits(noise, 22, 8) >> 12, 0)
    high = np.minimum(np.maximum(path[:, :-1], path[:, 1:]) + wick, minutes.high[:, None])
    low = np.maximum(np.minimum(path[:, :-1], path[:, 1:]) - wick, minutes.low[:, None])
    rows = np.arange(len(minutes))
    high[rows, np.argmax(np.where(traded, bits(noise, 30, 12) + 1, 0), axis=1)] = minutes.high
    low[rows, np.argmax(np.where(traded, bits(noise, 42, 12) + 1, 0), axis=1)] = minutes.low
    return high, low


def _shares(totals: IntArray, weights: IntArray) -> IntArray:
    """Running sums, from 0 to each total, in proportion to weights along each row."""
    running = np.cumsum(weights, axis=1)
    running = np.concatenate([np.zeros_like(running[:, :1]), running], axis=1)
    return totals[:, None] * running // np.maximum(running[:, -1:], 1)


def _part(totals: IntArray, running: IntArray, whole: IntArray) -> IntArray:
    """Running sums of totals in proportion to ``running / whole``, without leaving 64 bits."""
    divisor = np.maximum(whole, 1)[:, None]
    each, rest = totals[:, None] // divisor, totals[:, None] % divisor
    return each * running + rest * running // divisor
