"""A rolling window kept in a fixed number of slots: exact enough, and its size never grows.

The library's log algorithms keep a row per unit, which thousands of units a minute make dear; its
constant-state one (GCRA) lets a full burst be followed by the steady rate, twice the capacity in one
window, which a venue that counts by the minute answers with 429.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyrate_limiter import Decision, Rate, StateAlgorithm
from pyrate_limiter.abstracts import State

__all__ = ["SLOTS", "SlotWindow"]

SLOTS: Final = 20
_PART: Final = SLOTS + 2
"""Numbers kept per rate: the newest slot's index, then the units of it and of the SLOTS before it."""


class SlotWindow(StateAlgorithm):
    """Admits ``weight`` while the units of any whole window stay within each rate's limit.

    A unit is counted until every instant of its slot has left the window: up to a twentieth of a
    window longer than needed, never shorter.
    """

    def initial(self, rates: list[Rate]) -> State:
        """Give the state of a pool that was never used."""
        return (0,) * (_PART * len(rates))

    def step(self, rates: list[Rate], state: State, now: int, weight: int) -> tuple[State, Decision]:
        """Spend ``weight`` at ``now`` (ms) under every rate, or under none.

        On denial the state is only brought up to date, so nothing is spent.
        """
        parts = self._parts(rates, state, now)
        current = tuple(number for part in parts for number in part)
        for rate, part in zip(rates, parts, strict=True):
            if weight > rate.limit:
                return current, Decision(failing_rate=rate)
            if (excess := sum(part[1:]) + weight - rate.limit) > 0:
                return current, Decision(rate, _wait_ms(rate, part, now, excess))
        spent = tuple(n for part in parts for n in (part[0], part[1] + weight, *part[2:]))
        return spent, Decision()

    def consumed(self, rates: list[Rate], state: State, now: int) -> int:
        """Units in the fullest window."""
        return max(self.used(rates, state, now), default=0)

    def used(self, rates: list[Rate], state: State, now: int) -> list[int]:
        """Units in each rate's window."""
        return [int(sum(part[1:])) for part in self._parts(rates, state, now)]

    def raise_to(self, rates: list[Rate], state: State, now: int, counts: Sequence[int]) -> State:
        """Give the state in which each window counts at least ``counts``."""
        raised: list[float] = []
        for part, count in zip(self._parts(rates, state, now), counts, strict=True):
            missing = max(0, count - sum(part[1:]))
            raised += (part[0], part[1] + missing, *part[2:])
        return tuple(raised)

    def _parts(self, rates: list[Rate], state: State, now: int) -> list[State]:
        return [
            _advance(state[at * _PART : (at + 1) * _PART], now // _slot_ms(rate))
            for at, rate in enumerate(rates)
        ]


def _slot_ms(rate: Rate) -> int:
    return -(-rate.interval // SLOTS)


def _advance(part: State, slot: int) -> State:
    passed = slot - int(part[0])
    if passed < 0:
        # The clock was set back. What was used counts as used now: too careful for one window, and
        # nobody waits for the clock to come round again.
        return (slot, sum(part[1:]), *(0,) * SLOTS)
    return (slot, *(0,) * min(passed, SLOTS + 1), *part[1 : max(1, SLOTS + 2 - passed)])


def _wait_ms(rate: Rate, part: State, now: int, excess: float) -> int:
    """Milliseconds until at least ``excess`` units have left the window."""
    slot_ms = _slot_ms(rate)
    for age in range(SLOTS, -1, -1):
        excess -= part[1 + age]
        if excess <= 0:
            leaves_at = (int(part[0]) - age + SLOTS + 1) * slot_ms
            return max(1, min(leaves_at - now, rate.interval))
    return rate.interval
