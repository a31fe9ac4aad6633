"""Cases of a client's life: cancelled, closed, many at once, and what it leaves open."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from dsm_core.errors import RequestError
from dsm_core.model.time_range import RangeSet
from dsm_core.plugins.archive import ArchiveClient
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.paged import PagedClient
from dsm_core.testing.case import case
from dsm_core.testing.conditions import NEEDS_HTTP, NOT_PLAIN
from dsm_core.testing.messages import Fault
from dsm_core.testing.scene import Scene
from dsm_core.testing.stage import Stage

__all__ = ["LifeCases"]

_PATIENCE_S: Final = 5.0
_TICK_S: Final = 0.005


async def _until(holds: Callable[[], bool]) -> bool:
    """Whether something becomes true in time, the loop left free."""
    end = time.monotonic() + _PATIENCE_S
    while not holds() and time.monotonic() < end:
        await asyncio.sleep(_TICK_S)
    return holds()


async def _answers(client: DataClientInterface, scene: Scene) -> list[object]:
    tasks = client.plan(RangeSet.of(scene.span), scene.now)
    return [answer for task in tasks async for answer in client.answers(task)]


def _open_files() -> int:
    """How many file descriptors the process has; 0 where the platform does not tell."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        if sys.platform != "win32" and Path(folder).is_dir():
            return len(os.listdir(folder))
    return 0


class LifeCases:
    """C90 to C95."""

    stage: Stage

    @case(NEEDS_HTTP, NOT_PLAIN)
    def test_c90_a_cancelled_fetch_ends_and_leaves_nothing(self) -> None:
        """A fetch that is cancelled ends at once, and leaves no task and no connection."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        stage.server.inject(Fault.stall(), times=None)

        async def run() -> None:
            async with stage.manager(use_cache=False) as manager:
                await self._cancelled(stage.query(manager, scene))
                stage.server.arrived.clear()
                await self._cancelled(_answers(stage.made(manager, scene), scene))
                stage.server.go_on()
                left = asyncio.all_tasks() - {asyncio.current_task()}
                assert not left, f"a cancelled fetch leaves {left}"
            assert await _until(lambda: stage.server.connections == 0), "a connection stays open"

        stage.run(run())

    async def _cancelled(self, work: Coroutine[Any, Any, object]) -> None:
        """Cancel work once its request has reached the server, and see that it ends."""
        fetch = asyncio.create_task(work)
        assert await _until(self.stage.server.arrived.is_set), "no request was sent"
        fetch.cancel()
        await asyncio.wait([fetch], timeout=_PATIENCE_S / 2)
        assert fetch.done(), "a cancelled fetch goes on"
        assert fetch.cancelled(), f"the cancellation was swallowed: {fetch.exception() or fetch.result()!r}"

    @case()
    def test_c91_closing_twice_is_harmless_and_use_afterwards_refused(self) -> None:
        """Closing twice is harmless; after it a question is refused, and a client sends nothing."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())

        async def run() -> None:
            manager = stage.manager(use_cache=False)
            client = stage.made(manager, scene)
            stage.check(await stage.query(manager, scene), scene)
            await manager.close()
            await manager.close()
            with pytest.raises(RequestError):
                await stage.query(manager, scene)
            if not isinstance(client, PagedClient | ArchiveClient):
                return
            sent = len(stage.data_requests)
            for task in client.plan(RangeSet.of(scene.span), scene.now):
                with suppress(Exception):
                    [_ async for _ in client.answers(task)]
            assert len(stage.data_requests) == sent, "a client sends requests after its manager was closed"

        stage.run(run())

    @case()
    def test_c92_fetches_at_once_do_not_disturb_each_other(self) -> None:
        """Eight fetches at the same time, of several ranges, each bring their own rows."""
        stage = self.stage
        scene = stage.set(stage.scenery.usual(rows=24))
        scenes = [_part(scene, i) for i in range(8)]

        async def run() -> None:
            async with stage.manager(use_cache=False) as manager:
                found = await asyncio.gather(*(stage.query(manager, part) for part in scenes))
            for part, data in zip(scenes, found, strict=True):
                stage.check(data, part)

        stage.run(run())

    @case(NEEDS_HTTP)
    def test_c93_the_event_loop_stays_free(self) -> None:
        """While the venue takes its time, other tasks go on."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        stage.server.inject(Fault.stall())

        async def run() -> None:
            async with stage.manager(use_cache=False) as manager:
                fetch = asyncio.create_task(stage.query(manager, scene))
                assert await _until(stage.server.arrived.is_set), "no request was sent"
                # Only a task of the same loop ends the silence: a blocked loop waits until it times out.
                stage.server.go_on()
                await asyncio.wait([fetch])
                assert not stage.server.timed_out, "the client blocks the event loop"
                await fetch

        stage.run(run())

    @case()
    def test_c94_nothing_stays_open(self) -> None:
        """After a manager is closed no connection, file, task or temporary file of its fetches is left."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())

        async def fetch() -> None:
            async with stage.manager(use_cache=False) as manager:
                await stage.query(manager, scene)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"a fetch leaves {left}"
            assert await _until(lambda: stage.server.connections == 0), "a connection stays open"

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            stage.run(fetch())
            before = _open_files()
            for _ in range(3):
                stage.run(fetch())
            # Young garbage is cheap to collect; all of it only where something seems to be left.
            gc.collect(1)
            if _open_files() >= before + 3:
                gc.collect()
            after = _open_files()
        leaks = [str(w.message) for w in caught if issubclass(w.category, ResourceWarning)]
        assert not leaks, f"left open: {leaks[0]}"
        assert after < before + 3, f"{after - before} files stay open after three fetches"


def _part(scene: Scene, i: int) -> Scene:
    if scene.grid is None:
        step = (scene.end - scene.start) // 16
        return evolve(scene, start=scene.start + i * step, end=scene.end - i * step)
    return evolve(scene, start=scene.grid.back(scene.start, -i), end=scene.grid.back(scene.end, i))
