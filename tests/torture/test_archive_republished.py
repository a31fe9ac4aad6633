"""Files that the archive publishes anew: found by their checksums, brought, and told of row by row."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from binance.venues import (
    DAY,
    HOUR,
    NOW,
    Desk,
    Venues,
    assert_equal,
    bars_of_rest,
    frame_of,
    gaps,
    make_rows,
    ns,
    sources,
    utc,
    write_zip,
)
from dsm_binance.emulator import Emulator, Fault
from dsm_binance.plugin import dsm_provider
from dsm_binance.rest import SpotKlinesRest
from dsm_binance.vision import SpotKlinesVision
from dsm_binance.vision_import import import_archive
from dsm_core import DataSourceManager, MarketData, Refreshed
from dsm_core.cache import CacheStore, Quarantine
from dsm_core.errors import InvalidRangeError, OfflineError, RequestError
from dsm_core.plugins import Registry
from torture.scale import count
from torture.tally import tally

FOLDER = "data/spot/daily/klines/BTCUSDT/1h"
TENTH, ELEVENTH, TWELFTH = (utc(2024, 6, day) for day in (10, 11, 12))
DAYS: tuple[Any, ...] = ("BTCUSDT", "2024-06-10", "2024-06-12", "1h")
KEY = "binance/spot/klines/BTCUSDT/1h"
AT, GONE = ELEVENTH + 4 * HOUR, ELEVENTH + 5 * HOUR
ROUNDS = count(3, 40)
# Requests that are sent and end, and the write: a refresh of three files has nine.
EVENTS, KILLS = 9, count(5, 45)
KILLED = """
import json, os, signal, sys
from datetime import datetime
from dsm_core import DataSourceManager
given = json.loads(sys.argv[1])
now, left = datetime.fromisoformat(given["now"]), [given["events"]]

def count(event):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

with DataSourceManager("spot", "binance", cache_dir=given["cache"], config=given["config"],
                       clock=lambda: now) as manager:
    manager.subscribe(count)
    manager.refresh()
