"""Contracts of a future, each ending on a third Friday, and the gaps where the continuous one rolls."""

from __future__ import annotations

import re
from bisect import insort
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from threading import Lock
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from dsm_core.emulation import to_ms
from dsm_core.emulation.noise import IntArray, key_of
from dsm_tradestation.emulator.holidays import FIRST_YEAR, LAST_YEAR
from dsm_tradestation.emulator.listings import Listing

__all__ = ["Contract", "Rolls"]

_CHICAGO: Final = ZoneInfo("America/Chicago")
_CODES: Final = "FGHJKMNQUVXZ"
_NAME: Final = re.compile(r"(?P<root>[A-Z0-9]+)(?P<code>[FGHJKMNQUVXZ])(?P<year>\d\d)")
_ROLL_BEFORE: Final = timedelta(days=8)
_LIFE: Final = timedelta(days=460)


@dataclass(frozen=True)
class Contract:
    """One contract: when it is listed, gives way to the next one, and ends; and its prices' offset."""

    code: str
    expiry: date
    start_ms: int
    rolled_ms: int
    end_ms: int
    offset: int

    @property
    def month(self) -> str:
        """The delivery month, as descriptions give it (``Mar24``)."""
        return f"{date(2000, _CODES.index(self.code[0]) + 1, 1):%b}{self.code[1:]}"


class Rolls:
    """The contracts of a root, and every roll of its continuous contract.

    Parameters
    ----------
    listing
        The root.
    seed
        Another seed, other gaps.
    """

    def __init__(self, listing: Listing, seed: int) -> None:
        self.listing, self._lock = listing, Lock()
        self.contracts: list[Contract] = []
        offset = 0
        for expiry in _expiries(listing.months):
            code = f"{_CODES[expiry.month - 1]}{expiry.year % 100:02d}"
            offset += 10 + key_of(f"{seed}|{listing.root}|{code}") % 50 if self.contracts else 0
            start, rolled = (_opening(expiry - before) for before in (_LIFE, _ROLL_BEFORE))
            self.contracts.append(Contract(code, expiry, start, rolled, _chicago(expiry, time(16)), offset))
        scheduled = zip(self.contracts[1:], self.contracts, strict=False) if listing.rolls else ()
        # What rolls is the contract before: it goes out as the next one comes in.
        self._rolls = [(old.rolled_ms, new.offset - old.offset) for new, old in scheduled]

    def add(self, at_ms: int, ticks: int) -> None:
        """Have the continuous contract roll once more."""
        with self._lock:
            insort(self._rolls, (at_ms, ticks))

    def total(self, until_ms: int) -> int:
        """Give the sum of all gaps up to an instant, in increments."""
        with self._lock:
            return sum(ticks for at_ms, ticks in self._rolls if at_ms <= until_ms)

    def totals(self, moments_ms: IntArray) -> IntArray:
        """Give that for many instants."""
        with self._lock:
            at = np.array([at_ms for at_ms, _ in self._rolls], dtype=np.int64)
            sums = np.cumsum([0, *(ticks for _, ticks in self._rolls)])
        found: IntArray = sums[np.searchsorted(at, moments_ms, side="right")]
        return found

    def front(self, now_ms: int) -> Contract:
        """Give the contract that the continuous one stands for, by the schedule."""
        live = (contract for contract in self.contracts if contract.rolled_ms > now_ms)
        return next(live, self.contracts[-1])

    def find(self, name: str) -> Contract | None:
        """Give the contract of a symbol like ``ESH24``."""
        match = _NAME.fullmatch(name)
        if match is None or match["root"] != self.listing.root:
            return None
        code = match["code"] + match["year"]
        return next((contract for contract in self.contracts if contract.code == code), None)


def _expiries(months: str) -> list[date]:
    """Third Fridays of the delivery months."""
    found = []
    for year in range(FIRST_YEAR, LAST_YEAR + 2):
        for month in sorted(_CODES.index(code) + 1 for code in months):
            first = date(year, month, 1)
            found.append(first + timedelta(days=(4 - first.weekday()) % 7 + 14))
    return found


def _opening(day: date) -> int:
    """Give when the session of a trading date opens."""
    return _chicago(day - timedelta(days=1), time(17))


def _chicago(day: date, moment: time) -> int:
    return to_ms(datetime.combine(day, moment, _CHICAGO).astimezone(UTC))
