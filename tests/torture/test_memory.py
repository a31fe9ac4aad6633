"""A long range of 1-second bars goes into the cache, and comes out of it, in bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from torture.scale import SCALE, count
from torture.seconds_archive import ROWS_A_DAY, seconds_archive
from torture.tally import tally

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux tells it")

START: Final = "2024-01-01"
END: Final = "2024-01-03" if SCALE == "short" else "2024-03-30"
DAYS: Final = count(3, 90)
# Beyond what a process that fetched one day has. A month's file is taken in at once: 2.7 million rows.
MOST_BYTES: Final = count(256, 1280) << 20


def run(verb: str, cache: Path, url: str) -> dict[str, int]:
    """What a process of its own says of the work."""
    endpoints = dict.fromkeys(("vision", "listing", "spot", "um", "cm"), url)
    config = {
        "http": {"state_dir": str(cache.parent / "limits"), "read_timeout_s": 300},
        "defaults": {"deadline_s": 1800},
        "providers": {"binance": {"sources": ["vision"], "endpoints": endpoints}},
    }
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    command = [sys.executable, "-m", "torture.memory_child", verb, str(cache), json.dumps(config), START, END]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, int] = json.loads(done.stdout)
    return told


def test_ninety_days_of_seconds_go_through_the_cache_in_bounded_memory(tmp_path: Path) -> None:
    with seconds_archive() as venue:
        brought = run("prefetch", tmp_path / "cache", venue.url)
        fetched = len(venue.asked)
        read = run("iter_data", tmp_path / "cache", venue.url)
        assert len(venue.asked) == fetched
    for told in (brought, read):
        assert told["rows"] == DAYS * ROWS_A_DAY
        assert told["peak"] - told["before"] < MOST_BYTES, told
    tally("memory: days of 1s bars", injected=DAYS, survived=DAYS)
