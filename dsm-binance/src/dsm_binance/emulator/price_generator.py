"""Invented bars of mark prices, index prices and the premium index.

The index moves about the traded price of its pair, the premium about nothing, and a mark price is its index
and so much of it as the premium says. All three are whole hundred-millionths, as the venue writes them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dsm_binance.emulator.bars import Bars
from dsm_binance.emulator.generator import Generator
from dsm_binance.emulator.instruments import Decimals, Listing
from dsm_binance.emulator.intervals import MINUTE_MS, IntArray
from dsm_binance.emulator.kinds import INDEX, PREMIUM, BarKind
from dsm_core.emulation.noise import BILLION, bits, hashed, key_of, lattices, waves

__all__ = ["PriceGenerator", "price_decimals"]

_DIGITS: Final = 8
_INDEX_SCALES: Final = ((1, 30_000), (30, 150_000))
_PREMIUM_SCALES: Final = ((1, 60_000), (60, 250_000), (1_440, 500_000))
# How many values a minute's bar is made of, as seen in recorded answers.
_PER_MINUTE: Final = 60
_PREMIUMS_PER_MINUTE: Final = 12
_PPB_PER_TICK: Final = 10


def price_decimals(listing: Listing) -> Decimals:
    """Give how these prices are held and written; the placeholders of volume are plain zeros."""
    digits = max(_DIGITS, listing.decimals.price)
    return Decimals(digits, 0, digits, 0, 0, 0)


class PriceGenerator:
    """The bars of one kind of price.

    Parameters
    ----------
    seed
        Another seed, other prices.
    reference
        Whose trades the pair's index goes by.
    name
        The contract, or the pair, whose prices they are.
    kind
        Which prices.
    """

    def __init__(self, seed: int, reference: Listing, name: str, kind: BarKind) -> None:
        self._trades, self._kind = Generator(seed, reference), kind
        self._scale = 10 ** (price_decimals(reference).price - reference.decimals.price)
        pair = f"{seed}|{reference.market}|{reference.pair}|index"
        self._index_lattices = lattices(pair, _INDEX_SCALES)
        contract = f"{seed}|{reference.market}|{name}|premium"
        self._premium_lattices = lattices(contract, _PREMIUM_SCALES)
        self._wick_key = key_of(f"{contract}|{kind}|wicks")

    def minutes(self, start_ms: int, end_ms: int) -> Bars:
        """Give the minute bars that open in ``[start_ms, end_ms)``, both on whole minutes."""
        marks = np.arange(start_ms // MINUTE_MS, end_ms // MINUTE_MS + 1, dtype=np.int64)
        if len(marks) < 2:
            return Bars.none()
        path, minutes = self._path(marks), marks[:-1]
        opens, closes, nothing = path[:-1], path[1:], np.zeros_like(minutes)
        noise = hashed(minutes, self._wick_key)
        # Highs and lows reach a hundred-thousandth of the price, or of one for a premium, beyond both ends.
        reach = np.int64(1_000) if self._kind == PREMIUM else np.maximum(np.abs(opens) // 100_000, 1)
        return Bars(
            open_ms=minutes * MINUTE_MS,
            open=opens,
            high=np.maximum(opens, closes) + (reach * bits(noise, 0, 10) >> 10),
            low=np.minimum(opens, closes) - (reach * bits(noise, 10, 10) >> 10),
            close=closes,
            volume=nothing,
            close_ms=minutes * MINUTE_MS + (MINUTE_MS - 1),
            quote=nothing,
            count=nothing + (_PREMIUMS_PER_MINUTE if self._kind == PREMIUM else _PER_MINUTE),
            taker=nothing,
            taker_quote=nothing,
        )

    def seconds(self, minutes: Bars) -> Bars:
        """Give the sixty second bars of each minute bar, of which a running minute is made."""
        return self._trades.seconds(minutes)

    def _path(self, marks: IntArray) -> IntArray:
        """Prices, or premiums, at ascending minutes."""
        premium = waves(marks, self._premium_lattices) // _PPB_PER_TICK
        if self._kind == PREMIUM:
            return premium
        traded = self._trades.prices(marks * MINUTE_MS) * self._scale
        index = _moved(traded, waves(marks, self._index_lattices), BILLION)
        if self._kind == INDEX:
            return index
        return _moved(index, premium, BILLION // _PPB_PER_TICK)


def _moved(prices: IntArray, by: IntArray, of: int) -> IntArray:
    """Prices moved by a fraction; split, so that no product leaves 64 bits."""
    whole, rest = prices // of, prices % of
    moved: IntArray = prices + whole * by + rest * by // of
    return np.maximum(moved, 1)
