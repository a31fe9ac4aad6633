"""Rate limits and bans: counted once for all tasks and processes of the machine, and never slept through."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from attrs import define, field
from pyrate_limiter import Rate, RateItem, StateBucket

from dsm_core.errors import ConfigError, RateLimitError
from dsm_core.events import Event, EventBus, RateLimitWait
from dsm_core.net import Deadline, Http, HttpSession, HttpSettings, Limit, deadline_scope
from dsm_core.net.limit_store import FileStateStore
from dsm_core.net.window import SLOTS, SlotWindow

DAY_S = 86_400.0
MINUTE = Limit("weight", 100, 60.0, "X-Used-Weight-1M")


@define(slots=False)
class Clock:
    """Time that moves only when somebody sleeps; the wall clock can be set."""

    now: float = 1000.0
    offset: float = 1.7e9
    slept: list[float] = field(factory=list)

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.offset + self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@define
class Venue:
    """Answers in order; the last answer stays."""

    answers: list[httpx.Response] = field(factory=list)
    requests: list[httpx.Request] = field(factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@define
class World:
    """One machine: its clock, venue, events, and one ``Http`` per process it plays."""

    state_dir: Path
    clock: Clock = field(factory=Clock)
    venue: Venue = field(factory=lambda: Venue([ok()]))
    events: list[Event] = field(factory=list)
    opened: list[Http] = field(factory=list)

    def session(self, *limits: Limit, scope: str = "", retry_count: int = 5) -> HttpSession:
        bus = EventBus()
        bus.subscribe(self.events.append)
        clock = self.clock
        http = Http(
            HttpSettings(state_dir=self.state_dir, retry_count=retry_count),
            bus,
            transport=httpx.MockTransport(self.venue.handle),
            monotonic=clock.monotonic,
            wall=clock.wall,
            sleep=clock.sleep,
        )
        self.opened.append(http)
        endpoints = {"api": ["http://venue.test"]}
        return http.session(provider="test", endpoints=endpoints, limits=limits, scope=scope)

    def waits(self) -> list[float]:
        return [event.wait_s for event in self.events if isinstance(event, RateLimitWait)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "limits")
    yield made
    for http in made.opened:
        await http.close()


def ok(**headers: str) -> httpx.Response:
    return httpx.Response(200, json=[1], headers={n.replace("_", "-"): v for n, v in headers.items()})


def refused(status: int, text: str = "", **headers: str) -> httpx.Response:
    return httpx.Response(status, text=text, headers={n.replace("_", "-"): v for n, v in headers.items()})


# 429


async def test_a_stated_wait_is_waited_and_the_request_sent_again(world: World) -> None:
    world.venue.answers = [refused(429, Retry_After="9"), ok()]
    reply = await world.session().get_json("{api}/k")
    assert reply.body == [1]
    assert world.waits() == [9.0]
    assert sum(world.clock.slept) == 9.0


async def test_a_wait_stated_as_a_date_is_understood(world: World) -> None:
    world.clock.offset = 1_704_164_640.0 - world.clock.now  # 2024-01-02T03:04:00Z
    world.venue.answers = [refused(429, Retry_After="Tue, 02 Jan 2024 03:04:30 GMT"), ok()]
    await world.session().get_json("{api}/k")
    assert world.waits() == [30.0]


@pytest.mark.parametrize("header", [None, "soon", "-5", "0", "nan", "1e3", "²"])
async def test_without_a_usable_wait_it_backs_off(world: World, header: str | None) -> None:
    headers = {} if header is None else {b"Retry-After": header.encode()}
    world.venue.answers = [httpx.Response(429, headers=headers), httpx.Response(429), ok()]
    await world.session().get_json("{api}/k")
    first, second = world.waits()
    assert 0.24 <= first <= 0.5
    assert 0.49 <= second <= 1.0


@pytest.mark.parametrize("header", ["121", "99999999999999999999", "Tue, 02 Jan 2099 03:04:30 GMT"])
async def test_an_absurd_wait_is_an_error_at_once(world: World, header: str) -> None:
    world.venue.answers = [refused(429, Retry_After=header)]
    session = world.session()
    for _ in range(3):
        with pytest.raises(RateLimitError) as caught:
            await session.get_json("{api}/k")
        assert 120 < caught.value.retry_after_s <= 3 * DAY_S
        assert not caught.value.banned
    assert len(world.venue.requests) == 1
    assert world.clock.slept == []


async def test_a_wait_past_the_deadline_is_an_error_at_once(world: World) -> None:
    world.venue.answers = [refused(429, Retry_After="30"), ok()]
    deadline = Deadline.after(20, monotonic=world.clock.monotonic)
    with deadline_scope(deadline), pytest.raises(RateLimitError) as caught:
        await world.session().get_json("{api}/k")
    assert caught.value.retry_after_s == 30
    assert caught.value.status == 429
    assert world.clock.slept == []


async def test_a_limit_that_stays_is_an_error_in_the_end(world: World) -> None:
    world.venue.answers = [refused(429, Retry_After="2")]
    with pytest.raises(RateLimitError) as caught:
        await world.session(retry_count=3).get_json("{api}/k")
    assert len(world.venue.requests) == 4
    assert caught.value.attempt == 4


async def test_one_refused_task_holds_back_every_task_of_the_pool(world: World) -> None:
    world.venue.answers = [refused(429, Retry_After="8"), ok()]
    session = world.session(MINUTE)
    with deadline_scope(Deadline.after(5, monotonic=world.clock.monotonic)):
        with pytest.raises(RateLimitError):
            await session.get_json("{api}/k")
        with pytest.raises(RateLimitError):
            await session.get_json("{api}/other")
    assert len(world.venue.requests) == 1
    await session.get_json("{api}/other")
    assert world.waits() == [8.0]


# 418


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        (refused(418, Retry_After="600"), 600.0),
        (refused(418, '{"code":-1003,"msg":"IP banned until 1700001300000."}'), 300.0),
        (refused(418), 120.0),
        (refused(418, Retry_After="31536000"), 3 * DAY_S),
    ],
)
async def test_a_ban_is_raised_at_once_with_its_length(
    world: World, answer: httpx.Response, wait_s: float
) -> None:
    world.venue.answers = [answer, ok()]
    with pytest.raises(RateLimitError) as caught:
        await world.session().get_json("{api}/k")
    assert caught.value.banned
    assert caught.value.retry_after_s == wait_s
    assert len(world.venue.requests) == 1
    assert world.clock.slept == []


async def test_while_banned_no_request_leaves_any_process(world: World) -> None:
    world.venue.answers = [refused(418, Retry_After="600"), ok()]
    with pytest.raises(RateLimitError):
        await world.session().get_json("{api}/k")
    for session in (world.session(), world.session(retry_count=0)):
        with pytest.raises(RateLimitError, match="banned for 600 s more") as caught:
            await session.get_json("{api}/k")
        assert caught.value.banned
        assert caught.value.provider == "test"
        assert caught.value.url == "http://venue.test/k"
    assert len(world.venue.requests) == 1
    world.clock.now += 500
    assert (await world.session().get_json("{api}/k")).body == [1]
    assert world.waits() == [100.0]


async def test_a_ban_concerns_its_pool_and_scope_only(world: World) -> None:
    world.venue.answers = [refused(418, Retry_After="600"), ok()]
    with pytest.raises(RateLimitError):
        await world.session(scope="key-1").get_json("{api}/k")
    assert (await world.session(scope="key-2").get_json("{api}/k")).body == [1]
    assert "key-1" not in "".join(path.name for path in world.state_dir.iterdir())


OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
import httpx
from dsm_core.errors import RateLimitError
from dsm_core.events import EventBus
from dsm_core.net import Http, HttpSettings, Limit

async def main(folder, cost, count):
    sent = []
    def answer(request):
        sent.append(request)
        return httpx.Response(200, json=[])
    transport = httpx.MockTransport(answer)
    http = Http(HttpSettings(state_dir=folder, max_wait_s=0.0), EventBus(), transport=transport)
    limits = [Limit("weight", 100, 3600.0)]
    session = http.session(provider="test", endpoints={"api": ["http://venue.test"]}, limits=limits)
    for _ in range(count):
        try:
            await session.get_json("{api}/k", cost=cost)
        except RateLimitError:
            pass
    await http.close()
    print(len(sent))

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
"""


