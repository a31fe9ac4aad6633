"""A cache of 300 symbols: filled in spite of a kill, asked by the dozen, and kept up to date."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
from attrs import define

from binance.venues import HOUR, Desk, Venues, check_frame, sent, utc
from dsm_binance.emulator import Emulator, Listing, Outage, RequestRecord
from dsm_core import DataSourceManager
from dsm_core.cache import CacheStore
from dsm_core.errors import RequestError
from dsm_core.fcp.upkeep import Updated
from dsm_core.output import MarketDataSet

# The first Monday of July: the file of June is out, and it is no more than days for most symbols.
NOW = utc(2024, 7, 1, 12, 0, 30)
START, DAYS = utc(2023, 5), timedelta(days=3)
USUAL = [Listing(f"U{i:03d}USDT", "um", listed_at=utc(2024, 6, 26, i % 24)) for i in range(270)]
GONE = [
    Listing(
        f"G{i:03d}USDT",
        "um",
        listed_at=utc(2024, 6, 20),
        delisted_at=utc(2024, 6, 24, i),
        removed=i % 2 == 0,
    )
    for i in range(20)
]
LATER = [Listing(f"L{i:03d}USDT", "um", listed_at=utc(2024, 6, 30, 2 * i)) for i in range(10)]
STOPPED = ("U001USDT", "U002USDT", "U003USDT")
OUTAGE = Outage(utc(2024, 6, 28, 3), utc(2024, 6, 28, 9), "um", STOPPED)
LISTINGS = {listing.symbol: listing for listing in (*USUAL, *GONE, *LATER)}
SYMBOLS = list(LISTINGS)
WORKER = """
import json, sys, warnings
from datetime import datetime
from dsm_core import DataSourceManager
given = json.loads(sys.argv[1])
now, start = (datetime.fromisoformat(given[k]) for k in ("now", "start"))
made = DataSourceManager("um", cache_dir=given["cache"], config=given["config"], clock=lambda: now)
made.get_many(given["symbols"], start, now, "1h", on_gaps="ignore")
"""


def bars(listing: Listing, until: datetime) -> int:
    """Hours that opened in the listing's life and closed by ``until``, less those of the outage."""
    assert listing.listed_at is not None
    end = min(until.replace(minute=0, second=0), listing.delisted_at or until)
    lost = 6 if listing.symbol in STOPPED else 0
    return (end - listing.listed_at) // HOUR - lost


def zips(records: list[RequestRecord]) -> Counter[str]:
    return Counter(r.path for r in records if r.kind == "zip" and r.status == 200)


@define
class Held:
    """A filled cache, and what it took to fill it."""

    venue: Emulator
    desk: Desk
    before_kill: list[RequestRecord]
    kept_at_kill: set[str]
    after_kill: list[RequestRecord]
    resumed: MarketDataSet

    def manager(self, name: str) -> DataSourceManager:
        self.venue.clear_requests()
        self.venue.reset_limits()
        config = {"http": {"state_dir": str(self.desk.tmp_path / name)}}
        return self.desk.manager(self.venue, "um", config=config)


def wait_for_files(venue: Emulator, count: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while zips(venue.requests).total() < count:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)


def origins(cache: Path) -> set[str]:
    """Paths of the files whose rows are in the cache."""
    entries = (entry for series in CacheStore(cache).ledgers(lambda key: True) for entry in series.ledger)
    return {urlsplit(entry.origin.url).path for entry in entries if entry.origin.url is not None}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    desk = Desk(tmp_path_factory.mktemp("many"))
    with Emulator(listings=LISTINGS.values(), outages=[OUTAGE], now=NOW) as venue, desk.stack:
        given = {
            "now": NOW.isoformat(),
            "start": START.isoformat(),
            "cache": str(desk.tmp_path / "cache"),
            "config": desk.settings(venue, http={"state_dir": str(desk.tmp_path / "killed")}),
            "symbols": SYMBOLS,
        }
        with subprocess.Popen([sys.executable, "-c", WORKER, json.dumps(given)]) as process:
            wait_for_files(venue, 120, process)
            os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        kept = origins(desk.tmp_path / "cache")
        found = Held(venue, desk, venue.requests, kept, [], MarketDataSet({}, {}))
        manager = found.manager("resumed")
        found.resumed = manager.get_many(SYMBOLS, START, NOW, "1h", on_gaps="ignore")
        found.after_kill = venue.requests
        yield found


@define
class Extended:
    """The same cache three days later."""

    held: Held
    lines: dict[str, Updated]
    records: list[RequestRecord]
    again: tuple[Updated, ...]
    records_again: list[RequestRecord]
    manager: DataSourceManager


@pytest.fixture(scope="module")
def extended(held: Held) -> Extended:
    held.venue.clock.set(NOW + DAYS)
    manager = held.manager("updated")
    lines = manager.update()
    records = held.venue.requests
    held.venue.clear_requests()
    again = manager.update()
    return Extended(
        held, {line.key.symbol: line for line in lines}, records, again, held.venue.requests, manager
    )


def test_a_killed_download_resumes_where_it_was(held: Held) -> None:
    # The venue may finish answering the killed process after the new one began.
    times = zips(held.before_kill) + zips(held.after_kill)
    assert zips(held.before_kill).total() > 100
    # What was in flight at the kill, or on its way to the disk, is fetched again.
    assert len(held.kept_at_kill) > 50
    assert not held.kept_at_kill & zips(held.after_kill).keys()
    assert sum(count == 2 for count in times.values()) <= 2 * 13
    every = {path.rpartition("/")[2] for path in times}
    assert {f"{symbol}-1h-2024-06.zip" for symbol in SYMBOLS} <= every


