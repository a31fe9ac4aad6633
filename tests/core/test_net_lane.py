"""The adaptive lane, in a world whose time passes when every task waits."""

from __future__ import annotations

import asyncio
import heapq
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from types import ModuleType, SimpleNamespace

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_core.errors import (
    DataNotAvailableError,
    RateLimitError,
    ServerError,
    SourceTimeoutError,
    TransientSourceError,
)
from dsm_core.net import AdaptiveLane, Deadline, deadline_scope
from dsm_core.net.lane import MEMORY_EVERY_S, PATIENCE, Slot
from dsm_core.net.memory import FLOOR_BYTES, Memory, _load_psutil, read_memory

GIB = 1024**3
PLENTY = Memory(8 * GIB, 16 * GIB)
SHORT = Memory(GIB // 4, 16 * GIB)


@define
class World:
    """A clock, and the servers that tasks keep busy."""

    now: float = 1000.0
    running: int = 0
    most_running: int = 0
    begun: list[int] = field(factory=list)
    memory: Memory | None = PLENTY
    looks: int = 0
    _due: list[tuple[float, int, asyncio.Future[None]]] = field(factory=list)
    _servers: list[float] = field(factory=list)
    _count: int = 0

    def lane(self, most: int, start: int | None = None) -> AdaptiveLane:
        return AdaptiveLane(most, start=start, free_memory=self.look, monotonic=lambda: self.now)

    def look(self) -> Memory | None:
        self.looks += 1
        return self.memory

    async def spend(self, seconds: float) -> None:
        self._count += 1
        done = asyncio.get_running_loop().create_future()
        heapq.heappush(self._due, (self.now + seconds, self._count, done))
        await done

    async def serve(self, servers: int) -> None:
        """Take a second of one of the venue's servers, after those who came before."""
        self._servers = self._servers or [self.now] * servers
        free_at = max(self.now, heapq.heappop(self._servers))
        heapq.heappush(self._servers, free_at + 1)
        await self.spend(free_at + 1 - self.now)

    async def pass_time(self) -> None:
        """Let everybody go on until all wait, then make the next one due."""
        for _ in range(6):
            await asyncio.sleep(0)
        if self._due:
            self.now, _, done = heapq.heappop(self._due)
            if not done.done():
                done.set_result(None)

    async def finish(self, *tasks: asyncio.Task[None]) -> None:
        idle_rounds = 0
        while not all(task.done() for task in tasks):
            idle_rounds = 0 if self._due else idle_rounds + 1
            assert idle_rounds < 100, "somebody waits for ever"
            await self.pass_time()

    async def run(self, lane: AdaptiveLane, count: int, work: Callable[[Slot], Awaitable[None]]) -> None:
        """Run ``count`` tasks through the lane; errors end their task only."""
        tasks = [asyncio.create_task(self.task(lane, n, work)) for n in range(count)]
        await self.finish(*tasks)

    async def task(self, lane: AdaptiveLane, number: int, work: Callable[[Slot], Awaitable[None]]) -> None:
        with suppress(TransientSourceError, DataNotAvailableError):
            async with lane.slot() as slot:
                self.begun.append(number)
                self.running += 1
                self.most_running = max(self.running, self.most_running)
                assert self.running <= lane.most
                try:
                    await work(slot)
                finally:
                    self.running -= 1

    async def second(self, slot: Slot) -> None:
        await self.spend(1)

    async def fail(self, slot: Slot) -> None:
        await self.spend(1)
        raise ServerError("no")


@pytest.fixture
def world() -> World:
    return World()


# growth


@pytest.mark.parametrize("most", [1, 2, 4, 5, 13, 17, 50, 200])
async def test_it_reaches_the_most_while_throughput_scales(world: World, most: int) -> None:
    lane = world.lane(most)
    assert lane.limit == min(4, most)
    await world.run(lane, 40 + 12 * most, world.second)
    assert lane.limit == lane.most == most
    assert world.most_running == most


@pytest.mark.parametrize("most", [13, 50])
async def test_it_reaches_the_most_although_every_task_takes_another_time(world: World, most: int) -> None:
    rng = random.Random(7)
    lane = world.lane(most)

    async def work(slot: Slot) -> None:
        await world.spend(rng.uniform(0.8, 1.2))

    await world.run(lane, 60 * most, work)
    assert lane.limit == most


async def test_one_step_is_tried_and_no_other_where_throughput_does_not_scale(world: World) -> None:
    lane = world.lane(13)
    await world.run(lane, 600, lambda slot: world.serve(4))
    assert lane.limit in (4, 7)
    assert world.most_running == 7


async def test_it_stops_one_step_beyond_what_the_source_can_do(world: World) -> None:
    lane = world.lane(50)
    await world.run(lane, 3000, lambda slot: world.serve(20))
    assert world.most_running == 34  # 4, 14, 24 which is faster still, 34 which is not


async def test_a_source_that_gets_faster_is_noticed(world: World) -> None:
    lane = world.lane(13)
    await world.run(lane, 100, lambda slot: world.serve(4))
    assert lane.limit < 13
    await world.run(lane, 20 * PATIENCE, world.second)
    assert lane.limit == 13


async def test_a_source_that_gets_slower_but_scales_is_noticed_after_a_while(world: World) -> None:
    lane = world.lane(13)
    await world.run(lane, 100, lambda slot: world.serve(4))
    assert lane.limit < 13

    async def work(slot: Slot) -> None:
        await world.spend(10)

    await world.run(lane, 30 * PATIENCE, work)
    assert lane.limit == 13


async def test_reported_units_decide_not_the_number_of_tasks(world: World) -> None:
    lane = world.lane(13)

    async def work(slot: Slot) -> None:
        running = world.running
        await world.spend(1)
        # more tasks a second, but each brings less: the bytes a second stay the same
        slot.done(600 / running)
        slot.done(600 / running)

    await world.run(lane, 300, work)
    assert world.most_running == 7


async def test_tasks_that_find_room_to_spare_teach_nothing(world: World) -> None:
    lane = world.lane(13)
    for _ in range(50):
        await world.run(lane, 4, world.second)
    assert lane.limit == 4


async def test_tasks_that_did_nothing_teach_nothing(world: World) -> None:
    lane = world.lane(13)

    async def work(slot: Slot) -> None:
        await world.spend(1)
        slot.done(0)

    await world.run(lane, 100, work)
    assert lane.limit == 4


async def test_tasks_that_take_no_time_teach_nothing(world: World) -> None:
    lane = world.lane(13)

    async def work(slot: Slot) -> None:
        await asyncio.sleep(0)

    await world.run(lane, 100, work)
    assert lane.limit == 4


async def test_a_lane_may_begin_at_its_most(world: World) -> None:
    lane = world.lane(50, start=50)
    await world.run(lane, 50, world.second)
    assert world.most_running == 50
    assert world.now == 1001


def test_a_start_above_the_most_is_the_most(world: World) -> None:
    assert world.lane(3, start=10).limit == 3


@pytest.mark.parametrize(("most", "start"), [(0, None), (-1, None), (5, 0)])
def test_a_lane_for_nobody_is_refused(world: World, most: int, start: int | None) -> None:
    with pytest.raises(ValueError, match="no task"):
        world.lane(most, start)


# errors


@pytest.mark.parametrize("kind", [RateLimitError, ServerError, SourceTimeoutError])
async def test_each_passing_error_halves_down_to_one(world: World, kind: type[TransientSourceError]) -> None:
    lane = world.lane(13, start=13)
    limits = []
    for _ in range(5):
        with pytest.raises(kind):
            async with lane.slot():
                raise kind("not now")
        limits.append(lane.limit)
    assert limits == [6, 3, 1, 1, 1]


async def test_errors_of_tasks_in_flight_together_halve_once(world: World) -> None:
    lane = world.lane(12, start=12)
    await world.run(lane, 12, world.fail)
    assert lane.limit == 6


async def test_one_error_raised_again_by_tasks_that_give_up_halves_once(world: World) -> None:
    lane = world.lane(12, start=12)
    error = RateLimitError("not now")
    for _ in range(4):
        with pytest.raises(RateLimitError):
            async with lane.slot():
                raise error
    assert lane.limit == 6


async def test_a_call_that_ran_out_of_its_own_time_halves_nothing(world: World) -> None:
    lane = world.lane(12, start=12)
    passed = Deadline(at=0.0, monotonic=lambda: 1.0)
    with deadline_scope(passed), pytest.raises(SourceTimeoutError):
        async with lane.slot():
            passed.check()
    assert lane.limit == 12


@pytest.mark.parametrize("error", [DataNotAvailableError("absent"), ValueError("a bug")])
async def test_an_error_that_does_not_pass_halves_nothing(world: World, error: Exception) -> None:
    lane = world.lane(12, start=12)
    with pytest.raises(type(error)):
        async with lane.slot():
            raise error
    assert lane.limit == 12
    await world.run(lane, 12, world.second)
    assert world.most_running == 12


async def test_it_grows_again_after_errors(world: World) -> None:
    lane = world.lane(13, start=13)
    for _ in range(3):
        await world.run(lane, 1, world.fail)
    assert lane.limit == 1
    await world.run(lane, 150, world.second)
    assert lane.limit == 13


async def test_after_a_halving_nobody_enters_until_enough_have_left(world: World) -> None:
    lane = world.lane(8, start=8)
    first = [asyncio.create_task(world.task(lane, n, world.second)) for n in range(8)]
    failing = asyncio.create_task(world.task(lane, 8, world.fail))
    others = [asyncio.create_task(world.task(lane, 9 + n, world.second)) for n in range(8)]
    await world.finish(failing)
    assert lane.limit == 4
    world.most_running = 0
    await world.finish(*first, *others)
    assert world.most_running <= 7


# order and release


async def test_tasks_enter_in_the_order_in_which_they_came(world: World) -> None:
    await world.run(world.lane(3), 50, world.second)
    assert world.begun == list(range(50))


async def test_a_newcomer_does_not_overtake_one_whose_turn_it_is(world: World) -> None:
    lane = world.lane(1)
    order = []

    async def enter(name: str) -> None:
        async with lane.slot():
            order.append(name)

    async with lane.slot():
        waiting = asyncio.create_task(enter("waiting"))
        await asyncio.sleep(0)
    await enter("newcomer")
    await waiting
    assert order == ["waiting", "newcomer"]


async def test_cancelled_tasks_give_back_their_slot_and_their_place(world: World) -> None:
    lane = world.lane(2)
    tasks = [asyncio.create_task(world.task(lane, n, world.second)) for n in range(6)]
    await asyncio.sleep(0)
    for n in (0, 2, 4):
        tasks[n].cancel()
    await world.finish(*tasks)
    assert world.begun == [0, 1, 3, 5]
    assert [task.cancelled() for task in tasks] == [True, False] * 3
    assert lane.limit == 2
    assert "in_use=0" in repr(lane)


async def test_a_slot_handed_to_a_task_that_is_cancelled_goes_to_the_next(world: World) -> None:
    lane = world.lane(1)
    tasks = []
    async with lane.slot():
        tasks = [asyncio.create_task(world.task(lane, n, world.second)) for n in range(3)]
        await asyncio.sleep(0)
    tasks[0].cancel()  # it has its slot by now, but has not run
    await world.finish(*tasks)
    assert world.begun == [1, 2]
    assert "in_use=0" in repr(lane)


@settings(max_examples=60, deadline=None)
@given(most=st.integers(1, 12), seed=st.integers(0, 2**32), count=st.integers(1, 120))
def test_whatever_happens_the_most_holds_and_every_slot_comes_back(most: int, seed: int, count: int) -> None:
    rng = random.Random(seed)
    world = World()
    errors = (ServerError("x"), RateLimitError("x"), DataNotAvailableError("x"))

    async def work(slot: Slot) -> None:
        world.memory = rng.choice([PLENTY, PLENTY, PLENTY, SHORT, None])
        await world.spend(rng.choice([0, 0.1, 1, 1]))
        if rng.random() < 0.2:
            raise rng.choice(errors)
        slot.done(rng.choice([0, 1, 1000]))

    async def main() -> AdaptiveLane:
        lane = world.lane(most)
        tasks = [asyncio.create_task(world.task(lane, n, work)) for n in range(count)]
        for task in tasks:
            if rng.random() < 0.2:
                await world.pass_time()
                task.cancel()
            assert 1 <= lane.limit <= most
        await world.finish(*tasks)
        return lane

    lane = asyncio.run(main())
    assert "in_use=0" in repr(lane)
    assert 1 <= lane.limit <= most
    assert world.begun == sorted(world.begun)


# memory


async def test_it_shrinks_to_two_while_memory_is_short_and_recovers(world: World) -> None:
    lane = world.lane(13, start=13)
    world.memory = SHORT
    await world.run(lane, 40, world.second)
    assert lane.limit == 2
    assert world.most_running == 2
    world.memory = PLENTY
    await world.run(lane, 150, world.second)
    assert lane.limit == 13


async def test_it_shrinks_when_memory_becomes_short_on_the_way(world: World) -> None:
    lane = world.lane(13)

    async def work(slot: Slot) -> None:
        await world.spend(1)
        if world.running == 7:
            world.memory = SHORT

    await world.run(lane, 100, work)
    assert lane.limit == 2
    assert world.most_running == 7


async def test_short_memory_raises_no_limit(world: World) -> None:
    world.memory = SHORT
    lane = world.lane(1)
    await world.run(lane, 20, world.second)
    assert lane.limit == 1


async def test_unknown_memory_changes_nothing(world: World) -> None:
    world.memory = None
    lane = world.lane(13)
    await world.run(lane, 150, world.second)
    assert lane.limit == 13


async def test_memory_is_looked_at_now_and_then(world: World) -> None:
    lane = world.lane(50, start=50)

    async def work(slot: Slot) -> None:
        await world.spend(MEMORY_EVERY_S / 100)

    await world.run(lane, 5000, work)
    assert 1 <= world.looks <= 2


@pytest.mark.parametrize(
    ("free", "total", "short"),
    [
        (FLOOR_BYTES - 1, 256 * GIB, True),
        (FLOOR_BYTES, 256 * GIB, False),
        (GIB // 5, GIB, False),
        (GIB // 11, GIB, True),
    ],
)
def test_the_floor_is_half_a_gibibyte_or_a_tenth_of_a_small_machine(
    free: int, total: int, short: bool
) -> None:
    assert Memory(free, total).is_short is short


@pytest.fixture
def psutil(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("psutil")
    monkeypatch.setitem(sys.modules, "psutil", module)
    return module


@pytest.fixture(autouse=True)
def _forget_psutil() -> Iterator[None]:
    _load_psutil.cache_clear()
    yield
    _load_psutil.cache_clear()


def test_psutil_tells_the_memory(psutil: ModuleType) -> None:
    psutil.virtual_memory = lambda: SimpleNamespace(available=1, total=2)  # type: ignore[attr-defined]
    assert read_memory() == Memory(1, 2)


def test_without_psutil_memory_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert read_memory() is None


def test_where_psutil_cannot_read_memory_is_unknown(psutil: ModuleType) -> None:
    def refuse() -> None:
        raise FileNotFoundError("/proc/meminfo")

    psutil.virtual_memory = refuse  # type: ignore[attr-defined]
    assert read_memory() is None
