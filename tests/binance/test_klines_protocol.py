"""Failover and completion: each missing range from the best source, and nothing asked twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from binance.venues import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    Desk,
    Venues,
    assert_equal,
    bars_of_rest,
    check_frame,
    frame_of,
    gaps,
    sent,
    sources,
    utc,
)
from dsm_binance.emulator import Emulator, Outage
from dsm_core.errors import IncompleteDataWarning

SPAN: dict[str, Any] = {"start_time": utc(2024, 5, 28), "end_time": utc(2024, 6, 15, 11), "interval": "1h"}
OLD_HOLE = (utc(2024, 6, 3, 2), utc(2024, 6, 3, 5))
NEW_HOLE = (utc(2024, 6, 13, 22), utc(2024, 6, 14, 1))
UNPUBLISHED = ["*/BTCUSDT-1h-2024-06-13.zip", "*/BTCUSDT-1h-2024-06-14.zip"]
CHILD = """
import json, sys
from datetime import datetime
from dsm_core import DataSourceManager
given = json.loads(sys.argv[1])
now = datetime.fromisoformat(given["now"])
own = {"cache_dir": given["cache"], "config": given["config"], "clock": lambda: now}
with DataSourceManager("spot", **own) as manager:
    data = manager.query("BTCUSDT", given["start"], given["end"], "1h")