def test_all_300_symbols_are_whole(held: Held) -> None:
    assert not held.resumed.errors
    assert list(held.resumed) == SYMBOLS
    found = {symbol: len(data) for symbol, data in held.resumed.items()}
    assert found == {symbol: bars(listing, NOW) for symbol, listing in LISTINGS.items()}


def test_gaps_of_300_symbols_tell_listing_delisting_and_outage(held: Held) -> None:
    for symbol, listing in LISTINGS.items():
        told = {(g.reason, g.start_time, g.end_time) for g in held.resumed[symbol].gaps}
        expected: set[Any] = {("not_listed_yet", START, listing.listed_at)}
        if listing.delisted_at is not None:
            expected.add(("delisted", listing.delisted_at, utc(2024, 7, 1, 12)))
        if symbol in STOPPED:
            expected.add(("venue_has_none", OUTAGE.start, OUTAGE.end))
        told = {gap for gap in told if gap[0] != "not_closed_yet"}
        assert told == expected, symbol


def test_many_at_once_equal_one_by_one(held: Held) -> None:
    manager = held.manager("one-by-one")
    for symbol, data in held.resumed.items():
        alone = manager.query(symbol, START, NOW, "1h", on_gaps="ignore")
        assert alone.to_arrow().equals(data.to_arrow())
        assert alone.gaps == data.gaps
    assert [r for r in held.venue.requests if r.kind != "time"] == []


def test_an_update_asks_only_for_what_is_new(extended: Extended) -> None:
    assert set(extended.lines) == set(SYMBOLS)
    for record in extended.records:
        if record.kind in ("zip", "checksum"):
            dated = re.search(r"-(\d{4}-\d{2}(-\d{2})?)\.zip", record.path)
            assert dated is not None
            # The held half of the first day is not fetched again; of what is gone, days are looked for.
            gone = LISTINGS[record.path.split("/")[-3]].delisted_at is not None
            assert gone or dated[1] >= "2024-07-02", record.path
        elif record.kind == "klines":
            listing = LISTINGS[record.query["symbol"]]
            if listing.delisted_at is not None and record.query["limit"] == "1":
                # Where the first bar and the last one are.
                continue
            held_until = listing.delisted_at or NOW.replace(second=0)
            assert int(record.query["startTime"]) >= held_until.timestamp() * 1000 - 3_600_000, record
    assert max(zips(extended.records).values()) == 1
    downloaded = zips(extended.held.before_kill).keys() | zips(extended.held.after_kill).keys()
    assert not zips(extended.records).keys() & downloaded


def test_an_update_makes_every_series_whole_again(extended: Extended) -> None:
    for symbol, listing in LISTINGS.items():
        line = extended.lines[symbol]
        assert line.error is None, line
        assert line.rows == bars(listing, NOW + DAYS) - bars(listing, NOW), line
    found = extended.manager.get_many(SYMBOLS, START, NOW + DAYS, "1h", on_gaps="ignore")
    assert {s: len(d) for s, d in found.items()} == {s: bars(x, NOW + DAYS) for s, x in LISTINGS.items()}
    check_frame(found["U000USDT"].to_pandas())


def test_a_second_update_at_once_asks_nobody_but_the_clock(extended: Extended) -> None:
    assert {r.kind for r in extended.records_again} <= {"time"}
    assert len(extended.again) == 300
    assert sum(line.rows for line in extended.again) == 0
    assert not [line for line in extended.again if line.partial and line.key.symbol[0] != "G"]


def test_an_update_of_a_pattern_touches_no_other_series(extended: Extended) -> None:
    extended.held.venue.clock.set(NOW + DAYS + 2 * HOUR)
    extended.held.venue.clear_requests()
    try:
        lines = extended.manager.update("U00*")
        assert [line.key.symbol for line in lines] == [f"U00{i}USDT" for i in range(10)]
        assert [line.rows for line in lines] == [2] * 10
        asked = {r.query["symbol"] for r in sent(extended.held.venue, "klines")}
        assert asked == {line.key.symbol for line in lines}
        keys = ["binance/um/klines/U200USDT/1h", "binance/um/klines/NEVERUSDT/1h"]
        never, other = extended.manager.update(series=keys)
        assert isinstance(never.error, RequestError)
        assert (other.rows, other.error) == (2, None)
    finally:
        extended.held.venue.clock.set(NOW + DAYS)


def test_an_update_brings_funding_too(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=[Listing("BTCUSDT", "um", listed_at=utc(2024, 4))], now=NOW + HOUR / 2)
    manager = desk.manager(venue, "um")
    manager.prefetch("BTCUSDT", utc(2024, 5), NOW, chart_type="funding_rate")
    venue.clock.advance(DAYS)
    venue.clear_requests()
    (line,) = manager.update()
    assert (line.rows, line.error) == (9, None)
    assert [r.kind for r in sent(venue) if r.kind != "time"] == ["fundingRate"]
    venue.clear_requests()
    manager.update()
    assert {r.kind for r in venue.requests} <= {"time"}
    found = manager.get_data("BTCUSDT", utc(2024, 5), chart_type="funding_rate")
    assert found.index.equals(pd.date_range(utc(2024, 5), NOW + DAYS, freq="8h", unit="ns"))


def test_without_a_cache_there_is_nothing_to_update(venues: Venues, desk: Desk, tmp_path: Path) -> None:
    venue = venues()
    with pytest.raises(RequestError, match="cache"):
        desk.manager(venue, use_cache=False).update()
    with pytest.raises(RequestError, match="jobs"):
        desk.manager(venue).update(jobs=0)
    assert desk.manager(venue, cache_dir=tmp_path / "empty").update() == ()
    assert sent(venue) == []
