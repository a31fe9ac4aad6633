"""Invented trading: minute bars from hashed noise, each made without its past, in integer arithmetic."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from dsm_core.emulation.noise import BILLION, HashArray, IntArray, bits, hashed, key_of, lattices, waves
from dsm_tradestation.emulator.bars import Bars
from dsm_tradestation.emulator.hours import MINUTE_MS

__all__ = ["Generator"]

# Minutes between two points of a lattice, and how far a point may push the price, in parts per billion. The
# pushes add up to well below one, so that prices stay positive.
_SCALES: Final = (
    (1, 300_000),
    (15, 1_000_000),
    (240, 5_000_000),
    (1_440, 10_000_000),
    (14_400, 50_000_000),
    (144_000, 120_000_000),
    (1_500_000, 300_000_000),
)
_MOST_TICKS: Final = 400
_MOST_LOTS: Final = 64


class Generator:
    """The minutes of one instrument.

    Parameters
    ----------
    name
        What the noise hangs on: seed and symbol.
    base_ticks
        The price about which it moves.
    thinness
        The share of minutes in which nothing is traded.
    """

    def __init__(self, name: str, base_ticks: int, thinness: float) -> None:
        self._base, self._thin = base_ticks, round(thinness * 65_536)
        self._lattices = lattices(name, _SCALES)
        self._shape_key, self._trade_key = key_of(f"{name}|shape"), key_of(f"{name}|trades")
        self._thin_key = key_of(f"{name}|thin")

    def minutes(self, starts_ms: IntArray) -> Bars:
        """Give the bars of ascending minutes, without those in which nothing was traded."""
        marks = starts_ms // MINUTE_MS
        marks = marks[bits(hashed(marks, self._thin_key), 0, 16) >= self._thin]
        if not len(marks):
            return Bars.none()
        opens, closes = self._prices(marks), self._prices(marks + 1)
        shape = hashed(marks, self._shape_key)
        up_ticks, down_ticks, up_volume, down_volume = _trades(shape, hashed(marks, self._trade_key))
        return Bars(
            start_ms=marks * MINUTE_MS,
            end_ms=(marks + 1) * MINUTE_MS,
            open=opens,
            high=np.maximum(opens, closes) + (self._base * bits(shape, 0, 10) >> 22),
            low=np.maximum(np.minimum(opens, closes) - (self._base * bits(shape, 10, 10) >> 22), 1),
            close=closes,
            up_volume=up_volume,
            down_volume=down_volume,
            up_ticks=up_ticks,
            down_ticks=down_ticks,
        )

    def so_far(self, minutes: Bars, now_ms: int) -> Bars:
        """Give minutes of which the last one may still run, with only what was traded in it by now."""
        if not len(minutes) or minutes.end_ms[-1] <= now_ms:
            return minutes
        done, running = minutes.take(slice(0, -1)), minutes.take(slice(-1, None))
        passed = now_ms - int(running.start_ms[0])

        def part(column: IntArray) -> IntArray:
            return column * passed // MINUTE_MS

        close = running.open + part(running.close - running.open)
        ticks = part(running.up_ticks), part(running.down_ticks)
        if not int(ticks[0][0] + ticks[1][0]):
            return done
        begun = replace(
            running,
            close=close,
            high=np.maximum(running.open, close),
            low=np.minimum(running.open, close),
            up_ticks=ticks[0],
            down_ticks=ticks[1],
            up_volume=np.where(ticks[0] > 0, part(running.up_volume), 0),
            down_volume=np.where(ticks[1] > 0, part(running.down_volume), 0),
        )
        return Bars.join([done, begun])

    def _prices(self, marks: IntArray) -> IntArray:
        moved = waves(marks, self._lattices)
        return np.maximum(self._base * (BILLION + moved) // BILLION, 2)


def _trades(shape: HashArray, noise: HashArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Ticks up and down, and their volumes; a tick takes a lot at least, and a minute has a tick at least."""
    ticks = 1 + bits(shape, 20, 16) % _MOST_TICKS
    up_ticks = ticks * bits(shape, 36, 10) >> 10
    down_ticks = ticks - up_ticks
    up_volume = up_ticks * (1 + bits(noise, 0, 16) % _MOST_LOTS)
    return up_ticks, down_ticks, up_volume, down_ticks * (1 + bits(noise, 16, 16) % _MOST_LOTS)
