"""A day of polling: memory, descriptors, threads and tasks stay where they were after the first rounds."""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from attrs import define, field, frozen

from binance.venues import MINUTE, Desk, utc
from dsm_binance.emulator import Emulator
from dsm_core import AsyncDataSourceManager, DataSourceManager
from torture.scale import count
from torture.tally import tally

START = utc(2024, 6, 14, 12, 0, 30)
# A day of minutes in the full form; the first rounds fill what is kept by design.
POLLS = count(70, 24 * 60)
WARM = count(25, 240)
SYMBOLS = ["BTCUSDT", "ETHUSDT"]
# Memory is read that often; a leak grows from one time to the next, what is made once does so once.
EVERY = count(9, 60)
# What a poll may leave: names and times that are kept by design. One answer is many times that.
MOST_BYTES = count(8_000, 1_250)
# Threads of pools are made when they are first needed: a short warm-up may leave some unmade. A leak of one
# a poll would be ten times as many.
UNFILLED = count(4, 0)


@frozen
class Use:
    """What a process holds at one moment."""

    allocated: int
    descriptors: int
    threads: int
    tasks: int

    @classmethod
    def now(cls) -> Use:
        gc.collect()
        is_linux = sys.platform == "linux"
        try:
            tasks = len(asyncio.all_tasks())
        except RuntimeError:
            tasks = 0
        return cls(
            tracemalloc.get_traced_memory()[0],
            len(os.listdir("/proc/self/fd")) if is_linux else 0,
            threading.active_count(),
            tasks,
        )


@pytest.fixture
def venue() -> Iterator[Emulator]:
    with Emulator(now=START, spot_weight=10**9) as made:
        yield made


@pytest.fixture(autouse=True)
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@define
class Watch:
    """What is held in the course of many rounds."""

    warm: int
    every: int
    most: int = MOST_BYTES
    """Bytes that a round may leave."""
    seen: list[Use] = field(factory=list)
    _kept: list[tracemalloc.Snapshot] = field(factory=list)

    def after(self, number: int) -> None:
        """Look, when it is time to, after round ``number``, the first of which is 1."""
        if number >= self.warm and (number - self.warm) % self.every == 0:
            self.seen.append(Use.now())
            if len(self.seen) == 1:
                self._kept.append(tracemalloc.take_snapshot())

    def check_flat(self) -> None:
        """Between two looks nothing grows, but now and then by something that is made once."""
        first, last = self.seen[0], self.seen[-1]
        grown = [after.allocated - before.allocated for before, after in pairwise(self.seen)]
        if statistics.median(grown) > self.most * self.every:
            changes = tracemalloc.take_snapshot().compare_to(self._kept[0], "lineno")[:20]
            pytest.fail(f"grew by {grown}:\n" + "\n".join(map(str, changes)))
        assert last.descriptors <= first.descriptors + 2
        assert last.threads <= first.threads + UNFILLED
        assert last.tasks <= first.tasks
        rounds = len(grown) * self.every
        tally("polls with flat resources", injected=rounds, survived=rounds)


def last_closed(venue: Emulator) -> datetime:
    return venue.clock.now().replace(second=0) - MINUTE


def one(manager: DataSourceManager, closed: datetime) -> None:
    frame = manager.get_data("BTCUSDT", last=120, interval="1m")
    assert (len(frame), frame.index[-1]) == (120, closed)


def many(manager: DataSourceManager, closed: datetime) -> None:
    found = manager.get_many(SYMBOLS, last=60, interval="1m", shape="dict")
    assert [len(data) for data in dict(found.items()).values()] == [60, 60]


def updated(manager: DataSourceManager, closed: datetime) -> None:
    assert not [told for told in manager.update() if told.error]


VERBS: dict[str, Callable[[DataSourceManager, datetime], None]] = {
    "get_data": one,
    "get_many": many,
    "update": updated,
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_day_of_polling_leaves_nothing_behind(verb: str, venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue, provider="binance")
    many(manager, last_closed(venue))
    watch = Watch(WARM, EVERY)
    for number in range(POLLS):
        venue.clock.advance(MINUTE)
        VERBS[verb](manager, last_closed(venue))
        venue.clear_requests()
        watch.after(number + 1)
    watch.check_flat()


def test_a_day_of_asynchronous_polling_leaves_nothing_behind(venue: Emulator, desk: Desk) -> None:
    async def poll(manager: AsyncDataSourceManager) -> None:
        closed = last_closed(venue)
        frames: list[Any] = await asyncio.gather(
            *(manager.get_data(symbol, last=120, interval="1m") for symbol in SYMBOLS)
        )
        assert [frame.index[-1] for frame in frames] == [closed, closed]

    async def day() -> None:
        watch = Watch(WARM, EVERY)
        async with desk.async_manager(venue, provider="binance") as manager:
            for number in range(POLLS):
                venue.clock.advance(MINUTE)
                await poll(manager)
                venue.clear_requests()
                watch.after(number + 1)
            watch.check_flat()

    asyncio.run(day())


def test_managers_that_come_and_go_leave_nothing_behind(venue: Emulator, desk: Desk) -> None:
    watch = Watch(count(4, 40), count(2, 10), 8_000)
    for number in range(count(12, 200)):
        with DataSourceManager(**_given(desk, venue)) as manager:
            one(manager, last_closed(venue))
        venue.clock.advance(MINUTE)
        venue.clear_requests()
        watch.after(number + 1)
    watch.check_flat()


def _given(desk: Desk, venue: Emulator) -> dict[str, Any]:
    return {
        "market_type": "spot",
        "provider": "binance",
        "cache_dir": desk.tmp_path / "cache",
        "config": desk.settings(venue),
        "clock": venue.clock.now,
    }