def start_process(folder: Path, cost: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", OTHER_PROCESS, str(folder), str(cost), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def sent_by(process: subprocess.Popen[str]) -> int:
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return int(out)


async def test_a_ban_holds_in_another_process(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(418, headers={"Retry-After": "600"})

    settings = HttpSettings(state_dir=tmp_path)
    http = Http(settings, EventBus(), transport=httpx.MockTransport(answer))
    session = http.session(provider="test", endpoints={}, limits=[Limit("weight", 100, 3600.0)])
    with pytest.raises(RateLimitError):
        await session.get_json("http://venue.test/k")
    await http.close()
    assert sent_by(start_process(tmp_path, 1, 3)) == 0


def test_processes_together_stay_within_the_capacity(tmp_path: Path) -> None:
    processes = [start_process(tmp_path, 2, 40) for _ in range(2)]
    assert sum(sent_by(process) for process in processes) == 50


# units


async def test_a_used_up_pool_is_waited_for(world: World) -> None:
    session = world.session(MINUTE)
    for _ in range(5):
        await session.get_json("{api}/k", cost=20)
    assert world.clock.slept == []
    await session.get_json("{api}/k", cost=1)
    assert 57 <= sum(world.waits()) <= 63
    assert session.requests_sent == 6


async def test_two_sessions_of_the_machine_share_a_pool(world: World) -> None:
    await world.session(MINUTE).limit(60, "weight")
    await world.session(MINUTE).limit(40, "weight")
    assert world.waits() == []
    await world.session(MINUTE).limit(1, "weight")
    assert len(world.waits()) > 0


async def test_a_wait_for_units_past_the_deadline_is_an_error_at_once(world: World) -> None:
    session = world.session(MINUTE)
    await session.limit(100, "weight")
    with (
        deadline_scope(Deadline.after(10, monotonic=world.clock.monotonic)),
        pytest.raises(RateLimitError) as caught,
    ):
        await session.get_json("{api}/k", cost=1)
    assert 50 < caught.value.retry_after_s <= 60
    assert caught.value.pool == "weight"
    assert world.clock.slept == []
    assert world.venue.requests == []


async def test_the_tightest_window_of_a_pool_decides(world: World) -> None:
    session = world.session(Limit("weight", 10, 1.0), Limit("weight", 15, 300.0))
    await session.limit(10)
    await session.limit(5)
    assert sum(world.waits()) <= 1.1
    with pytest.raises(RateLimitError):
        await session.limit(1)


async def test_the_venues_own_count_is_believed_when_it_is_higher(world: World) -> None:
    world.venue.answers = [ok(x_used_weight_1m="95")]
    session = world.session(MINUTE)
    await session.get_json("{api}/k", cost=5)
    await session.limit(5)
    assert world.waits() == []
    await session.limit(1)
    assert len(world.waits()) > 0


@pytest.mark.parametrize("said", ["3", "", "many", "-1", "²", "9" * 5000])
async def test_a_lower_or_unreadable_count_of_the_venue_changes_nothing(world: World, said: str) -> None:
    world.venue.answers = [httpx.Response(200, json=[], headers={b"X-Used-Weight-1M": said.encode()})]
    session = world.session(MINUTE)
    await session.get_json("{api}/k", cost=90)
    await session.limit(10)
    assert world.waits() == []


async def test_waiting_tasks_are_served_and_none_passes_the_capacity(world: World) -> None:
    session = world.session(MINUTE)
    await asyncio.gather(*(session.get_json("{api}/k", cost=10) for _ in range(30)))
    assert len(world.venue.requests) == 30
    assert world.clock.now - 1000 >= 114


async def test_a_task_behind_a_long_wait_fails_at_once_when_its_time_is_shorter(world: World) -> None:
    session = world.session(MINUTE)
    await session.limit(100)
    gate = asyncio.Event()

    async def stand_still(seconds: float) -> None:
        await gate.wait()
        world.clock.now += seconds

    world.clock.sleep = stand_still  # type: ignore[method-assign]
    second = world.session(MINUTE)
    waiting = asyncio.create_task(second.limit(1))
    while not world.waits():
        await asyncio.sleep(0.001)
    with (
        deadline_scope(Deadline.after(10, monotonic=world.clock.monotonic)),
        pytest.raises(RateLimitError),
    ):
        await second.limit(1)
    gate.set()
    await waiting


async def test_a_cost_that_never_fits_is_a_configuration_error(world: World) -> None:
    with pytest.raises(ConfigError, match="never fits pool 'weight' of 100 units"):
        await world.session(MINUTE).limit(101)


async def test_a_pool_must_be_named_where_there_are_several(world: World) -> None:
    session = world.session(MINUTE, Limit("other", 10, 1.0))
    with pytest.raises(ConfigError, match="other, weight"):
        await session.get_json("{api}/k", cost=1)
    with pytest.raises(ConfigError, match="no pool 'wieght'"):
        await session.get_json("{api}/k", cost=1, pool="wieght")
    await session.get_json("{api}/k", cost=1, pool="other")
    await session.get_json("{api}/k")


# the clock and the file


@pytest.mark.parametrize("back_s", [30.0, 3600.0, 2 * DAY_S, 400 * DAY_S])
async def test_a_clock_set_back_holds_nobody_longer_than_a_window(world: World, back_s: float) -> None:
    await world.session(MINUTE).limit(100)
    world.clock.offset -= back_s
    await world.session(MINUTE).limit(100)
    assert sum(world.waits()) <= 63


@pytest.mark.parametrize("back_s", [3600.0, 2 * DAY_S, 400 * DAY_S])
async def test_a_clock_set_back_makes_no_block_longer(world: World, back_s: float) -> None:
    world.venue.answers = [refused(429, Retry_After="50"), ok()]
    with pytest.raises(RateLimitError):
        await world.session(retry_count=0).get_json("{api}/k")
    world.clock.offset -= back_s
    await world.session().get_json("{api}/k")
    assert sum(world.waits()) <= 50


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\0" * 100,
        b"[]",
        b'{"v": 2}',
        b'{"v":1,"at":"x","windows":[],"state":[],"blocked":[0,0,0]}',
        b'{"v":1,"at":1e400,"windows":[],"state":[],"blocked":[0,0,0]}',
        b'{"v":1,"at":0,"windows":[60000],"state":[1,2],"blocked":[0,0,0]}',
        b"x" * 100_000,
    ],
)
async def test_a_damaged_file_is_as_none_and_heals(world: World, text: bytes) -> None:
    await world.session(MINUTE).limit(1)
    (path,) = world.state_dir.glob("*.json")
    path.write_bytes(text)
    await world.session(MINUTE).limit(100)
    assert world.waits() == []
    assert json.loads(path.read_bytes())["v"] == 1
    with deadline_scope(Deadline.after(1, monotonic=world.clock.monotonic)), pytest.raises(RateLimitError):
        await world.session(MINUTE).limit(1)