print(json.dumps([len(data), data.requests, float(data.to_pandas()["close"].sum()), len(data.gaps)]))
"""


@pytest.fixture
def holed(venues: Venues) -> Emulator:
    """A venue with a hole in an archived range, and one in a range that only REST has."""
    outages = [Outage(*OLD_HOLE), Outage(*NEW_HOLE)]
    return venues(outages=outages, missing=UNPUBLISHED)


def truth(
    venue: Emulator, start: datetime, end: datetime, *, market: str = "spot", symbol: str = "BTCUSDT"
) -> Any:
    return frame_of(bars_of_rest(venue, market, symbol, "1h", start, end), "1h")


def test_one_call_joins_archive_and_rest_around_holes_and_the_next_one_asks_nothing(
    holed: Emulator, desk: Desk
) -> None:
    manager = desk.manager(holed)
    data = manager.query("BTCUSDT", **SPAN)
    frame = data.to_pandas()
    check_frame(frame)
    assert_equal(frame, truth(holed, SPAN["start_time"], utc(2024, 6, 15, 12)))
    assert sources(data) == ["vision", "rest"]
    assert gaps(data) == [(*OLD_HOLE, "venue_has_none", True), (*NEW_HOLE, "venue_has_none", True)]
    assert data.coverage.missing == 6

    holed.clear_requests()
    again = manager.query("BTCUSDT", **SPAN)
    assert_equal(again.to_pandas(), frame)
    assert gaps(again) == gaps(data)
    assert sources(again) == ["vision", "rest"]
    assert all(s.from_cache for s in again.provenance)
    assert (again.requests, holed.requests) == (0, [])


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (utc(2024, 5, 28), utc(2024, 5, 28)),
        (utc(2024, 6, 3, 1), utc(2024, 6, 3, 5)),
        (utc(2024, 6, 3, 2), utc(2024, 6, 3, 4)),
        (utc(2024, 6, 12, 23), utc(2024, 6, 14, 3)),
        (utc(2024, 6, 13, 23), utc(2024, 6, 13, 23)),
        (utc(2024, 6, 3, 2, 30), utc(2024, 6, 15, 9, 59)),
    ],
)
def test_any_part_of_a_fetched_range_needs_no_request(
    start: datetime, end: datetime, holed: Emulator, desk: Desk
) -> None:
    whole = desk.manager(holed).get_data("BTCUSDT", **SPAN)
    holed.clear_requests()
    part = desk.manager(holed).query("BTCUSDT", start, end, "1h", on_gaps="raise")
    assert_equal(part.to_pandas(), whole.loc[start:end])
    assert holed.requests == []


def test_another_process_answers_from_the_same_cache(holed: Emulator, desk: Desk) -> None:
    frame = desk.manager(holed).get_data("BTCUSDT", **SPAN)
    holed.clear_requests()
    given = {
        "cache": str(desk.tmp_path / "cache"),
        "config": desk.settings(holed),
        "now": NOW.isoformat(),
        "start": SPAN["start_time"].isoformat(),
        "end": SPAN["end_time"].isoformat(),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, json.dumps(given)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [len(frame), 0, float(frame["close"].sum()), 2]
    assert holed.requests == []


@pytest.mark.parametrize("how", ["configuration", "environment"])
def test_an_offline_manager_answers_from_the_cache_and_says_what_it_did_not_ask(
    how: str, holed: Emulator, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = desk.manager(holed).get_data("BTCUSDT", **SPAN)
    holed.clear_requests()
    if how == "environment":
        monkeypatch.setenv("DSM_OFFLINE", "1")
    offline = desk.manager(holed, config={"offline": True} if how == "configuration" else {})
    assert_equal(offline.get_data("BTCUSDT", **SPAN), frame)
    with pytest.warns(IncompleteDataWarning, match="not_requested"):
        wider = offline.query("BTCUSDT", utc(2024, 5, 27), SPAN["end_time"], "1h")
    assert gaps(wider)[0] == (utc(2024, 5, 27), utc(2024, 5, 28), "not_requested", False)
    assert_equal(wider.to_pandas(), frame)
    assert offline.explain("BTCUSDT", utc(2024, 5, 27), SPAN["end_time"], "1h").requests == 0
    assert holed.requests == []


@pytest.mark.parametrize("market", ["spot", "um", "cm"])
def test_the_requests_made_are_those_of_the_plan(market: str, venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue, market)
    symbol = "BTCUSD_PERP" if market == "cm" else "BTCUSDT"
    plan = manager.explain(symbol, **SPAN)
    assert venue.requests == []
    data = manager.query(symbol, **SPAN)
    assert data.gaps == ()
    assert data.requests == plan.requests == len(venue.requests)
    assert plan.weight + plan.clock_requests == sum(r.weight for r in venue.requests)
    objects = {s.task.name for s in plan.steps if s.task.url}
    assert {r.path.rpartition("/")[2] for r in sent(venue, "zip")} == {unquote(name) for name in objects}
    pages = {
        (s.task.span.start // 10**6, (s.task.span.end - 1) // 10**6) for s in plan.steps if not s.task.url
    }
    asked = {(int(r.query["startTime"]), int(r.query["endTime"])) for r in sent(venue, "klines")}
    assert asked == pages
    assert len(sent(venue, "time")) == plan.clock_requests == 1


def test_a_plan_for_what_the_cache_holds_is_empty(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    manager.get_data("BTCUSDT", **SPAN)
    plan = manager.explain("BTCUSDT", **SPAN)
    assert (plan.requests, plan.steps) == (0, ())
    assert "held" in str(plan)


@pytest.mark.parametrize(
    "missing", [utc(2024, 4, 17, 5), utc(2024, 4, 17), utc(2024, 4, 30, 23), utc(2024, 4, 1)]
)
def test_a_cached_month_that_lacks_one_bar_is_completed_by_a_request_for_that_bar(
    missing: datetime, venue: Emulator, desk: Desk
) -> None:
    manager = desk.manager(venue)
    for start, end in ((utc(2024, 4), missing), (missing + HOUR, utc(2024, 5))):
        if start < end:
            manager.get_data("BTCUSDT", start, end, "1h", enforce_source="rest", inclusive="left")
    venue.clear_requests()
    data = manager.query("BTCUSDT", "2024-04", "2024-04", "1h")
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 4), utc(2024, 5)))
    assert len(venue.requests) == 1
    asked = sent(venue, "klines")[0].query
    assert asked["limit"] == "1"
    opened = int(missing.timestamp() * 1000)
    assert (int(asked["startTime"]), int(asked["endTime"])) == (opened, opened + 3_600_000 - 1)
    venue.clear_requests()
    assert_equal(manager.get_data("BTCUSDT", "2024-04", "2024-04", "1h"), data.to_pandas())
    assert venue.requests == []


@pytest.mark.parametrize("lacking", [utc(2024, 4, 17, 5), utc(2024, 4, 17)])
def test_a_bar_that_the_archive_lacks_comes_from_rest_and_no_other_row_is_lost(
    lacking: datetime, venues: Venues, desk: Desk
) -> None:
    venue = venues()
    _withdraw(venue, lacking)
    data = desk.manager(venue).query("BTCUSDT", "2024-04", "2024-04", "1h")
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 4), utc(2024, 5)))
    assert data.gaps == ()
    assert [r.query["limit"] for r in sent(venue, "klines")] == ["1"]
    assert len(sent(venue, "zip")) == 1
    assert [(s.source, s.rows) for s in data.provenance if s.source == "rest"] == [("rest", 1)]


@pytest.mark.parametrize("lacking", [utc(2024, 4, 17, 5), utc(2024, 4, 17)])
def test_a_hole_seen_by_the_archive_alone_is_not_confirmed(
    lacking: datetime, venues: Venues, desk: Desk
) -> None:
    venue = venues()
    _withdraw(venue, lacking)
    manager = desk.manager(venue)
    alone = manager.query("BTCUSDT", "2024-04", "2024-04", "1h", enforce_source="vision", on_gaps="ignore")
    assert gaps(alone) == [(lacking, lacking + HOUR, "not_requested", False)]
    assert sent(venue, "klines") == []
    whole = manager.query("BTCUSDT", "2024-04", "2024-04", "1h", on_gaps="raise_any")
    assert_equal(whole.to_pandas(), truth(venue, utc(2024, 4), utc(2024, 5)))
    assert len(sent(venue, "klines")) == 1


def test_a_bar_that_nobody_has_is_asked_for_once(venues: Venues, desk: Desk) -> None:
    hole = utc(2024, 4, 17)
    venue = venues(outages=[Outage(hole, hole + HOUR)])
    manager = desk.manager(venue)
    data = manager.query("BTCUSDT", "2024-04", "2024-04", "1h", on_gaps="raise")
    assert gaps(data) == [(hole, hole + HOUR, "venue_has_none", True)]
    venue.clear_requests()
    assert gaps(manager.query("BTCUSDT", "2024-04-17", "2024-04-17", "1h")) == gaps(data)
    assert venue.requests == []


def test_a_hole_of_the_last_day_is_asked_again_after_a_while_and_then_confirmed(
    venues: Venues, desk: Desk
) -> None:
    hole = (utc(2024, 6, 15, 8), utc(2024, 6, 15, 9))
    venue = venues(outages=[Outage(*hole)])
    manager = desk.manager(venue)
    with pytest.warns(IncompleteDataWarning, match="venue_has_none"):
        data = manager.query("BTCUSDT", **SPAN)
    assert gaps(data) == [(*hole, "venue_has_none", False)]
    venue.clear_requests()
    manager.query("BTCUSDT", **SPAN, on_gaps="ignore")
    assert venue.requests == []
    venue.clock.advance(6 * MINUTE)
    manager.query("BTCUSDT", **SPAN, on_gaps="ignore")
    # An empty answer is looked at twice: the hole alone, then together with the bar before it.
    assert [r.query["limit"] for r in sent(venue, "klines")] == ["1", "2"]
    venue.clock.advance(DAY)
    data = manager.query("BTCUSDT", **SPAN, on_gaps="raise")
    assert gaps(data) == [(*hole, "venue_has_none", True)]
    venue.clear_requests()
    assert gaps(manager.query("BTCUSDT", **SPAN)) == gaps(data)
    assert venue.requests == []


def test_a_series_kept_up_to_date_asks_only_for_what_is_new(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = desk.manager(venue)
    manager.get_data("BTCUSDT", last="3d", interval="1h")
    venue.clock.advance(2 * HOUR)
    venue.clear_requests()
    frame = manager.get_data("BTCUSDT", last="3d", interval="1h")
    assert frame.index[-1] == utc(2024, 6, 15, 13)
    assert [r.query["limit"] for r in sent(venue, "klines")] == ["2"]
    assert sent(venue, "zip") == []


def test_bars_that_closed_a_moment_ago_are_handed_out_and_asked_again(venues: Venues, desk: Desk) -> None:
    venue = venues(now=utc(2024, 6, 15, 12, 0, 2))
    manager = desk.manager(venue)
    arguments: dict[str, Any] = {"last": 3, "interval": "1h"}
    assert manager.get_data("BTCUSDT", **arguments).index[-1] == utc(2024, 6, 15, 11)
    venue.clock.advance(timedelta(seconds=10))
    venue.clear_requests()
    assert manager.get_data("BTCUSDT", **arguments).index[-1] == utc(2024, 6, 15, 11)
    assert [r.query["limit"] for r in sent(venue, "klines")] == ["1"]
    venue.clear_requests()
    manager.get_data("BTCUSDT", **arguments)
    assert venue.requests == []


def test_a_file_published_anew_is_not_asked_for_again(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = desk.manager(venue)
    frame = manager.get_data("BTCUSDT", "2024-04", "2024-04", "1h")
    _republish(venue, changed={utc(2024, 4, 1): {"count": "99999"}})
    venue.clear_requests()
    assert_equal(manager.get_data("BTCUSDT", "2024-04", "2024-04", "1h"), frame)
    assert venue.requests == []


def test_concurrent_processes_fill_one_cache(holed: Emulator, desk: Desk) -> None:
    given = {
        "cache": str(desk.tmp_path / "cache"),
        "config": desk.settings(holed),
        "now": NOW.isoformat(),
        "start": SPAN["start_time"].isoformat(),
        "end": SPAN["end_time"].isoformat(),
    }
    command = [sys.executable, "-W", "error", "-c", CHILD, json.dumps(given)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    told = [child.communicate() for child in children]
    assert [child.returncode for child in children] == [0, 0], told
    answers = [json.loads(out) for out, _ in told]
    assert [(a[0], a[2], a[3]) for a in answers] == [(answers[0][0], answers[0][2], 2)] * 2
    holed.clear_requests()
    frame = desk.manager(holed).get_data("BTCUSDT", **SPAN)
    assert_equal(frame, truth(holed, SPAN["start_time"], utc(2024, 6, 15, 12)))
    assert holed.requests == []


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_can_ask(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue)
    manager.get_data("BTCUSDT", "2024-06-10", "2024-06-10", "1h")
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:  # pragma: no cover - the child
        status = 1
        try:
            rows = len(manager.get_data("BTCUSDT", "2024-06-10", "2024-06-12", "1h"))
            os.write(write, str(rows).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    assert (os.waitpid(pid, 0)[1], told) == (0, "72")
    venue.clear_requests()
    assert len(manager.get_data("BTCUSDT", "2024-06-10", "2024-06-12", "1h")) == 72
    assert venue.requests == []


def _withdraw(venue: Emulator, bar: datetime) -> None:
    for date in (f"{bar:%Y-%m}", f"{bar:%Y-%m-%d}"):
        size = "daily" if len(date) == 10 else "monthly"
        path = f"data/spot/{size}/klines/BTCUSDT/1h/BTCUSDT-1h-{date}.zip"
        venue.republish(path, withdrawn=[bar])


def _republish(venue: Emulator, **edit: Any) -> None:
    venue.republish("data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-04.zip", **edit)
