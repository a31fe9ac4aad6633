"""Events reach every observer; one that raises is reported once and dropped."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import re
import threading
from pathlib import Path

import pytest
from attrs import fields

import dsm_core.events
from dsm_core.errors import RequestError
from dsm_core.events import (
    CacheHit,
    Event,
    EventBus,
    RequestFinished,
    RequestSent,
    SegmentDone,
    SourceSkipped,
    call_scope,
    current_scope,
    new_call,
    new_call_id,
    source_scope,
)

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
    for _ in range(3):
        bus.emit(HIT)
    assert seen == [HIT] * 3
    assert len(calls) == 1
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


def test_observers_of_one_function_end_one_by_one() -> None:
    bus, seen = EventBus(), []
    observe = seen.append
    end = bus.subscribe(observe)
    bus.subscribe(observe)
    end()
    end()
    bus.emit(HIT)
    assert seen == [HIT]


def test_an_observer_dropped_during_an_event_is_not_called_for_it() -> None:
    bus, seen = EventBus(), []
    bus.subscribe(lambda event: end())
    end = bus.subscribe(seen.append)
    bus.emit(HIT)
    assert seen == []


def test_one_that_raises_in_many_threads_at_once_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    bus, together = EventBus(), threading.Barrier(8)

    def broken(event: Event) -> None:
        together.wait(30)
        raise ValueError("all at once")

    bus.subscribe(broken)
    threads = [threading.Thread(target=bus.emit, args=(HIT,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(caplog.records) == 1
    assert not bus.has(broken)


def test_the_bus_knows_whose_thread_observes() -> None:
    bus, other, seen = EventBus(), EventBus(), []

    def look(event: Event) -> None:
        thread = threading.Thread(target=lambda: seen.append(bus.is_observing))
        thread.start()
        thread.join()
        seen.append((bus.is_observing, other.is_observing))

    bus.subscribe(look)
    bus.emit(HIT)
    assert seen == [False, (True, False)]
    assert not bus.is_observing


def test_nobody_wants_events_without_observer_or_log(caplog: pytest.LogCaptureFixture) -> None:
    bus = EventBus()
    assert not bus.wants(CacheHit)
    assert bus.wants(SourceSkipped)
    with caplog.at_level(logging.DEBUG, "dsm_core"):
        assert bus.wants(CacheHit)
    end = bus.subscribe(lambda event: None)
    assert bus.wants(CacheHit)
    end()
    assert not bus.wants(CacheHit)


def test_a_coroutine_function_cannot_observe() -> None:
    async def observe(event: Event) -> None: ...

    with pytest.raises(RequestError, match="coroutine function"):
        EventBus().subscribe(observe)


def test_scopes_give_events_their_series_and_source() -> None:
    with call_scope(10**9, "p/m/c/S/1h"), source_scope("rest"):
        event = RequestSent(method="GET", url="u", attempt=1)
        with new_call():
            inner = current_scope()
    assert (event.call_id, event.series, event.source) == (10**9, "p/m/c/S/1h", "rest")
    assert inner.call_id not in {0, 10**9}
    assert (inner.series, inner.source) == ("", "")
    assert current_scope().call_id == 0


def test_an_event_is_json_text_and_can_be_sent_to_another_process() -> None:
    event = SegmentDone(call_id=1, series="s", source="rest", start_ns=0, end_ns=10, rows=2)
    place = {"event": "segment_done", "call_id": 1, "series": "s", "source": "rest"}
    assert json.loads(json.dumps(event.as_dict())) == {**place, "start_ns": 0, "end_ns": 10, "rows": 2}
    assert str(event) == "segment_done call_id=1 series=s source=rest start_ns=0 end_ns=10 rows=2"
    assert pickle.loads(pickle.dumps(event)) == event


def kinds() -> list[type[Event]]:
    found = [getattr(dsm_core.events, name) for name in dsm_core.events.__all__]
    return [
        kind for kind in found if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
    ]


@pytest.mark.parametrize("kind", kinds())
def test_every_event_is_documented_with_all_its_fields(kind: type[Event]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "observability.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| `{kind.__name__}` \|.*$", page, re.MULTILINE)
    own = [one.name for one in fields(kind) if one.name not in {"call_id", "series"}]
    assert re.findall(r"`([a-z_]+)`", row.split("|")[3]) == own


def test_a_request_has_the_same_names_at_both_ends() -> None:
    sent, finished = ({one.name for one in fields(kind)} for kind in (RequestSent, RequestFinished))
    assert sent - finished == {"attempt"}
