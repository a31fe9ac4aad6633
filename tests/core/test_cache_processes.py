"""Many processes at one cache, and processes that die in the middle of a write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.cache_child import BLOCKS, BORDER, EVERYTHING, KEY, before, blocks_of, change, crowd
from core.cache_series import DAY, rows_of
from dsm_core.cache import CacheStore
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES

TESTS = Path(__file__).parents[1]
WRITERS, WRITES = 4, 25
JANUARY = TimeRange(BORDER - 3 * DAY, BORDER)
FEBRUARY = TimeRange(BORDER, BORDER + DAY)


def child(*args: str) -> subprocess.Popen[bytes]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-m", "core.cache_child", *args], env=env, stderr=subprocess.PIPE
    )


def test_four_writers_leave_the_union_and_no_reader_sees_a_torn_block(tmp_path: Path) -> None:
    children = [child("crowd", str(tmp_path), str(i), str(WRITES)) for i in range(WRITERS)]
    errors = [process.communicate(timeout=60)[1] for process in children]
    assert errors == [b""] * WRITERS
    written = {(me * 7 + i * 3) % BLOCKS for me in range(WRITERS) for i in range(WRITES)}
    store = CacheStore(tmp_path)
    assert blocks_of(store).keys() == written
    assert {p.name for p in tmp_path.rglob("*.arrow")} == {"2024-01.arrow", "2024-02-01.arrow"}
    ledger = store.read(KEY, KLINES, EVERYTHING).ledger
    assert (
        sum(e.end - e.start for e in ledger) == len(written) * (EVERYTHING.end - EVERYTHING.start) // BLOCKS
    )


def test_threads_of_one_process_share_a_cache(tmp_path: Path) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(crowd, str(tmp_path), str(i), "10") for i in range(WRITERS)]:
            done.result()
    written = {(me * 7 + i * 3) % BLOCKS for me in range(WRITERS) for i in range(10)}
    assert blocks_of(CacheStore(tmp_path)).keys() == written


def state(store: CacheStore, span: TimeRange) -> tuple[object, ...]:
    found = store.read(KEY, KLINES, span)
    assert found.damaged == ()
    return rows_of(found.table, "close"), found.ledger


def test_a_writer_killed_at_any_step_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for root in (old, new):
        before(str(root))
    CacheStore(new).write(KEY, KLINES, change(), now=BORDER + DAY)
    allowed = [[state(CacheStore(root), span) for root in (old, new)] for span in (JANUARY, FEBRUARY)]
    step = 0
    finished = False
    while not finished:
        batch = [(tmp_path / f"step{step + i}", str(step + i)) for i in range(6)]
        for root, _ in batch:
            shutil.copytree(old, root)
        children = [(root, child("dying", str(root), number)) for root, number in batch]
        for root, process in children:
            error = process.communicate(timeout=60)[1]
            assert error == b""
            finished |= process.returncode == 0
            store = CacheStore(root)
            found = [state(store, span) for span in (JANUARY, FEBRUARY)]
            assert all(f in a for f, a in zip(found, allowed, strict=True))
            store.write(KEY, KLINES, change(), now=BORDER + DAY)
            healed = [state(store, span) for span in (JANUARY, FEBRUARY)]
            assert healed == [a[1] for a in allowed]
            assert list(root.rglob("*.tmp")) == []
            assert sorted(p.name for p in root.rglob("*.arrow")) == ["2024-01.arrow", "2024-02-01.arrow"]
        step += len(batch)
    assert step > 12
