"""A long backfill that is killed at any moment goes on where it was, and downloads nothing twice."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from attrs import define, field

from dsm_binance.emulator import Emulator, Listing
from dsm_core.cache import CacheStore
from dsm_core.model import to_ns
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.schema.chart_type import KLINES
from torture.backfill_child import NOW
from torture.scale import count
from torture.tally import tally

KEY: Final = SeriesKey.parse("binance/spot/klines/BTCUSDT/1h")
YEARS: Final = (2021, 2022, 2023)
MONTHS: Final = tuple(f"{year}-{month:02}" for year in YEARS for month in range(1, 13))
RANGE: Final = (MONTHS[0], MONTHS[-1])
ROWS: Final = (365 * 3) * 24
# Files that one process has in flight; what a kill can cost.
LANE: Final = 4
KILLS: Final = count(4, 150)
# Each of the months brings some ten events: requests that are sent and finished, rows that are cached.
MOST_EVENTS: Final = 200


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    with Emulator(listings=[Listing("BTCUSDT")], now=NOW, rest=False) as made:
        yield made


@define
class Backfill:
    """A range that is brought by one process after another."""

    venue: Emulator
    cache: Path
    landed: set[str] = field(factory=set)

    def run(self, events: int | None) -> bool:
        """Go on, and be killed after so many events; whether it was killed."""
        self.venue.clear_requests()
        endpoints = {
            key: value if isinstance(value, str) else list(value) for key, value in self._endpoints()
        }
        section = {"endpoints": endpoints, "max_concurrent_downloads": LANE, "sources": ["vision"]}
        config = {
            "http": {"state_dir": str(self.cache.parent / "limits")},
            "providers": {"binance": section},
        }
        command = [
            sys.executable,
            "-m",
            "torture.backfill_child",
            str(self.cache),
            json.dumps(config),
            *RANGE,
        ]
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            said = process.stdout.read(-1 if events is None else events)
            is_killed = events is not None and len(said) == events
            if is_killed:
                process.kill()
        assert is_killed or process.returncode == 0
        return is_killed

    def _endpoints(self) -> list[tuple[str, object]]:
        base = str(self.venue.endpoints["vision"])
        everywhere = dict.fromkeys(("vision", "listing", "spot", "um", "cm"), base)
        return list((everywhere | dict(self.venue.endpoints)).items())

    def asked(self) -> list[str]:
        """Months whose file was asked for by the last process."""
        return [r.path.removesuffix(".zip")[-7:] for r in self.venue.requests if r.kind == "zip"]

    def held(self) -> set[str]:
        """Months that the cache holds whole."""
        rows = self.ranges()
        return {month for month in MONTHS if not RangeSet.of(span_of(month)) - rows}

    def ranges(self) -> RangeSet:
        span = TimeRange(span_of(MONTHS[0]).start, span_of(MONTHS[-1]).end)
        found = CacheStore(self.cache).read(KEY, KLINES, span)
        assert found.damaged == ()
        assert len(found.table) * 3600 * 10**9 == sum(r.end - r.start for r in found.ledger.ranges(is_rows))
        return found.ledger.ranges(is_rows)


def is_rows(entry: object) -> bool:
    return getattr(entry, "state", None) == "rows"


def span_of(month: str) -> TimeRange:
    year, number = map(int, month.split("-"))
    after = (year + number // 12, number % 12 + 1)
    return TimeRange(to_ns(NOW.replace(year, number, 1, 0)), to_ns(NOW.replace(*after, 1, 0)))


def test_a_backfill_killed_at_any_moment_downloads_nothing_twice_but_what_was_in_flight(
    venue: Emulator, tmp_path: Path
) -> None:
    dice, kills, again = random.Random(7), 0, 0
    backfill = Backfill(venue, tmp_path / "cache-0" / "c")
    while kills < KILLS:
        if not backfill.run(dice.randrange(1, MOST_EVENTS)):
            backfill = Backfill(venue, tmp_path / f"cache-{kills}" / "c")
            continue
        kills += 1
        asked, held = backfill.asked(), backfill.held()
        assert not set(asked) & backfill.landed, "what was kept is fetched again"
        assert len(asked) == len(set(asked))
        assert backfill.landed <= held, "what was kept is gone"
        in_flight = set(asked) - held
        assert len(in_flight) <= LANE, in_flight
        again, backfill.landed = again + len(in_flight), held
    assert not backfill.run(None)
    assert not set(backfill.asked()) & backfill.landed
    rows = sum(r.end - r.start for r in backfill.ranges()) // (3600 * 10**9)
    assert rows == ROWS
    assert not list(backfill.cache.rglob("*.tmp"))
    tally("SIGKILL during a backfill", injected=kills, survived=kills, rows_lost=ROWS - rows)
