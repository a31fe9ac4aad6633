"""Processes of one machine before one venue: together within its limits, and silent when it bans one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from binance.venues import sent
from dsm_binance.emulator import Emulator, Fault
from torture.network_clients import NOW
from torture.scale import SCALE, count
from torture.tally import tally

TESTS = Path(__file__).parents[1]
PROCESSES = 6
# A page of 1000 minutes of spot weighs 2 of 6000; one of 1500 of USDS-M weighs 10 of 2400.
MARKET, CAPACITY, HOURS = ("um", 2400, 24 * 5) if SCALE == "short" else ("spot", 6000, 24 * 5)
BAN_S = 4.0


@contextmanager
def child(venue: Emulator, folder: Path, number: int, **given: Any) -> Iterator[subprocess.Popen[str]]:
    """A process with a manager, which says when it is ready and waits for the word."""
    endpoints = {key: venue.endpoints.get(key, "http://127.0.0.1:9") for key in venue.endpoints}
    config = {
        "cache": {"enabled": False},
        "defaults": {"max_wait_s": given.pop("max_wait_s", 2)},
        "http": {"state_dir": str(folder / "limits"), "max_concurrent": 8},
        "providers": {"binance": {"endpoints": endpoints}},
    }
    settings = {"number": number, "market": MARKET, "hours": HOURS, "turns": 10_000, "config": config} | given
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    command = [sys.executable, "-m", "torture.weight_child", json.dumps(settings)]
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        yield process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:

        def start(venue: Emulator, count_of: int, **given: Any) -> list[subprocess.Popen[str]]:
            made = [stack.enter_context(child(venue, tmp_path, i, **given)) for i in range(count_of)]
            for process in made:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            return made

        yield start


def test_six_processes_that_hammer_stay_within_the_venues_limit(children: Any) -> None:
    # In the full form each waits for two more windows before it gives up.
    patience_s = count(2, 61)
    turns = count(10_000, 250)
    with Emulator(now=NOW, vision=False) as venue:
        processes = children(venue, PROCESSES, max_wait_s=patience_s, turns=turns)
        for process in processes:
            go(process)
        ends = [told(process) for process in processes]
        asked = sent(venue, "klines")
        assert {r.status for r in venue.requests} <= {200}, "not one refusal"
        weights = [(r.when, r.weight) for r in venue.requests]
        busiest = max(sum(w for at, w in weights if begin <= at < begin + 60.0) for begin, _ in weights[::50])
        assert busiest <= CAPACITY
        assert sum(r.weight for r in asked) >= 0.9 * CAPACITY, "they were to reach the limit"
        if SCALE == "short":
            assert {end["ended"] for end in ends} == {"RateLimitError"}
        tally("requests within the shared weight", injected=len(asked), survived=len(asked))


def test_after_a_ban_no_request_leaves_any_process_until_its_time(children: Any) -> None:
    with Emulator(now=NOW, vision=False) as venue:
        first, *others = children(venue, PROCESSES, max_wait_s=60, turns=1, hours=1)
        venue.add_fault(Fault("418", "klines", retry_after=BAN_S))
        go(first)
        assert told(first)["ended"] == "RateLimitError"
        banned_at = next(r.when for r in venue.requests if r.status == 418)
        for process in others:
            go(process)
        ends = [told(process) for process in others]
        assert {end["ended"] for end in ends} == {"done"}
        later = [r.when for r in venue.requests if r.when > banned_at]
        assert len(later) == len(others)
        assert min(later) >= banned_at + BAN_S
        tally("requests kept back by a ban", injected=len(later), survived=len(later))


def test_a_ban_longer_than_may_be_waited_sends_nothing_at_all(children: Any) -> None:
    with Emulator(now=NOW, vision=False) as venue:
        first, *others = children(venue, PROCESSES, turns=5, hours=1)
        venue.add_fault(Fault("418", "klines", retry_after=900))
        for process in (first, *others):
            go(process)
            end = told(process)
            assert (end["turns"], end["ended"]) == (0, "RateLimitError")
            assert 800 < end["wait_s"] <= 900
        assert [r.status for r in venue.requests] == [418]
        tally("requests kept back by a ban", injected=len(others), survived=len(others))
