"""A list of addresses: balanced over while all is well, failed over in its order when it is not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from attrs import define, field

from dsm_core.errors import RateLimitError, ServerError
from dsm_core.events import EventBus
from dsm_core.net import Http, HttpSession, HttpSettings, JsonReply, Limit
from dsm_core.net.breaker import OPEN_S, THRESHOLD

NAMES = ("a", "b", "c")


@define
class World:
    """Three hosts of one venue, and a clock that moves when somebody sleeps."""

    state_dir: Path
    now: float = 1000.0
    asked: list[str] = field(factory=list)
    status: dict[str, int] = field(factory=dict)
    gates: dict[str, asyncio.Event] = field(factory=dict)
    opened: list[Http] = field(factory=list)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        self.asked.append(host)
        if request.url.path == "/slow":
            await self.gates.setdefault(host, asyncio.Event()).wait()
        return httpx.Response(self.status.get(host, 200), json=[1])

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def session(self, *limits: Limit, retry_count: int = 2) -> HttpSession:
        settings = HttpSettings(state_dir=self.state_dir, retry_count=retry_count, max_wait_s=5.0)
        http = Http(
            settings,
            EventBus(),
            transport=httpx.MockTransport(self.answer),
            monotonic=lambda: self.now,
            wall=lambda: self.now,
            sleep=self.sleep,
        )
        self.opened.append(http)
        addresses = [f"http://{name}" for name in NAMES]
        endpoints = {"spot": addresses, "turned": addresses[::-1], "lone": addresses[:1]}
        return http.session(provider="test", endpoints=endpoints, limits=limits)

    async def hold(self, session: HttpSession, count: int) -> list[asyncio.Task[JsonReply]]:
        """Begin requests one by one that stay in flight until `release`."""
        tasks = []
        for _ in range(count):
            before = len(self.asked)
            tasks.append(asyncio.create_task(session.get_json("{spot}/slow")))
            while len(self.asked) == before:
                await asyncio.sleep(0)
        return tasks

    def release(self, host: str) -> None:
        self.gates[host].set()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "limits")
    yield made
    for http in made.opened:
        await http.close()


# balance


async def test_requests_one_after_another_take_the_hosts_in_turn(world: World) -> None:
    session = world.session()
    for _ in range(6):
        await session.get_json("{spot}/k")
    assert world.asked == [*NAMES, *NAMES]


async def test_the_host_with_the_fewest_requests_in_flight_is_asked(world: World) -> None:
    session = world.session()
    held = await world.hold(session, 3)
    assert world.asked == list(NAMES)
    world.release("b")
    await held[1]
    for _ in range(3):
        await session.get_json("{spot}/k")
    assert world.asked[3:] == ["b", "b", "b"]
    for name in "ac":
        world.release(name)
    await asyncio.gather(*held)


async def test_many_requests_at_once_are_spread_evenly(world: World) -> None:
    session = world.session()
    held = await world.hold(session, 30)
    assert Counter(world.asked) == {"a": 10, "b": 10, "c": 10}
    for name in NAMES:
        world.release(name)
    await asyncio.gather(*held)


async def test_a_cancelled_request_is_no_longer_in_flight(world: World) -> None:
    session = world.session()
    held = await world.hold(session, 6)
    for task in (held[2], held[5]):
        task.cancel()
    await asyncio.wait([held[2], held[5]])
    await session.get_json("{spot}/k")
    await session.get_json("{spot}/k")
    assert world.asked[6:] == ["c", "c"]
    for name in "ab":
        world.release(name)
    await asyncio.gather(held[0], held[1], held[3], held[4])


async def test_a_host_is_as_busy_under_one_key_as_under_another(world: World) -> None:
    session = world.session()
    held = await world.hold(session, 1)
    await session.get_json("{turned}/k")
    await session.get_json("{turned}/k")
    await session.get_json("{turned}/k")
    assert world.asked == ["a", "c", "b", "c"]
    world.release("a")
    await asyncio.gather(*held)


async def test_a_lone_address_is_asked_whatever_its_load(world: World) -> None:
    session = world.session()
    held = await world.hold(session, 1)
    await session.get_json("{lone}/k")
    assert world.asked == ["a", "a"]
    world.release("a")
    await asyncio.gather(*held)


async def test_all_hosts_of_a_key_share_one_pool(world: World) -> None:
    session = world.session(Limit("weight", 6, 60.0))
    for _ in range(6):
        await session.get_json("{spot}/k", cost=1)
    with pytest.raises(RateLimitError):
        await session.get_json("{spot}/k", cost=1)
    assert Counter(world.asked) == {"a": 2, "b": 2, "c": 2}


# failover


async def test_a_failed_request_goes_to_the_next_of_the_list(world: World) -> None:
    session = world.session()
    await session.get_json("{spot}/k")
    world.status = {"b": 500}
    await session.get_json("{spot}/k")
    # by turn it would be a: c has just answered
    assert world.asked == ["a", "b", "c"]
    world.status = {"a": 500}
    await session.get_json("{turned}/k")
    assert world.asked[3:] == ["a", "c"]


async def test_retries_go_round_the_list(world: World) -> None:
    world.status = dict.fromkeys(NAMES, 503)
    with pytest.raises(ServerError):
        await world.session(retry_count=4).get_json("{spot}/k")
    assert world.asked == ["a", "b", "c", "a", "b"]


@pytest.mark.parametrize("status", [403, 451])
async def test_a_host_that_refuses_has_no_turn_any_more(world: World, status: int) -> None:
    world.status = {"b": status}
    session = world.session()
    for _ in range(6):
        await session.get_json("{spot}/k")
    assert Counter(world.asked) == {"a": 3, "b": 1, "c": 3}


async def test_a_host_that_keeps_failing_has_no_turn_until_it_is_probed(world: World) -> None:
    world.status = {"b": 500}
    session = world.session()
    while Counter(world.asked)["b"] < THRESHOLD:
        await session.get_json("{spot}/k")
    world.asked.clear()
    for _ in range(6):
        await session.get_json("{spot}/k")
    assert Counter(world.asked) == {"a": 3, "c": 3}
    world.now += OPEN_S
    world.status.clear()
    world.asked.clear()
    for _ in range(6):
        await session.get_json("{spot}/k")
    assert Counter(world.asked) == {"a": 2, "b": 2, "c": 2}
