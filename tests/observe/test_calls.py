"""Every verb tells what it does, in order, under one call id, whatever thread it is done in."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from binance.venues import HOUR, NOW, Desk, Venues, sent, utc
from dsm_binance.emulator import Fault, Outage
from dsm_core.errors import AllSourcesFailedError
from dsm_core.events import (
    CacheHit,
    CacheWritten,
    Event,
    GapFound,
    Planned,
    RateLimitWait,
    RequestFinished,
    RequestSent,
    Retry,
    SegmentDone,
    SourceSkipped,
)
from observe.watching import Heard, assert_paired

DAY: tuple[Any, ...] = ("2024-05-01", "2024-05-01", "1h")
OUTAGE = Outage(utc(2024, 5, 3, 2), utc(2024, 5, 3, 5), market="spot")
BTC = "binance/spot/klines/BTCUSDT/1h"


def watched(manager: Any) -> Heard:
    heard = Heard()
    manager.subscribe(heard)
    return heard


def test_a_call_tells_its_steps_in_order(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())
    manager.get_data("BTCUSDT", *DAY)
    heard = watched(manager)
    manager.get_data("BTCUSDT", "2024-05-01", "2024-05-03", "1h")
    assert heard.names[:3] == ["cache_hit", "planned", "request_sent"]
    assert heard.first("request_finished") < heard.first("cache_written") < heard.last("segment_done")
    assert heard.names[-1] == "segment_done"
    assert heard.of(CacheHit)[0].rows == 24
    assert sum(event.rows for event in heard.of(SegmentDone)) == 48
    assert {event.series for event in heard.events} == {BTC}
    assert_paired(heard)


def test_what_the_cache_holds_whole_is_one_event(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())
    manager.get_data("BTCUSDT", *DAY)
    heard = watched(manager)
    manager.get_data("BTCUSDT", *DAY)
    assert [(e.name, e.series, e.rows) for e in heard.of(CacheHit)] == [("cache_hit", BTC, 24)]
    assert len(heard.events) == 1


def test_the_clock_is_read_and_the_cache_told_of_once(venues: Venues, desk: Desk) -> None:
    venue = venues()
    desk.manager(venue).get_data("BTCUSDT", NOW - 9 * HOUR, NOW - 4 * HOUR, "1h")
    manager = desk.manager(venue)
    heard = watched(manager)
    manager.get_data("BTCUSDT", NOW - 9 * HOUR, NOW, "1h", on_gaps="ignore")
    assert len(heard.of(CacheHit)) == 1
    assert [e.source for e in heard.of(RequestSent) if e.url.endswith("/time")] == [""]
    assert len(heard.call_ids) == 1


def test_every_kind_of_event_happens_and_belongs_to_its_call(venues: Venues, desk: Desk) -> None:
    """Retries, waits, skipped sources and gaps included; in the caller's, the loop's and worker threads."""
    faults = [
        Fault("503", "/vision", times=1),
        Fault("429", "v3/klines", retry_after=1),
        Fault("403", "re:2024-05-04", times=None),
    ]
    manager = desk.manager(venues(faults=faults, outages=[OUTAGE]))
    manager.get_data("BTCUSDT", *DAY)
    heard = watched(manager)
    manager.query("BTCUSDT", "2024-05-01", "2024-05-04", "1h", on_gaps="ignore")
    kinds = {CacheHit, CacheWritten, GapFound, Planned, RateLimitWait, RequestFinished, RequestSent, Retry}
    assert {type(event) for event in heard.events} >= kinds | {SegmentDone, SourceSkipped}
    assert len(heard.call_ids) == 1
    assert 0 not in heard.call_ids
    assert {event.series for event in heard.events} == {BTC}
    assert {"MainThread", "dsm-loop", "dsm"} <= heard.threads
    assert {event.provider for event in heard.of(Retry) + heard.of(RateLimitWait)} == {"binance"}
    assert {event.source for event in heard.of(RateLimitWait)} == {"rest"}
    assert heard.of(GapFound)[0].end_ns - heard.of(GapFound)[0].start_ns == 3 * 3600 * 10**9
    assert_paired(heard)


def test_every_verb_has_a_call_id_of_its_own_for_all_it_does(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())
    heard = Heard()
    manager.subscribe(heard)
    verbs: list[tuple[str, Any]] = [
        ("get_data", lambda: manager.get_data("BTCUSDT", *DAY)),
        ("query", lambda: manager.query("BTCUSDT", *DAY)),
        ("get_many", lambda: manager.get_many(["BTCUSDT", "ETHUSDT"], "2024-05-02", "2024-05-02", "1h")),
        ("iter_data", lambda: list(manager.iter_data("BTCUSDT", "2024-04-01", "2024-04-03", "1h"))),
        ("prefetch", lambda: manager.prefetch("BTCUSDT", "2024-04-05", "2024-04-06", "1h")),
        ("update", manager.update),
        ("symbols", manager.symbols),
    ]
    seen: set[int] = set()
    for name, verb in verbs:
        heard.events.clear()
        verb()
        assert heard.events, name
        assert len(heard.call_ids) == 1, name
        assert not heard.call_ids & (seen | {0}), name
        assert_paired(heard)
        seen |= heard.call_ids


async def test_the_asynchronous_verbs_too(venues: Venues, desk: Desk) -> None:
    async with desk.async_manager(venues()) as manager:
        heard = Heard()
        stop = manager.subscribe(heard)

        async def pieces() -> None:
            async for _ in manager.iter_data("BTCUSDT", "2024-04-01", "2024-04-03", "1h"):
                pass

        seen: set[int] = set()
        for work in (
            lambda: manager.get_data("BTCUSDT", *DAY),
            lambda: manager.get_many(["BTCUSDT", "ETHUSDT"], "2024-05-02", "2024-05-02", "1h"),
            pieces,
            lambda: manager.prefetch("BTCUSDT", "2024-04-05", "2024-04-06", "1h"),
            manager.update,
            manager.symbols,
        ):
            heard.events.clear()
            await work()
            assert len(heard.call_ids) == 1
            assert not heard.call_ids & (seen | {0})
            assert_paired(heard)
            seen |= heard.call_ids
        stop()
        heard.events.clear()
        await manager.get_data("BTCUSDT", *DAY)
        assert heard.events == []


def test_series_of_one_call_count_their_own_requests(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())
    heard = watched(manager)
    found = manager.get_many(["BTCUSDT", "ETHUSDT"], "2024-05-02", "2024-05-03", "1h")
    told = Counter(event.series for event in heard.of(RequestSent))
    assert told == {f"binance/spot/klines/{name}/1h": found[name].requests for name in found}
    assert all(told.values())


def test_what_a_caller_does_between_pieces_is_not_part_of_the_call(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())
    heard = watched(manager)
    outer: set[int] = set()
    for _ in manager.iter_data("BTCUSDT", "2024-04-01", "2024-04-02", "1h"):
        outer |= heard.call_ids
        heard.events.clear()
        manager.get_data("BTCUSDT", *DAY)
        assert not heard.call_ids & outer
        heard.events.clear()
    assert len(outer) == 1


def test_twenty_calls_at_once_each_keep_their_own_id(venues: Venues, desk: Desk) -> None:
    """Each thread asks for a day of its own; what an event tells of that day belongs to one call."""
    manager = desk.manager(venues(faults=[Fault("503", "/vision", times=6)]))
    heard = watched(manager)
    days = [f"2024-04-{day:02}" for day in range(1, 21)]
    ready = threading.Barrier(len(days))

    def ask(day: str) -> None:
        ready.wait()
        assert len(manager.get_data("BTCUSDT", day, day, "1m")) == 1440

    with ThreadPoolExecutor(len(days)) as threads:
        list(threads.map(ask, days))
    assert len(heard.call_ids) == len(days)
    assert_consistent(heard, days)


async def test_twenty_tasks_at_once_each_keep_their_own_id(venues: Venues, desk: Desk) -> None:
    async with desk.async_manager(venues(faults=[Fault("503", "/vision", times=6)])) as manager:
        heard = watched(manager)
        days = [f"2024-04-{day:02}" for day in range(1, 21)]
        await asyncio.gather(*(manager.get_data("BTCUSDT", day, day, "1m") for day in days))
    assert len(heard.call_ids) == len(days)
    assert_consistent(heard, days)


def assert_consistent(heard: Heard, days: list[str]) -> None:
    by_call: dict[int, list[Event]] = {}
    for event in heard.events:
        by_call.setdefault(event.call_id, []).append(event)
    asked = set()
    for events in by_call.values():
        urls = [e.url for e in events if isinstance(e, RequestSent | RequestFinished | Retry)]
        (day,) = {day for day in days for url in urls if day in url}
        assert all(day in url for url in urls)
        names = Counter(event.name for event in events)
        assert names["planned"] == names["segment_done"] == 1
        assert names["cache_written"] >= 1
        asked.add(day)
    assert asked == set(days)
    assert_paired(heard)


def test_a_cut_body_a_refusal_and_a_timeout_end_their_requests(venues: Venues, desk: Desk) -> None:
    faults = [Fault("cut", "v3/klines"), Fault("timeout", "v3/klines"), Fault("403", "v3/klines", times=None)]
    config = {"http": {"read_timeout_s": 1, "retry_count": 1}}
    manager = desk.manager(venues(faults=faults, missing=["*"]), config=config)
    heard = watched(manager)
    for _ in range(2):
        with pytest.raises(AllSourcesFailedError):
            manager.get_data("BTCUSDT", *DAY, enforce_source="rest")
    ends = [(e.status, e.error) for e in heard.of(RequestFinished) if "klines" in e.url]
    assert ends == [(200, "SourceTimeoutError"), (0, "SourceTimeoutError"), (403, "AccessDeniedError")]
    assert_paired(heard)


def test_a_deadline_and_a_cancellation_end_their_requests(venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault("timeout", "v3/klines", times=None)], missing=["*"])
    manager = desk.manager(venue)
    heard = watched(manager)
    with pytest.raises(AllSourcesFailedError):
        manager.get_data("BTCUSDT", *DAY, enforce_source="rest", deadline_s=0.5)
    assert heard.of(RequestFinished)[-1].error == "SourceTimeoutError"
    assert_paired(heard)

    async def cancelled() -> Heard:
        async with desk.async_manager(venue) as other:
            heard, under_way = watched(other), asyncio.Event()
            other.subscribe(lambda e: under_way.set() if "klines" in getattr(e, "url", "") else None)
            task = asyncio.create_task(other.get_data("BTCUSDT", *DAY, enforce_source="rest"))
            await under_way.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return heard

    heard = asyncio.run(cancelled())
    assert (heard.of(RequestFinished)[-1].status, heard.of(RequestFinished)[-1].error) == (
        0,
        "CancelledError",
    )
    assert_paired(heard)


def test_statuses_are_those_that_the_venue_gave(venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault("503", "/vision", times=2), Fault("500", "v3/klines")])
    manager = desk.manager(venue)
    heard = watched(manager)
    manager.get_data("BTCUSDT", NOW - 60 * HOUR, NOW, "1h", on_gaps="ignore")
    given = Counter((r.path, r.status) for r in sent(venue))
    told = Counter(
        ("/" + e.url.split("/", 3)[3].partition("?")[0], e.status) for e in heard.of(RequestFinished)
    )
    assert told == given
    assert sum(status >= 500 for _, status in given.elements()) == 3
    assert len(heard.of(Retry)) == 3
