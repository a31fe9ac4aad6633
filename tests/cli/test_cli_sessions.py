"""What the command line tells of a market that closes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cli.running import Run
from core.sessions_venue import SessionVenue, utc
from dsm_core.plugins.registry import default_registry

WEEKEND = (
    "SPY",
    "1h",
    "--provider",
    "bourse",
    "--market",
    "equities",
    "--start",
    "2024-03-01",
    "--end",
    "2024-03-04",
)


@pytest.fixture(autouse=True)
def exchange() -> Iterator[SessionVenue]:
    with SessionVenue(utc(2026, 12, 5)) as venue, default_registry.registered("bourse", venue.client()):
        yield venue


def test_get_tells_how_long_the_market_was_closed(run: Run) -> None:
    result = run("get", *WEEKEND, "--strict")
    assert result.exit_code == 0
    assert "14 rows of bourse/equities/klines/SPY/1h;hours=regular" in result.stderr
    assert "The market was closed 3 times for 83.0 h in all" in result.stderr
    assert "gap" not in result.stderr


def test_get_lists_closed_time_apart_from_gaps(run: Run, exchange: SessionVenue) -> None:
    exchange.absent = {utc(2024, 3, 1, 16, 30)}
    told = json.loads(run("get", *WEEKEND, "--format", "json").stdout)
    assert [(gap["start_time"], gap["reason"]) for gap in told["gaps"]] == [
        ("2024-03-01T15:30:00+00:00", "venue_has_none")
    ]
    assert [(gap["start_time"], gap["bars"]) for gap in told["market_closed"]] == [
        ("2024-03-01T00:00:00+00:00", 0),
        ("2024-03-01T21:00:00+00:00", 0),
        ("2024-03-04T21:00:00+00:00", 0),
    ]


def test_coverage_counts_no_night_and_no_weekend(run: Run) -> None:
    run("get", *WEEKEND)
    [series] = json.loads(run("coverage", "--json").stdout)
    assert (series["rows"], series["held_share"], series["gaps"]) == (14, 1.0, [])
    assert series["known_until"] == "2024-03-04T21:00:00+00:00"
    assert "market closed" in run("coverage").stdout
