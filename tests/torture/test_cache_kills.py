"""SIGKILL at every system call and at any moment: old or new, never less, and the next call heals."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator
from itertools import count as numbers
from pathlib import Path

import pytest

from core.cache_series import MINUTE, rows_of
from dsm_core.cache import CacheStore
from dsm_core.model.time_range import RangeSet
from dsm_core.schema.chart_type import KLINES
from torture.cache_acts import FEBRUARY, KEY, LATER, MOVES, STORM_SPAN, WORLD, Act, known, storm_write
from torture.kill_server import KillServer
from torture.scale import count
from torture.tally import tally

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and waits for children by pidfd")
ROUNDS, KILLS = count(1, 20), count(40, 100)
STRIDE = count(6, 1)
READS = ("set aside",)
# Documents have no lock, so a leftover is swept when no live writer can have it.
UNLOCKED = ("document",)


@pytest.fixture(scope="module")
def killer() -> Iterator[KillServer]:
    with KillServer("torture.cache_acts") as server:
        yield server


@pytest.fixture
def allowed(name: str, tmp_path: Path) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """What may be seen of the act: all of it undone, all of it done."""
    seen = []
    for place in ("old", "new"):
        root = tmp_path / f"allowed-{place}"
        WORLD[name].before(root)
        if place == "new":
            WORLD[name].act(root)
        seen.append(WORLD[name].look(root))
    return seen[0], seen[1]


def killed_at(act: Act, root: Path, name: str, step: int, killer: KillServer) -> bool:
    act.before(root)
    return killer.at_step(name, root, step)


@pytest.mark.parametrize("name", WORLD)
def test_a_process_killed_at_any_system_call_leaves_the_old_or_the_new(
    name: str, tmp_path: Path, killer: KillServer, allowed: tuple[tuple[object, ...], tuple[object, ...]]
) -> None:
    act = WORLD[name]
    old, new = allowed
    killed = 0
    for step in numbers(0, STRIDE):
        root = tmp_path / str(step)
        if not killed_at(act, root, name, step, killer):
            break
        killed += 1
        seen = act.look(root)
        assert all(part in both for part, *both in zip(seen, old, new, strict=True)), step
        # No lock is stuck, and what is left of the dead is swept.
        act.act(root)
        assert act.look(root) == new, step
        if name in READS:
            # They write nothing any more; the next writer sweeps.
            CacheStore(root).fold(KEY, KLINES, now=LATER)
        assert list(root.rglob("*.tmp")) == [] or name in UNLOCKED, step
        shutil.rmtree(root)
    tally(f"SIGKILL at each system call: {name}", injected=killed, survived=killed)
    assert killed >= 5


@pytest.mark.parametrize("name", MOVES)
def test_what_a_killed_process_moved_out_of_the_way_is_known_or_wanted_afterwards(
    name: str, tmp_path: Path, killer: KillServer
) -> None:
    act = MOVES[name]
    first = FEBRUARY - (8 if name == "restate" else 5) * MINUTE
    held = RangeSet.from_pairs([(first, 2 * FEBRUARY - first)])
    killed = 0
    for step in numbers(0, count(3, 1)):
        root = tmp_path / str(step)
        if not killed_at(act, root, name, step, killer):
            break
        killed += 1
        values = {value for part in act.look(root) for value in dict(part).values()}  # type: ignore[call-overload]
        assert name != "restate" or values in (set(), {1.0}, {2.0}), step
        assert not held - known(root), step
        assert list(root.rglob("*.restated*")) == [], step
        shutil.rmtree(root)
    tally(f"SIGKILL at each system call: {name}, noted", injected=killed, survived=killed)
    assert killed >= 5


def storm_model() -> Iterator[dict[int, float]]:
    """What is held before the first write, before the second, and so on."""
    held: dict[int, float] = {}
    for number in numbers():
        yield held
        held = held | storm_write(number)[0]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_process_killed_at_any_moment_loses_no_write_that_had_ended(
    seed: int, tmp_path: Path, killer: KillServer
) -> None:
    moments = random.Random(seed)
    models = storm_model()
    store, held, done = CacheStore(tmp_path), next(models), 0
    for _ in range(KILLS):
        after, part = moments.randrange(4), moments.uniform(0, 1.2)
        reported, lived = killer.at_moment("storm", tmp_path, after, part, done)
        assert lived
        for _ in range(reported):
            held = next(models)
        done += reported
        seen = rows_of(store.read(KEY, KLINES, STORM_SPAN, columns=["close"]).table, "close")
        assert seen in (held, held | storm_write(done)[0])
    store.fold(KEY, KLINES, now=LATER + storm_write(done)[1])
    assert list(tmp_path.rglob("*.tmp")) == []
    assert all(problem is None for _, problem in store.verify())
    assert all(path.stem.count("-") == 1 for path in tmp_path.rglob("*.arrow"))
    assert done > KILLS
    tally("SIGKILL at any moment: writer and fold", injected=KILLS, survived=KILLS)
