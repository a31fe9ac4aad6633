"""Events reach every observer; one that raises is reported once and dropped."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from dsm_core.events import CacheHit, Event, EventBus, RequestSent, call_scope, new_call_id

HIT = CacheHit(series="s", rows=3)


def test_every_observer_sees_every_event_in_order() -> None:
    bus, seen = EventBus(), []
    bus.subscribe(lambda event: seen.append(("a", event)))
    bus.subscribe(lambda event: seen.append(("b", event)))
    other = RequestSent(method="GET", url="u", attempt=1)
    bus.emit(HIT)
    bus.emit(other)
    assert seen == [("a", HIT), ("b", HIT), ("a", other), ("b", other)]


def test_an_observer_that_raises_is_reported_once_and_dropped(caplog: pytest.LogCaptureFixture) -> None:
    bus, calls, seen = EventBus(), [], []

    def broken(event: Event) -> None:
        calls.append(event)
        raise KeyError("observer")

    bus.subscribe(broken)
    bus.subscribe(broken)
    bus.subscribe(seen.append)
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            bus.emit(HIT)
    assert seen == [HIT] * 3
    assert len(calls) <= 2
    (record,) = caplog.records
    assert (record.levelname, record.name) == ("WARNING", "dsm_core.events")
    assert "observer_dropped" in record.getMessage()


def test_an_interrupt_passes_through_an_observer() -> None:
    bus = EventBus()

    def interrupted(event: Event) -> None:
        raise KeyboardInterrupt

    bus.subscribe(interrupted)
    with pytest.raises(KeyboardInterrupt):
        bus.emit(HIT)


def test_a_subscription_ends_once() -> None:
    bus, first, second = EventBus(), [], []
    end = bus.subscribe(first.append)
    bus.subscribe(second.append)
    end()
    end()
    bus.emit(HIT)
    assert (first, second) == ([], [HIT])


def test_an_observer_may_subscribe_and_unsubscribe_while_it_is_called() -> None:
    bus, seen = EventBus(), []

    def once(event: Event) -> None:
        end()
        bus.subscribe(seen.append)

    end = bus.subscribe(once)
    bus.emit(HIT)
    bus.emit(HIT)
    assert seen == [HIT]


def test_subscriptions_from_many_threads_are_all_kept() -> None:
    bus, seen = EventBus(), []
    started = threading.Barrier(8)

    def subscribe() -> None:
        started.wait()
        for _ in range(50):
            bus.subscribe(seen.append)

    threads = [threading.Thread(target=subscribe) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bus.emit(HIT)
    assert len(seen) == 400


def test_events_of_one_call_share_its_number() -> None:
    a, b = new_call_id(), new_call_id()
    assert a != b
    with call_scope(a):
        outer = CacheHit(series="s", rows=1)
        with call_scope(b):
            inner = CacheHit(series="s", rows=1)
        after = CacheHit(series="s", rows=1)
    assert (outer.call_id, inner.call_id, after.call_id) == (a, b, a)
    assert CacheHit(series="s", rows=1).call_id == 0


async def test_tasks_begun_inside_a_call_belong_to_it() -> None:
    async def made() -> int:
        await asyncio.sleep(0)
        return CacheHit(series="s", rows=1).call_id

    with call_scope(77):
        task = asyncio.create_task(made())
    assert await task == 77
    assert await made() == 0
