"""Every instrument of the venue by its symbol: listed ones, and the forms that futures have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import RLock
from typing import Final, Literal

from dsm_core.emulation import Store
from dsm_core.emulation.noise import IntArray
from dsm_tradestation.emulator.bars import Bars
from dsm_tradestation.emulator.generator import Generator
from dsm_tradestation.emulator.hours import sessions_of
from dsm_tradestation.emulator.listings import Listing
from dsm_tradestation.emulator.recorded import Recordings
from dsm_tradestation.emulator.rolls import Contract, Rolls
from dsm_tradestation.emulator.series import Asked, Series

__all__ = ["Book", "Instrument"]

_CUSTOM: Final = re.compile(r"@(?P<root>[A-Z0-9]+)=(?P<rule>[0-9]+X)(?P<adjusted>[NC])")
_CACHE_BYTES: Final = 256_000_000


@dataclass(frozen=True)
class Instrument:
    """What a symbol stands for: a listing, or one of the forms that a future's listing has."""

    symbol: str
    listing: Listing
    form: Literal["plain", "adjusted", "unadjusted", "contract"] = "plain"
    contract: Contract | None = None


class Book:
    """Instruments and their generated bars.

    Parameters
    ----------
    seed
        Another seed, other prices.
    listings
        What is listed, besides what was recorded.
    recordings
        Recorded bars.
    """

    def __init__(self, seed: int, listings: Iterable[Listing], recordings: Recordings) -> None:
        self._seed, self.recordings = seed, recordings
        recorded = [Listing(symbol, generated=False) for symbol in recordings.symbols()]
        self.listings = {listing.symbol: listing for listing in (*recorded, *listings)}
        futures = [listing for listing in self.listings.values() if listing.asset == "FUTURE"]
        self._rolls = {listing.root: Rolls(listing, seed) for listing in futures}
        self._roots = {listing.root: listing for listing in futures}
        self._series: dict[tuple[str, str], Series] = {}
        self._store: Store[Bars] = Store(_CACHE_BYTES, lambda bars: bars.nbytes)
        self._lock = RLock()

    def find(self, symbol: str) -> Instrument | None:
        """Give what a symbol stands for, in whatever case, or ``None``."""
        name = symbol.upper()
        custom = _CUSTOM.fullmatch(name)
        if custom is not None and custom["root"] in self._roots:
            form: Literal["adjusted", "unadjusted"] = (
                "adjusted" if custom["adjusted"] == "C" else "unadjusted"
            )
            return Instrument(name, self._roots[custom["root"]], form)
        listing = self.listings.get(name)
        if listing is not None:
            return Instrument(name, listing, "adjusted" if listing.asset == "FUTURE" else "plain")
        for root, rolls in self._rolls.items():
            contract = rolls.find(name.removeprefix("@"))
            if contract is not None:
                return Instrument(name, self._roots[root], "contract", contract)
        return None

    def rolls(self, symbol: str) -> Rolls:
        """Give the rolls of a continuous contract.

        Raises
        ------
        ValueError
            It is none that is listed.
        """
        found = self._rolls.get(symbol.removeprefix("@"))
        if found is None:
            listed = ", ".join(f"@{root}" for root in self._rolls) or "none"
            msg = f"{symbol!r} is no continuous contract that is listed here; those are {listed}"
            raise ValueError(msg)
        return found

    def front(self, instrument: Instrument, now_ms: int) -> Contract | None:
        """Give the contract behind a future's symbol; ``None`` for anything else."""
        if instrument.form == "plain":
            return None
        return instrument.contract or self._rolls[instrument.listing.root].front(now_ms)

    def overlapping(
        self, instrument: Instrument, template: str, asked: Asked, start_ms: int, end_ms: int
    ) -> Bars:
        """Give the bars that share an instant with ``[start_ms, end_ms]``, and perhaps some around them."""
        series = self._of(instrument.listing, template if asked.unit == "Minute" else "Default")
        return _living(instrument, series.overlapping(self._shifted(instrument, asked), start_ms, end_ms))

    def latest(self, instrument: Instrument, template: str, asked: Asked, count: int, end_ms: int) -> Bars:
        """Give at least the last `count` bars that have begun by an instant, or all that there are."""
        contract = instrument.contract
        if contract is not None:
            end_ms = min(end_ms, contract.end_ms)
        series = self._of(instrument.listing, template if asked.unit == "Minute" else "Default")
        return _living(instrument, series.latest(self._shifted(instrument, asked), count, end_ms))

    def _shifted(self, instrument: Instrument, asked: Asked) -> Asked:
        """Say what is added to the root's prices: nothing, a contract's offset, or the gaps of rolls."""
        if instrument.contract is not None:
            offset = instrument.contract.offset
            return replace(asked, shift=lambda _: offset)
        if instrument.form == "plain":
            return asked
        rolls = self._rolls[instrument.listing.root]
        if instrument.form == "unadjusted":
            return replace(asked, shift=rolls.totals)
        total = rolls.total(asked.now_ms)
        return replace(asked, shift=lambda _: total)

    def _of(self, listing: Listing, template: str) -> Series:
        template = template if listing.trading_hours == "us_equities" else "Default"
        with self._lock:
            key = listing.symbol, template
            if key not in self._series:
                sessions = sessions_of(listing.trading_hours, template)
                name = f"{self._seed}|{listing.symbol}"
                generator = Generator(name, listing.base_ticks, listing.thinness)
                self._series[key] = Series(listing, template, sessions, generator, self._store)
            return self._series[key]


def _living(instrument: Instrument, bars: Bars) -> Bars:
    contract = instrument.contract
    if contract is None:
        return bars
    starts: IntArray = bars.start_ms
    return bars.take((bars.end_ms > contract.start_ms) & (starts < contract.end_ms))
