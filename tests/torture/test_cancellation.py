"""A call of the asynchronous face that is cancelled at any moment leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from binance.venues import Desk
from dsm_binance.emulator import Emulator, Listing
from dsm_core import AsyncDataSourceManager
from torture.backfill_child import NOW
from torture.scale import count
from torture.tally import tally

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors as Linux lists them")

CANCELS: Final = count(25, 600)
MOST_EVENTS: Final = 40
RANGE: Final = ("2024-03", "2024-06-14")
ROWS: Final = (31 + 30 + 31 + 14) * 24


def open_files() -> set[str]:
    """What this process has open: files by their path, sockets and pipes by kind."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except FileNotFoundError:
            continue
    return found


def tasks() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


async def fetch(manager: AsyncDataSourceManager) -> int:
    return len(await manager.get_data("BTCUSDT", *RANGE, "1h"))


async def prefetch(manager: AsyncDataSourceManager) -> int:
    return (await manager.prefetch("BTCUSDT", *RANGE, "1h")).rows


async def iterate(manager: AsyncDataSourceManager) -> int:
    pieces: AsyncIterator[Any] = manager.iter_data("BTCUSDT", *RANGE, "1h", chunk="1M")
    return sum([len(piece) async for piece in pieces])


async def cancelled_after(events: int, manager: AsyncDataSourceManager, verb: Callable[..., Any]) -> bool:
    """Run a verb and cancel it at one of its events; whether it ended by that."""
    loop, left, told = asyncio.get_running_loop(), events, asyncio.Event()

    def observe(_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            loop.call_soon_threadsafe(told.set)

    stop = manager.subscribe(observe)
    work, alarm = asyncio.ensure_future(verb(manager)), asyncio.ensure_future(told.wait())
    await asyncio.wait({work, alarm}, return_when=asyncio.FIRST_COMPLETED)
    alarm.cancel()
    work.cancel()
    await asyncio.wait({work, alarm})
    stop()
    return work.cancelled()


@pytest.mark.parametrize("verb", [fetch, prefetch, iterate])
async def test_a_call_that_is_cancelled_leaves_no_task_file_connection_or_lock(
    verb: Callable[..., Any], tmp_path: Path
) -> None:
    dice, cancels = random.Random(11), 0
    with Emulator(listings=[Listing("BTCUSDT")], now=NOW) as venue:
        before = open_files()
        for number in range(CANCELS // 3):
            desk = Desk(tmp_path / str(number))
            async with desk.async_manager(venue, provider="binance") as manager:
                cancels += await cancelled_after(dice.randrange(1, MOST_EVENTS), manager, verb)
                assert tasks() == set()
                # No lock is held, and no limit used up: the same manager does it all.
                assert len(await manager.get_data("BTCUSDT", *RANGE, "1h")) == ROWS
                venues = manager._session._venues.values()
                assert not [p for v in venues if v._workdir for p in v._workdir.iterdir()]
            assert tasks() == set()
            assert not [p for p in desk.tmp_path.rglob("*") if p.name.endswith((".tmp", ".part"))]
        venue_free = {name for name in open_files() - before if "socket" not in name}
        assert not venue_free, venue_free
        assert len(open_files() - before) <= 0 or await _closes(before), open_files() - before
    assert cancels >= CANCELS // 6
    tally(f"cancellation of {verb.__name__}", injected=cancels, survived=cancels)


async def _closes(before: set[str]) -> bool:
    """Whether the emulator, which shares this process, lets go of the other ends of its connections."""
    for _ in range(100_000):
        await asyncio.sleep(0)
        if not open_files() - before:
            return True
    return False
