"""How many tasks of a source run at once: as many as pay, fewer after errors or when memory is short.

The lane bounds tasks; what a single request may do (hosts, limits, retries) is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from attrs import define

from dsm_core.errors import TransientSourceError
from dsm_core.net.deadline import current_deadline
from dsm_core.net.memory import Memory, read_memory

__all__ = ["AdaptiveLane", "Slot"]

_log = logging.getLogger(__name__)

START: Final = 4
LEAST_GAIN: Final = 0.05
"""A throughput that is higher by less than this part is noise."""
LEAST_SHARE: Final = 0.25
"""A step pays when it brings this part of what it would if the source had no bound: the fewer tasks run,
the larger the step beside them, and the noise of so few."""
STEPS: Final = 5
"""Steps from nothing to the most: each is then a larger part of the limit than noise is."""
PATIENCE: Final = 10
"""Rounds without growth until the last step is tried anew: the network or the files may have changed."""
ROUNDS_ANEW: Final = 5
"""Rounds that such a comparison begins with: there is no hurry, and it comes again and again."""
FEWEST_MEASURED: Final = 4
"""Tasks in a round at least: one or two tell of a file, not of the source."""
MEMORY_LIMIT: Final = 2
MEMORY_EVERY_S: Final = 1.0
"""The least time between two looks: reading it for every small request would cost more than it tells."""


class Slot:
    """One task's place in a lane.

    Parameters
    ----------
    number
        How many tasks entered before.
    begun_at
        When the task entered, on the lane's clock.
    """

    __slots__ = ("begun_at", "number", "units")

    def __init__(self, number: int, begun_at: float) -> None:
        self.number = number
        self.begun_at = begun_at
        self.units: float | None = None

    def done(self, units: float) -> None:
        """Report work done, in bytes or rows, the same for all tasks of a lane; reports add up.

        A task that reports nothing counts as one unit when it succeeds. Zero units tell that nothing
        was attempted, or found, so that the task says nothing about throughput.
        """
        self.units = (self.units or 0.0) + units


@define
class _Window:
    """What tasks brought under one limit, and how long they took, while every slot was taken.

    Their mean duration gives the throughput (Little's law). Counting what ends between two moments
    would not: tasks that end in step make it jump by a whole round.
    """

    counts_from: int
    tasks: int = 0
    units: float = 0.0
    seconds: float = 0.0

    def add(self, units: float, seconds: float) -> None:
        self.tasks += 1
        self.units += units
        self.seconds += seconds


class AdaptiveLane:
    """A bound on tasks in flight that finds its own height; belongs to one event loop.

    It grows by a fifth of ``most`` while that makes throughput grow: by a quarter of the step's share,
    and by more than 5 %. It halves when a task ends with a `TransientSourceError`, then grows again,
    and falls to 2 while memory is short. Only a full lane is measured: tasks that find room to spare
    tell nothing about the bound. Tasks enter in the order in which they came.

    Parameters
    ----------
    most
        The bound is never above it; at least 1.
    start
        The bound to begin with, by default 4; ``most`` where that is lower.
    free_memory
        Gives the machine's memory, or None when it is not known.
    monotonic
        The clock.

    Examples
    --------
    >>> async def fetch(lane: AdaptiveLane) -> int:
    ...     async with lane.slot() as slot:
    ...         rows = 1000
    ...         slot.done(rows)
    ...     return lane.limit
    >>> asyncio.run(fetch(AdaptiveLane(most=13)))
    4
    """

    def __init__(
        self,
        most: int,
        *,
        start: int | None = None,
        free_memory: Callable[[], Memory | None] = read_memory,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if most < 1 or (start is not None and start < 1):
            raise ValueError(f"A lane of most={most}, start={start} would let no task through.")
        self._most = most
        self._step = -(-most // STEPS)
        self._limit = self._before_step = min(START if start is None else start, most)
        self._free_memory = free_memory
        self._monotonic = monotonic
        self._in_use = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._entered = 0
        self._window = _Window(counts_from=self._limit)
        self._rate: float | None = None
        self._rounds_held = 0
        self._errors_count_from = 0
        self._counted: weakref.ref[TransientSourceError] | None = None
        self._memory_is_short = False
        self._memory_due_at = monotonic()

    def __repr__(self) -> str:
        return f"AdaptiveLane(in_use={self._in_use}, limit={self._limit}, most={self._most})"

    @property
    def limit(self) -> int:
        """Tasks admitted at once now; right after it fell, more may still be on their way out."""
        return self._limit

    @property
    def most(self) -> int:
        """What ``limit`` never exceeds."""
        return self._most

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """A place for one task, waited for in order; how the task ends moves the bound."""
        await self._enter()
        slot = Slot(self._entered, self._monotonic())
        self._entered += 1
        try:
            yield slot
            if slot.units is None:
                slot.done(1)
        except TransientSourceError as error:
            self._note_error(slot, error)
            raise
        finally:
            self._note_work(slot)
            self._leave()

    # entering and leaving

    async def _enter(self) -> None:
        self._heed_memory()
        if self._in_use < self._limit:  # then nobody waits, for who leaves hands the slot over
            self._in_use += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the slot was handed over just before
                self._leave()
            raise

    def _leave(self) -> None:
        self._in_use -= 1
        self._heed_memory()
        while self._waiting and self._in_use < self._limit:
            turn = self._waiting.popleft()
            if not turn.done():  # else its task was cancelled
                # taken here, not when the task wakes: nobody can come between
                self._in_use += 1
                turn.set_result(None)
        if self._in_use < self._limit:
            self._skip_round()  # nobody waits for a slot: how long tasks take says nothing of the limit

    # learning

    def _skip_round(self) -> None:
        """Leave out tasks that pay for connections, or that began among fewer tasks than now run."""
        self._window.counts_from = self._entered + self._limit

    def _note_work(self, slot: Slot) -> None:
        window = self._window
        if slot.number < window.counts_from or not slot.units:
            return
        window.add(slot.units, self._monotonic() - slot.begun_at)
        round_size = max(self._limit, FEWEST_MEASURED)
        # rounds are judged together: each alone would pass the mark by chance sooner or later
        if window.tasks >= round_size * (self._rounds_held + 1) and window.seconds > 0:
            self._note_rate(window.units / window.seconds * self._limit)

    def _note_rate(self, rate: float) -> None:
        share = self._limit / self._before_step - 1
        gain = max(LEAST_GAIN, LEAST_SHARE * share)
        if self._memory_is_short:
            self._move(self._limit, "memory is short")
        elif self._rate is None or rate > self._rate * (1 + gain):
            self._rate, self._before_step = rate, self._limit
            self._move(min(self._limit + self._step, self._most), "throughput grew")
        elif self._rounds_held + 1 < PATIENCE:
            self._rounds_held += 1
        else:
            # back and up again with a fresh comparison: what does not pay is not added to
            self._restart(self._before_step, "throughput held")
            self._rounds_held = ROUNDS_ANEW - 1

    def _note_error(self, slot: Slot, error: TransientSourceError) -> None:
        if slot.number < self._errors_count_from:
            return  # tasks in flight together that fail are one piece of evidence
        if self._counted is not None and self._counted() is error:
            return  # a task that gives up for another's error raises that one again
        if current_deadline().remaining_s() <= 0:
            return  # the call was short of time; that is not the source's failure
        self._counted = weakref.ref(error)
        self._errors_count_from = self._entered
        self._restart(max(1, self._limit // 2), type(error).__name__)

    def _heed_memory(self) -> None:
        now = self._monotonic()
        if now < self._memory_due_at:
            return
        self._memory_due_at = now + MEMORY_EVERY_S
        memory = self._free_memory()
        self._memory_is_short = memory is not None and memory.is_short
        if self._memory_is_short and self._limit > MEMORY_LIMIT:
            self._restart(MEMORY_LIMIT, "memory is short")

    def _restart(self, limit: int, why: str) -> None:
        """Go to ``limit`` and forget what was measured: the next round steps up from there."""
        self._rate, self._before_step = None, limit
        self._move(limit, why)

    def _move(self, limit: int, why: str) -> None:
        if limit != self._limit:
            _log.debug("lane_moved limit=%d before=%d most=%d why=%r", limit, self._limit, self._most, why)
        self._limit, self._rounds_held = limit, 0
        self._window = _Window(counts_from=self._entered + limit)
