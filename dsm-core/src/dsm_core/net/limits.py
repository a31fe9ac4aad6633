"""Waits for a venue's limits, in step with its headers and with the machine's other processes."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf, isfinite
from pathlib import Path
from typing import Any, Protocol, TypeVar

from attrs import frozen
from pyrate_limiter import Rate

from dsm_core.errors import ConfigError, RateLimitError, SourceTimeoutError
from dsm_core.events import EventBus, RateLimitWait
from dsm_core.net.deadline import Deadline
from dsm_core.net.limit_store import FileStateStore, Verdict
from dsm_core.net.settings import Limit
from dsm_core.net.window import SlotWindow

__all__ = ["Clocks", "Pool", "PoolContext", "PoolKey", "Runner", "state_path"]

T = TypeVar("T")


class Runner(Protocol):
    """Runs a short blocking function in a worker thread."""

    def __call__(self, function: Callable[..., T], /, *args: object) -> Awaitable[T]:
        """Give what ``function(*args)`` gives."""


@frozen
class Clocks:
    """Time as the room sees it; tests bring their own."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@frozen
class PoolContext:
    """What every pool of one ``Http`` shares."""

    bus: EventBus
    clocks: Clocks
    run: Runner
    max_wait_s: float


@frozen
class PoolKey:
    """What a pool is counted under."""

    provider: str
    pool: str
    scope: str = ""


def state_path(folder: Path, key: PoolKey) -> Path:
    """Give the file of a pool; its scope (an account, an address) shows only as a hash."""
    text = "\0".join((key.provider, key.pool, key.scope))
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    shown = re.sub(r"[^a-z0-9]+", "-", f"{key.provider}-{key.pool}".lower())[:60]
    return folder / f"{shown}-{digest}.json"


class Pool:
    """One pool of units and everything that waits for it in this process."""

    def __init__(self, key: PoolKey, store: FileStateStore, context: PoolContext) -> None:
        self._key = key
        self._store = store
        self._bus = context.bus
        self._clocks = context.clocks
        self._run = context.run
        self._max_wait_s = context.max_wait_s
        self._algorithm = SlotWindow()
        self._limits: tuple[Limit, ...] = ()
        self._rates: list[Rate] = []
        self._known: tuple[int, ...] = ()
        self._turn = asyncio.Lock()
        self._turn_at = -inf

    def use_limits(self, limits: Sequence[Limit]) -> None:
        """Count by ``limits`` from now on; none given, nothing changes."""
        if limits:
            self._limits = tuple(sorted(limits, key=lambda limit: limit.window_s))
            self._rates = [Rate(limit.capacity, round(limit.window_s * 1000)) for limit in self._limits]
            self._known = ()

    async def take(self, cost: int, deadline: Deadline, **about: Any) -> None:
        """Spend ``cost`` units, waiting for them in order of arrival.

        Raises
        ------
        RateLimitError
            The wait would exceed the settings' ``max_wait_s`` or the deadline; ``retry_after_s`` tells it.
        """
        self._check_wait(self._turn_at - self._clocks.monotonic(), deadline, about)
        remaining_s = deadline.remaining_s()
        queued = self._turn.locked()
        try:
            async with asyncio.timeout(remaining_s if isfinite(remaining_s) else None), self._turn:
                await self._take_in_turn(cost, deadline, about)
        except TimeoutError as error:
            if queued:
                raise self._too_long(None, about) from error
            raise SourceTimeoutError("The call's deadline has passed.", **about) from error

    async def block(self, wait_s: float, *, banned: bool = False) -> None:
        """Keep every task and process away from the pool for ``wait_s``."""
        await self._run(lambda: self._store.block(wait_s, banned=banned))

    async def sync(self, headers: Mapping[str, str]) -> None:
        """Count at least what the venue's headers say it counts."""
        said = [_units(headers.get(limit.header.lower())) if limit.header else 0 for limit in self._limits]
        known = self._known if len(self._known) == len(said) else (0,) * len(said)
        if any(count > own for count, own in zip(said, known, strict=True)):
            await self._run(self._store.raise_to, self._algorithm, self._rates, said)

    async def _take_in_turn(self, cost: int, deadline: Deadline, about: Mapping[str, Any]) -> None:
        try:
            while (verdict := await self._admit(cost)).wait_s > 0:
                self._check_wait(verdict.wait_s, deadline, about, banned=verdict.banned)
                self._turn_at = self._clocks.monotonic() + verdict.wait_s
                self._bus.emit(
                    RateLimitWait(provider=self._key.provider, pool=self._key.pool, wait_s=verdict.wait_s)
                )
                await self._clocks.sleep(verdict.wait_s)
        finally:
            self._turn_at = -inf

    async def _admit(self, cost: int) -> Verdict:
        for rate in self._rates:
            if cost > rate.limit:
                raise ConfigError(
                    f"A cost of {cost} never fits pool {self._key.pool!r} of {rate.limit} units."
                )
        verdict = await self._run(self._store.admit, self._algorithm, self._rates, cost)
        self._known = verdict.used or self._known
        return verdict

    def _check_wait(
        self, wait_s: float, deadline: Deadline, about: Mapping[str, Any], *, banned: bool = False
    ) -> None:
        if wait_s > min(self._max_wait_s, deadline.remaining_s()):
            raise self._too_long(wait_s, about, banned=banned)

    def _too_long(
        self, wait_s: float | None, about: Mapping[str, Any], *, banned: bool = False
    ) -> RateLimitError:
        state = "is banned" if banned else "is used up"
        length = f"for {wait_s:.0f} s more" if wait_s is not None else "past the deadline"
        message = f"The rate limit {self._key.pool!r} of {self._key.provider} {state} {length}."
        return RateLimitError(message, pool=self._key.pool, retry_after_s=wait_s, banned=banned, **about)


def _units(text: str | None) -> int:
    return int(text) if text is not None and re.fullmatch(r"\s*\d{1,12}\s*", text, re.ASCII) else 0