"""


def manager_of(desk: Desk, venue: Any, **given: Any) -> DataSourceManager:
    return desk.manager(venue, **({"provider": "binance"} | given))


def path_of(day: datetime) -> str:
    return f"{FOLDER}/BTCUSDT-1h-{day:%Y-%m-%d}.zip"


def truth(venue: Emulator, start: datetime, end: datetime) -> Any:
    return frame_of(bars_of_rest(venue, "spot", "BTCUSDT", "1h", start, end), "1h")


def republish(venue: Emulator) -> None:
    """One bar of the eleventh has another volume, another is gone."""
    venue.republish(path_of(ELEVENTH), {AT: {"volume": "1.25", "count": "7"}}, [GONE])
    venue.clear_requests()


def edited(frame: Any) -> Any:
    """What `republish` makes of the truth."""
    frame.loc[AT, ["volume", "count"]] = [1.25, 7]
    return frame.drop(GONE).astype({"count": "int64"})


def the_one(lines: tuple[Refreshed, ...]) -> Refreshed:
    (line,) = lines
    assert line.error is None
    return line


def held(manager: DataSourceManager) -> MarketData:
    return manager.query(*DAYS, enforce_source="cache", on_gaps="ignore")


def test_an_unchanged_file_costs_one_small_request(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    manager.query("BTCUSDT", "2024-04", "2024-04", "1h")
    manager.query(*DAYS)
    venue.clear_requests()
    line = the_one(manager.refresh())
    assert (line.checked, line.requests, line.objects, line.partial) == (4, 4, (), False)
    asked = [r.path for r in venue.requests]
    assert {r.kind for r in venue.requests} == {"checksum"}
    assert len(asked) == len(set(asked)) == 4


def test_rows_that_changed_are_brought_and_told_and_withdrawn_ones_are_gone(
    venues: Venues, desk: Desk
) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    before = manager.query(*DAYS).to_pandas()
    republish(venue)
    line = the_one(manager.refresh())
    (one,) = line.republished
    assert (line.checked, line.requests, line.failed) == (3, 4, ())
    assert [r.kind for r in venue.requests].count("zip") == 1
    told = one.changes
    assert (told.changed, told.withdrawn, told.added) == (1, 1, 0)
    changed, withdrawn = told.rows
    assert (changed.kind, changed.time_ns) == ("changed", ns(AT))
    old = before.loc[AT]
    assert [(c.column, c.old, c.new) for c in changed.cells] == [
        ("volume", old["volume"], 1.25),
        ("count", int(old["count"]), 7),
    ]
    assert (withdrawn.kind, withdrawn.time_ns) == ("withdrawn", ns(GONE))
    assert {c.column: c.old for c in withdrawn.cells}["close"] == before.loc[GONE, "close"]
    assert one.old.sha256 != one.new.sha256
    venue.clear_requests()
    data = manager.query(*DAYS)
    assert_equal(data.to_pandas(), edited(before))
    assert gaps(data) == [(GONE, GONE + HOUR, "withdrawn", True)]
    assert venue.requests == [], "what was withdrawn is not asked for again"
    assert {s.sha256 for s in data.provenance} >= {one.new.sha256}
    assert the_one(manager.refresh()).objects == ()
    tally("archive: republished file", injected=1, survived=1)


def test_a_month_published_anew_takes_the_place_of_what_it_brought(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    asked = ("BTCUSDT", "2024-04", "2024-04", "1h")
    before = manager.query(*asked).to_pandas()
    gone = utc(2024, 4, 30, 23)
    venue.republish(
        "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-04.zip",
        {utc(2024, 4): {"close": before["high"].iloc[0].astype(str)}},
        [gone],
    )
    (one,) = the_one(manager.refresh()).objects
    assert (one.changes.changed, one.changes.withdrawn) == (1, 1)
    before.loc[utc(2024, 4), "close"] = before["high"].iloc[0]
    after = manager.query(*asked)
    assert_equal(after.to_pandas(), before.drop(gone))
    assert gaps(after) == [(gone, gone + HOUR, "withdrawn", True)]


def test_the_last_week_of_a_month_is_withdrawn_whole(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    # It opens in December and reaches into the next year's cache file.
    asked = ("BTCUSDT", utc(2023, 12, 4), utc(2024, 1, 7), "1w")
    before = manager.query(*asked).to_pandas()
    gone = utc(2023, 12, 25)
    venue.republish("data/spot/monthly/klines/BTCUSDT/1w/BTCUSDT-1w-2023-12.zip", {}, [gone])
    (one,) = the_one(manager.refresh()).objects
    assert (one.changes.changed, one.changes.withdrawn) == (0, 1)
    venue.clear_requests()
    after = manager.query(*asked)
    assert_equal(after.to_pandas(), before.drop(gone))
    assert gaps(after) == [(gone, gone + 7 * DAY, "withdrawn", True)]
    assert venue.requests == []


def test_rows_that_other_sources_brought_stay(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    manager.query(*DAYS)
    # REST's word on two bars is newer than the archive's.
    assert sources(manager.query("BTCUSDT", AT, GONE, "1h", enforce_source="rest")) == ["rest"]
    republish(venue)
    (one,) = the_one(manager.refresh()).republished
    assert (one.changes.changed, one.changes.withdrawn, one.changes.added) == (0, 0, 0)
    after = manager.query(*DAYS)
    assert_equal(after.to_pandas(), truth(venue, TENTH, TWELFTH + DAY))
    assert sources(after) == ["vision", "rest", "vision"]
    assert the_one(manager.refresh()).objects == ()


def test_bars_that_are_published_again_come_back(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    before = manager.query(*DAYS).to_pandas()
    republish(venue)
    manager.refresh()
    # The first edition is served again.
    venue._gate._rooms.archive._republished.clear()
    (one,) = the_one(manager.refresh()).objects
    assert (one.changes.changed, one.changes.withdrawn, one.changes.added) == (1, 0, 1)
    after = manager.query(*DAYS)
    assert_equal(after.to_pandas(), before)
    assert after.gaps == ()


def test_what_was_withdrawn_stays_withdrawn_by_a_third_edition(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    before = manager.query(*DAYS).to_pandas()
    republish(venue)
    manager.refresh()
    venue.republish(path_of(ELEVENTH), {ELEVENTH: {"count": "9"}})
    (one,) = the_one(manager.refresh()).objects
    assert (one.changes.changed, one.changes.withdrawn, one.changes.added) == (1, 0, 0)
    after = manager.query(*DAYS)
    assert list(before.index.difference(after.to_pandas().index)) == [GONE]
    assert gaps(after) == [(GONE, GONE + HOUR, "withdrawn", True)]
    assert the_one(manager.refresh()).objects == ()


FAULTS = {
    "the checksum is not there": Fault("no-checksum", "2024-06-11", times=None),
    "the checksum is wrong": Fault("bad-checksum", "2024-06-11", times=None),
    "the checksum cannot be asked": Fault("500", "2024-06-11.zip.CHECKSUM", times=None),
    "the zip is damaged": Fault("bad-zip", "2024-06-11", times=None),
    "the zip cannot be had": Fault("500", "re:2024-06-11.zip$", times=None),
    "the zip breaks off": Fault("cut", "re:2024-06-11.zip$", times=None),
    "the connection breaks": Fault("reset", "2024-06-11", times=None),
    "the archive refuses": Fault("403", "2024-06-11", times=None),
}


@pytest.mark.parametrize("what", FAULTS)
def test_nothing_is_lost_when_a_new_edition_cannot_be_had(what: str, venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue, retry_count=0)
    before = manager.query(*DAYS).to_pandas()
    republish(venue)
    venue.add_fault(FAULTS[what])
    line = the_one(manager.refresh())
    assert line.partial
    assert path_of(ELEVENTH).rpartition("/")[2] in [one.name for one in line.failed]
    assert line.republished == ()
    assert_equal(held(manager).to_pandas(), before)
    venue.clear_faults()
    healed = manager_of(desk, venue)
    assert len(the_one(healed.refresh()).republished) == 1
    assert_equal(held(healed).to_pandas(), edited(before))
    tally("archive: refresh that fails", injected=1, survived=1)


async def test_the_asynchronous_face_refreshes_too(venues: Venues, desk: Desk) -> None:
    venue = venues()
    async with desk.async_manager(venue, provider="binance") as manager:
        before = (await manager.query(*DAYS)).to_pandas()
        republish(venue)
        (one,) = the_one(await manager.refresh(KEY)).republished
        assert (one.changes.changed, one.changes.withdrawn) == (1, 1)
        assert_equal((await manager.query(*DAYS)).to_pandas(), edited(before))
    with pytest.raises(RequestError, match="closed"):
        await manager.refresh()


def test_a_bad_new_edition_is_refused_and_kept_as_evidence(
    venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    before = manager.query(*DAYS).to_pandas()
    venue.republish(path_of(ELEVENTH), {AT: {"low": "-1.0"}})
    (one,) = the_one(manager.refresh()).failed
    assert "low is -1.0" in str(one.error)
    assert_equal(held(manager).to_pandas(), before)
    (kept,) = Quarantine(tmp_path / "cache").ls()
    assert (kept.outcome, kept.url.rpartition("/")[2]) == ("refused", "BTCUSDT-1h-2024-06-11.zip")


def test_since_and_patterns_narrow_what_is_asked(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    manager.query(*DAYS)
    manager.query("ETHUSDT", "2024-06-11", "2024-06-11", "1h")
    venue.clear_requests()
    (line,) = manager.refresh("BTC*", since="2024-06-12")
    assert (str(line.key), line.checked) == (KEY, 1)
    assert [r.path.rpartition("/")[2] for r in venue.requests] == ["BTCUSDT-1h-2024-06-12.zip.CHECKSUM"]
    assert [line.checked for line in manager.refresh(series=[KEY.replace("BTC", "ETH")])] == [1]
    assert manager.refresh("NOPE*") == ()
    (missing,) = manager.refresh(series=[KEY.replace("BTC", "SOL")])
    assert isinstance(missing.error, RequestError)
    with pytest.raises(InvalidRangeError, match="since"):
        manager.refresh(since="soon")
    with pytest.raises(RequestError, match="jobs"):
        manager.refresh(jobs=0)
    with pytest.raises(RequestError, match="switched off"):
        manager_of(desk, venue, use_cache=False).refresh()
    with pytest.raises(OfflineError):
        manager_of(desk, venue, config=desk.settings(venue, offline=True)).refresh()


def test_imported_and_rest_rows_are_not_asked_about(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    manager.query("BTCUSDT", "2024-06-10", "2024-06-10", "1h", enforce_source="rest")
    write_zip(desk.tmp_path / "files", "spot/BTCUSDT/1h/2024-06-11", make_rows(ELEVENTH, 24))
    store = CacheStore(desk.tmp_path / "cache")
    (brought,) = import_archive(store, desk.tmp_path / "files", market="spot", now=ns(NOW))
    assert (brought.outcome, brought.rows) == ("imported", 24)
    venue.clear_requests()
    assert the_one(manager.refresh()).checked == 0
    assert venue.requests == []


def test_a_file_without_checksum_is_told_by_its_etag(venues: Venues, desk: Desk) -> None:
    class Plain(SpotKlinesVision, market=SpotKlinesVision.market):
        async def expected_sha256(self, url: str) -> str | None:
            return None

    venue = venues()
    registry = Registry.of(evolve(dsm_provider(), clients=(Plain, SpotKlinesRest)))
    manager = manager_of(desk, venue, registry=registry)
    before = manager.query(*DAYS).to_pandas()
    venue.clear_requests()
    assert the_one(manager.refresh()).objects == ()
    assert [(r.method, r.kind) for r in venue.requests] == [("HEAD", "zip")] * 3
    republish(venue)
    (one,) = the_one(manager.refresh()).republished
    assert (one.changes.changed, one.changes.withdrawn) == (1, 1)
    assert_equal(held(manager).to_pandas(), edited(before))


def test_funding_rates_that_were_withdrawn_are_gone(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue, market="um")
    asked = {"chart_type": "funding_rate", "on_gaps": "ignore"}
    before = manager.query("BTCUSDT", "2024-04", "2024-04", None, **asked)
    assert set(sources(before)) == {"vision"}
    (url,) = {s.origin for s in before.provenance}
    first_cells = [int(t.timestamp() * 1000) for t in before.to_pandas().index]
    exact = _settlement_times(venue, str(url))
    assert len(exact) == len(first_cells)
    venue.republish(str(url), {exact[3]: {"last_funding_rate": "0.00099"}}, [exact[10]])
    (one,) = the_one(manager.refresh()).republished
    assert (one.changes.changed, one.changes.withdrawn, one.changes.added) == (1, 1, 0)
    venue.clear_requests()
    after = manager.query("BTCUSDT", "2024-04", "2024-04", None, **asked).to_pandas()
    expected = before.to_pandas()
    expected.iloc[3, list(expected.columns).index("funding_rate")] = 0.00099
    assert after["funding_rate"].tolist() == expected.drop(expected.index[10])["funding_rate"].tolist()


def _settlement_times(venue: Emulator, url: str) -> list[datetime]:
    from io import BytesIO  # noqa: PLC0415
    from urllib.request import urlopen  # noqa: PLC0415
    from zipfile import ZipFile  # noqa: PLC0415

    with urlopen(url) as answer, ZipFile(BytesIO(answer.read())) as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()[1:]
    return [datetime.fromtimestamp(int(line.split(",")[0]) / 1000, NOW.tzinfo) for line in lines]


def test_a_file_that_a_host_of_another_name_brought_is_known_again(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager_of(desk, venue).query(*DAYS)
    other = venues()
    line = the_one(manager_of(desk, other).refresh())
    assert (line.checked, line.objects) == (3, ())


def test_refreshes_beside_running_calls_lose_no_row(venues: Venues, desk: Desk) -> None:
    venue = venues()
    before = manager_of(desk, venue).query(*DAYS).to_pandas()
    for number in range(ROUNDS):
        volume = f"{number + 1}.5"
        venue.republish(path_of(ELEVENTH), {AT: {"volume": volume}})
        _all_at_once(desk, venue, before, {before.loc[AT, "volume"], *(n + 1.5 for n in range(number + 1))})
        last = manager_of(desk, venue)
        last.refresh()
        found = held(last).to_pandas()
        assert found.loc[AT, "volume"] == float(volume)
        assert_equal(found.drop(AT), before.drop(AT))
    tally("archive: refresh beside calls", injected=ROUNDS * 6, survived=ROUNDS * 6)


@pytest.mark.skipif(sys.platform == "win32", reason="the process kills itself as posix does")
def test_a_refresh_that_is_killed_anywhere_leaves_one_edition_or_the_other(
    venues: Venues, desk: Desk
) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    before = manager.query(*DAYS).to_pandas()
    given = {"cache": str(desk.tmp_path / "cache"), "config": desk.settings(venue), "now": NOW.isoformat()}
    killed, volume = 0, before.loc[AT, "volume"]
    for number in range(KILLS):
        new = number + 1.5
        venue.republish(path_of(ELEVENTH), {AT: {"volume": str(new)}})
        child = [sys.executable, "-c", KILLED, json.dumps({**given, "events": number * 2 % EVENTS + 1})]
        killed += subprocess.run(child, check=False, timeout=60).returncode == -signal.SIGKILL
        found = held(manager_of(desk, venue)).to_pandas()
        assert_equal(found.drop(AT), before.drop(AT))
        assert found.loc[AT, "volume"] in (volume, new)
        the_one(manager.refresh())
        volume = held(manager).to_pandas().loc[AT, "volume"]
        assert volume == new
    assert killed >= min(KILLS, EVENTS) - 2, "the kills came too late"
    tally("archive: refresh that is killed", injected=killed, survived=killed)


def _all_at_once(desk: Desk, venue: Emulator, before: Any, volumes: set[float]) -> None:
    """Three managers refresh while three others ask for the days; each answer is whole."""
    errors: list[BaseException] = []

    def work(task: Any) -> None:
        try:
            task()
        except BaseException as error:
            errors.append(error)

    def ask(manager: DataSourceManager) -> None:
        for _ in range(5):
            frame = manager.get_data(*DAYS)
            assert_equal(frame.drop(AT), before.drop(AT))
            assert frame.loc[AT, "volume"] in volumes

    managers = [manager_of(desk, venue) for _ in range(6)]
    tasks = [m.refresh for m in managers[:3]] + [lambda m=m: ask(m) for m in managers[3:]]
    threads = [threading.Thread(target=work, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for manager in managers:
        manager.close()
    assert errors == []


def test_a_file_that_is_not_there_any_more_costs_no_row(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = manager_of(desk, venue)
    before = manager.query(*DAYS).to_pandas()
    gone = venues(missing=["*/BTCUSDT-1h-2024-06-11.zip"])
    line = the_one(manager_of(desk, gone).refresh())
    (one,) = line.failed
    assert "what is held stays" in str(one)
    assert_equal(held(manager).to_pandas(), before)
