"""A host that keeps failing is left alone, and one request decides whether it is back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attrs import define, field

from dsm_core.errors import ServerError
from dsm_core.events import EventBus
from dsm_core.net import Http, HttpSession, HttpSettings
from dsm_core.net.breaker import OPEN_S
from dsm_core.testing import LoopbackServer, Request, Response
from torture.scale import count
from torture.tally import tally

CALLS = count(40, 400)
HANG_S = 60.0
PATIENT = "patient"


@define
class World:
    """A host on loopback, whose answers can be held back, and a clock that is set."""

    folder: Path
    now: float = 1000.0
    status: int = 503
    asked: int = 0
    held: threading.Event = field(factory=threading.Event)
    arrived: threading.Event = field(factory=threading.Event)
    asleep: asyncio.Event = field(factory=asyncio.Event)
    permits: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(0))

    def answer(self, _: Request) -> Response:
        self.asked += 1
        self.arrived.set()
        self.held.wait(HANG_S)
        return Response(self.status, json=[1])

    def hold(self) -> None:
        """Let nobody be answered from now on."""
        self.held.clear()
        self.arrived.clear()

    async def sleep(self, _: float) -> None:
        """Between tries: the patient task waits until it may go on, the others do not."""
        task = asyncio.current_task()
        if task is not None and task.get_name() == PATIENT:
            self.asleep.set()
            await self.permits.acquire()

    def session(self, http: Http, server: LoopbackServer) -> HttpSession:
        return http.session(provider="test", endpoints={"api": [server.address("api")]})


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.held.set()
    return made


@pytest.fixture
async def http(world: World) -> AsyncIterator[Http]:
    settings = HttpSettings(state_dir=world.folder / "limits", retry_count=2, max_connections=CALLS)
    made = Http(settings, EventBus(), monotonic=lambda: world.now, sleep=world.sleep)
    yield made
    await made.close()


async def knock(session: HttpSession) -> str:
    """What becomes of one request."""
    try:
        await session.get_json("{api}/k")
    except ServerError as error:
        return "left alone" if "left alone" in error.message else "failed"
    return "answered"


async def open_breaker(session: HttpSession) -> None:
    while await knock(session) != "left alone":
        pass


@pytest.mark.parametrize("status", [200, 503])
async def test_of_many_calls_at_once_a_host_that_may_be_back_gets_one(
    status: int, world: World, http: Http
) -> None:
    with LoopbackServer(world.answer, endpoints=("api",)) as server:
        session = world.session(http, server)
        await open_breaker(session)
        world.now += OPEN_S
        world.status = status
        world.hold()
        before = world.asked
        calls = [asyncio.create_task(knock(session)) for _ in range(CALLS)]
        await asyncio.to_thread(world.arrived.wait, HANG_S)
        others, probing = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        while len(probing) > 1:
            done, probing = await asyncio.wait(probing, return_when=asyncio.FIRST_COMPLETED)
            others |= done
        assert {task.result() for task in others} == {"left alone"}
        assert world.asked == before + 1
        world.held.set()
        assert await probing.pop() == ("answered" if status == 200 else "failed")
        after = [await knock(session) for _ in range(3)]
        assert after == (["answered"] * 3 if status == 200 else ["left alone"] * 3)
        # A probe that fails has its own two retries.
        assert world.asked == before + (4 if status == 200 else 3)
    tally("breaker probes", injected=CALLS, survived=CALLS)


async def test_a_retry_of_a_call_admitted_before_waits_for_the_probe(world: World, http: Http) -> None:
    with LoopbackServer(world.answer, endpoints=("api",)) as server:
        session = world.session(http, server)
        patient = asyncio.create_task(session.get_json("{api}/k"), name=PATIENT)
        await world.asleep.wait()
        while await knock(session) != "left alone":
            pass
        world.now += OPEN_S
        world.status = 200
        world.hold()
        probe = asyncio.create_task(knock(session))
        await asyncio.to_thread(world.arrived.wait, HANG_S)
        sent = world.asked
        world.asleep.clear()
        world.permits.release()
        async with asyncio.timeout(HANG_S):
            # It woke, sent nothing beside the probe, and sleeps again.
            await world.asleep.wait()
        world.held.set()
        assert await probe == "answered"
        world.permits.release()
        assert (await patient).body == [1]
        assert world.asked == sent + 1
    tally("breaker probes", injected=1, survived=1)