async def test_where_no_file_can_be_written_the_process_counts_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "limits").write_text("a file where the folder should be")
    world = World(tmp_path / "limits")
    with caplog.at_level("DEBUG", logger="dsm_core"):
        session = world.session(MINUTE)
        for _ in range(3):
            await session.limit(50)
    assert len(world.waits()) > 0
    told = [record.message.split()[0] for record in caplog.records if record.name != "dsm_core.events"]
    assert told == ["limit_state_not_shared"]
    await world.opened[0].close()


def test_the_store_and_the_window_serve_the_librarys_own_bucket(tmp_path: Path) -> None:
    store = FileStateStore(tmp_path / "a.json")
    bucket = StateBucket([Rate(10, 60_000)], SlotWindow(), store)
    now = store.now_ms()
    assert bucket.put(RateItem("x", now, 6))
    assert not bucket.put(RateItem("x", now, 5))
    wait_ms = bucket.waiting(RateItem("x", now, 5))
    assert isinstance(wait_ms, int)
    assert 57_000 <= wait_ms <= 60_000
    assert bucket.waiting(RateItem("x", now, 11)) == -1
    assert bucket.count() == 6
    again = StateBucket([Rate(10, 60_000)], SlotWindow(), FileStateStore(tmp_path / "a.json"))
    assert not again.put(RateItem("x", now, 5))
    again.flush()
    assert again.put(RateItem("x", now, 10))


