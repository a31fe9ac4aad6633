"""Updates that were cut short, partly held files, and symbols that are gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from binance.venues import DAY, HOUR, NOW, Desk, Venues, sent, utc
from dsm_binance.emulator import Emulator, Fault, Listing
from dsm_core.errors import CacheWarning

LONG = [Listing("BTCUSDT", "um", listed_at=utc(2024))]
UPDATER = """
import json, sys
from datetime import datetime
from dsm_core import DataSourceManager
given = json.loads(sys.argv[1])
now = datetime.fromisoformat(given["now"])
DataSourceManager("um", cache_dir=given["cache"], config=given["config"], clock=lambda: now).update()
"""


def zips(venue: Emulator) -> list[str]:
    return [r.path.rpartition("/")[2] for r in venue.requests if r.kind == "zip" and r.status == 200]


def test_a_day_that_an_update_lost_is_asked_for_by_the_next(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=LONG, now=NOW)
    manager = desk.manager(venue, "um", retry_count=0)
    manager.prefetch("BTCUSDT", utc(2024, 6, 14), NOW, "1h")
    venue.clock.advance(10 * DAY)
    venue.add_fault(Fault("500", match="-2024-06-18.zip", times=None))
    venue.add_fault(Fault("500", match="/fapi/v1/klines", times=None))
    (line,) = manager.update()
    assert line.partial
    missing = [(g.start_time, g.bars, g.reason) for g in line.gaps]
    # Where REST fails, the rest of the held day comes from its file after all.
    assert missing == [(utc(2024, 6, 18), 24, "source_failed"), (utc(2024, 6, 25), 12, "source_failed")]
    venue.clear_faults()
    venue.clear_requests()
    (line,) = manager.update()
    assert (line.rows, line.gaps, line.error) == (36, (), None)
    assert zips(venue) == ["BTCUSDT-1h-2024-06-18.zip"]
    found = manager.get_data("BTCUSDT", utc(2024, 6, 14), interval="1h", on_gaps="raise_any")
    assert len(found) == 24 + 12 + 10 * 24


@pytest.mark.parametrize("after", [3, 17, 31])
def test_an_update_that_was_killed_is_finished_by_the_next(venues: Venues, desk: Desk, after: int) -> None:
    venue = venues(listings=LONG, now=NOW)
    manager = desk.manager(venue, "um")
    manager.prefetch("BTCUSDT", utc(2024, 6, 14), NOW, "1m")
    venue.clock.advance(40 * DAY)
    now = NOW + 40 * DAY
    venue.clear_requests()
    given = {"now": now.isoformat(), "cache": str(desk.tmp_path / "cache"), "config": desk.settings(venue)}
    with subprocess.Popen([sys.executable, "-c", UPDATER, json.dumps(given)]) as process:
        until = time.monotonic() + 60
        while len(zips(venue)) < after and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    venue.reset_limits()
    (line,) = manager.update()
    assert not line.partial, line
    found = manager.query("BTCUSDT", utc(2024, 6, 14), now, "1m", on_gaps="ignore")
    assert {g.reason for g in found.gaps} <= {"not_closed_yet"}
    assert len(found) == (now - utc(2024, 6, 14)) // timedelta(minutes=1)


def test_the_rest_of_a_held_day_comes_without_its_file(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=LONG, now=NOW)
    manager = desk.manager(venue, "um")
    # Three bars of the day are held, so most of its file would be new; a page costs less than two files.
    manager.prefetch("BTCUSDT", utc(2024, 6, 14, 20), utc(2024, 6, 15, 2), "1h")
    venue.clock.advance(3 * DAY)
    venue.clear_requests()
    (line,) = manager.update()
    assert line.error is None
    assert zips(venue) == [f"BTCUSDT-1h-2024-06-{day}.zip" for day in (16, 17)]
    starts = sorted(int(r.query["startTime"]) for r in sent(venue, "klines"))
    assert starts[0] == int(utc(2024, 6, 15, 3).timestamp() * 1000)
    assert line.rows == (NOW + 3 * DAY - utc(2024, 6, 15, 3)) // HOUR


def test_what_the_venue_forgot_comes_from_a_file_that_is_partly_held(venues: Venues, desk: Desk) -> None:
    gone = Listing("OLDUSDT", "um", listed_at=utc(2024, 6), delisted_at=utc(2024, 6, 15, 18), removed=True)
    venue = venues(listings=[gone], now=NOW)
    manager = desk.manager(venue, "um")
    manager.prefetch("OLDUSDT", utc(2024, 6, 15, 2), NOW, "1h")
    assert zips(venue) == []
    venue.clock.advance(3 * DAY)
    (line,) = manager.update()
    assert (line.rows, line.error) == (6, None)
    assert zips(venue) == ["OLDUSDT-1h-2024-06-15.zip"]
    # It holds nothing more, so it is not read again, however often the end is looked at.
    venue.clock.advance(3 * DAY)
    venue.clear_requests()
    (line,) = manager.update()
    assert (line.rows, zips(venue)) == (0, [])


def test_the_plan_of_an_update_is_what_it_asks(venues: Venues, desk: Desk, tmp_path: Path) -> None:
    venue = venues(listings=LONG, now=NOW)
    manager = desk.manager(venue, "um")
    manager.prefetch("BTCUSDT", utc(2024, 6, 14), NOW, "1h")
    venue.clock.advance(2 * DAY)
    plan = manager.explain("BTCUSDT", utc(2024, 6, 14), interval="1h")
    venue.clear_requests()
    manager.update()
    assert len(venue.requests) == plan.requests


@pytest.mark.parametrize("place", ["its bytes", "its end", "all of it"])
@pytest.mark.parametrize("seen_by", ["update", "a call"])
def test_an_update_fetches_what_a_damaged_file_held(
    venues: Venues, desk: Desk, place: str, seen_by: str
) -> None:
    venue = venues(listings=LONG, now=NOW)
    manager = desk.manager(venue, "um")
    manager.prefetch("BTCUSDT", utc(2024, 3), NOW, "1m")
    day = ("2024-04-07", "2024-04-07")
    [file] = (desk.tmp_path / "cache").rglob("2024-04.arrow")
    content = bytearray(file.read_bytes())
    if place == "its bytes":
        content[2000] ^= 255
    else:
        content = bytearray(b"x" * 5000) if place == "all of it" else content[:-40]
    file.write_bytes(content)
    venue.clear_requests()
    notices = {"update": manager.update, "a call": lambda: manager.get_data("BTCUSDT", *day, "1m")}
    with pytest.warns(CacheWarning, match="2024-04"):
        notices[seen_by]()
    (line,) = manager.update()
    assert not line.partial
    assert set(zips(venue)) <= {"BTCUSDT-1m-2024-04.zip"} | {
        f"BTCUSDT-1m-2024-04-{d:02}.zip" for d in range(1, 31)
    }
    found = manager.get_data("BTCUSDT", utc(2024, 3), NOW, "1m", on_gaps="raise")
    assert len(found) == (NOW.replace(second=0) - utc(2024, 3)) // timedelta(minutes=1)
