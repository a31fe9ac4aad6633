"""Many processes at one series, and processes that make room beside others at work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.cache_series import DAY, minutes, rows_of
from dsm_core.cache import CacheStore, repair
from dsm_core.plugins.schemas import schema_of
from dsm_core.schema.chart_type import KLINES
from torture.cache_acts import FEBRUARY, KEY
from torture.cache_crowd import EVERYTHING, FIRST, MINUTE, covered_by, writes_of
from torture.minute_venue import minute_venue
from torture.scale import count
from torture.tally import tally

TESTS = Path(__file__).parents[1]
PROCESSES = count(4, 8)
WRITES = count(12, 200)


def child(*args: object, **how: Any) -> subprocess.Popen[bytes]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    command = [sys.executable, "-m", "torture.cache_crowd", *map(str, args)]
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, **how)


def ended(children: list[subprocess.Popen[bytes]]) -> list[bytes]:
    """What each had to say against it."""
    return [process.communicate(timeout=900)[1] for process in children]


def test_many_processes_leave_the_union_and_no_reader_sees_less(tmp_path: Path) -> None:
    children = [child("crowd", tmp_path, me, WRITES, PROCESSES) for me in range(PROCESSES)]
    assert ended(children) == [b""] * PROCESSES
    known = {me: list(writes_of(me, WRITES)) for me in range(PROCESSES)}
    union = {i for writes in known.values() for _, first, after in writes for i in range(first, after)}
    store = CacheStore(tmp_path)
    held = store.read(KEY, KLINES, EVERYTHING)
    rows = {(t - FIRST) // MINUTE: value for t, value in rows_of(held.table, "close").items()}
    assert rows.keys() == union
    for i, value in rows.items():
        first, after = covered_by(value, known)
        assert first <= i < after
    assert sum(r.end - r.start for r in held.ledger.ranges()) == len(union) * MINUTE
    store.fold(KEY, KLINES, now=FEBRUARY + DAY)
    assert list(tmp_path.rglob("*.tmp")) == []
    tally(
        f"{PROCESSES} processes, overlapping writes", injected=PROCESSES * WRITES, survived=PROCESSES * WRITES
    )


def test_no_process_makes_room_of_what_another_uses(tmp_path: Path) -> None:
    store, times = CacheStore(tmp_path), count(30, 1500)
    for day in range(4):
        store.write(KEY, KLINES, [minutes(FIRST + day * DAY, 500)], now=FEBRUARY + 90 * DAY)
    holder = child("hold", tmp_path, times, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    pruners = [child("make_room", tmp_path, times) for _ in range(2)]
    assert ended(pruners) == [b"", b""]
    assert len(list(tmp_path.rglob("*.arrow"))) == 2
    assert holder.communicate(b"go on\n", timeout=900)[1] == b""
    assert store.prune(max_bytes=1).files == 2
    tally("making room beside a running call", injected=2 * times, survived=2 * times)


def test_a_killed_user_keeps_nothing(tmp_path: Path) -> None:
    store = CacheStore(tmp_path)
    store.write(KEY, KLINES, [minutes(FIRST, 500)], now=FEBRUARY + 90 * DAY)
    holder = child("hold", tmp_path, 1, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert store.prune(max_bytes=1).in_use == 1
    holder.kill()
    holder.communicate()
    assert store.prune(max_bytes=1).files == 1
    tally("SIGKILL of a process that uses a series", injected=1, survived=1)


def test_processes_that_write_to_a_small_cache_lose_nothing_they_use(tmp_path: Path) -> None:
    writers, times = count(2, 4), count(25, 300)
    children = [child("churn", tmp_path, me, times) for me in range(writers)]
    assert ended(children) == [b""] * writers
    store = CacheStore(tmp_path, max_bytes=200_000)
    assert all(problem is None for _, problem in store.verify())
    store.prune(max_bytes=200_000)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.arrow")) <= 200_000
    tally("writes to a cache with max_size", injected=writers * times, survived=writers * times)


def test_a_cache_is_kept_in_order_beside_running_processes(tmp_path: Path) -> None:
    writers, times, rounds = count(2, 3), count(40, 800), 0
    children = [child("scribble", tmp_path, me, times) for me in range(writers)]
    store = CacheStore(tmp_path)
    while any(process.poll() is None for process in children):
        assert all(problem is None for _, problem in store.verify())
        done = repair(store, schema_of, now=FEBRUARY + 300 * DAY)
        assert (done.set_aside, done.left) == ((), ())
        assert store.damaged() == []
        assert all(held.rows for held in store.ls())
        list(store.ledgers())
        store.documents()
        store.prune(max_bytes=60_000)
        store.clear(lambda key: key.symbol != "S1")
        store.clear_documents(lambda name: not name.endswith("d1"))
        rounds += 1
    assert ended(children) == [b""] * writers
    assert [process.returncode for process in children] == [0] * writers
    assert rounds > 1
    assert all(problem is None for _, problem in store.verify())
    tally("order kept beside writers", injected=rounds, survived=rounds)


def test_calls_in_a_cache_too_small_for_them_deliver_every_row(tmp_path: Path) -> None:
    callers, times = count(2, 3), count(8, 120)
    with minute_venue() as venue:
        children = [child("call", tmp_path, venue.url, me, times) for me in range(callers)]
        assert ended(children) == [b""] * callers
    held = sum(path.stat().st_size for path in tmp_path.rglob("*.arrow"))
    assert held < 1_000_000
    tally("calls in a cache with max_size", injected=callers * times, survived=callers * times)