@pytest.mark.parametrize("seed", range(20))
def test_no_window_ever_holds_more_than_its_capacity(seed: int) -> None:
    rng = random.Random(seed)
    window_ms = rng.choice([100, 1000, 7777, 60_000])
    rates, algorithm = [Rate(50, window_ms)], SlotWindow()
    state, now, spent = algorithm.initial(rates), rng.randrange(10**12), []
    for _ in range(500):
        now += rng.choice([0, 1, window_ms // 50, window_ms // 7])
        weight = rng.randint(1, 30)
        state, decision = algorithm.step(rates, state, now, weight)
        if decision.allowed:
            spent.append((now, weight))
        else:
            assert decision.retry_after_ms is not None
            assert 1 <= decision.retry_after_ms <= window_ms
        assert sum(units for at, units in spent if at > now - window_ms) <= 50
    longest = window_ms * (SLOTS + 2) // SLOTS + SLOTS
    assert algorithm.consumed(rates, state, now + longest) == 0


def test_the_stated_wait_is_enough_short_of_one_slot() -> None:
    rates, algorithm = [Rate(50, 60_000)], SlotWindow()
    state, decision = algorithm.step(rates, algorithm.initial(rates), 1_000_000, 50)
    waits = 0
    now = 1_000_000
    while not (outcome := algorithm.step(rates, state, now, 50))[1].allowed:
        assert outcome[1].retry_after_ms is not None
        now += outcome[1].retry_after_ms
        waits += 1
    assert decision.allowed
    assert waits <= 2
    assert now - 1_000_000 <= 63_000


@pytest.mark.parametrize("make", [lambda: Limit("p", 0, 60.0), lambda: Limit("p", 10, 0.0)])
def test_a_limit_without_room_is_refused(make: Callable[[], Limit]) -> None:
    with pytest.raises(ValueError):
        make()
