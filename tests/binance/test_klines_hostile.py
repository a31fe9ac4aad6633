"""What a hostile tester found once, and must not find again."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from typing import Any

import pytest

from binance.venues import HOUR, NOW, Desk, Venues, gaps, sent, utc
from dsm_binance.emulator import Fault, Listing, Outage
from dsm_core.errors import IncompleteDataWarning, RequestError

GONE = Listing("GONEUSDT", "spot", utc(2022, 1, 5), utc(2024, 1, 20, 10), removed=True)
JANUARY: dict[str, Any] = {"start_time": "2024-01", "end_time": "2024-01", "interval": "1h"}


def test_a_symbol_that_rest_forgot_is_not_lost_because_rest_was_asked_alone(
    venues: Venues, desk: Desk
) -> None:
    venue = venues(listings=[GONE])
    manager = desk.manager(venue)
    assert len(manager.query("GONEUSDT", **JANUARY, enforce_source="rest", on_gaps="ignore")) == 0
    venue.clock.advance(2 * HOUR)
    assert len(manager.query("GONEUSDT", **JANUARY, enforce_source="rest", on_gaps="ignore")) == 0
    data = manager.query("GONEUSDT", **JANUARY)
    assert len(data) == 19 * 24 + 10
    assert gaps(data) == [(utc(2024, 1, 20, 10), utc(2024, 2, 1), "delisted", True)]


def test_two_outages_in_one_page_are_both_confirmed(venues: Venues, desk: Desk) -> None:
    holes = [(utc(2024, 5, 3, 6), utc(2024, 5, 3, 8)), (utc(2024, 5, 10, 6), utc(2024, 5, 10, 9))]
    venue = venues(outages=[Outage(*hole) for hole in holes])
    manager = desk.manager(venue)
    data = manager.query("BTCUSDT", "2024-05", "2024-05", "1h", on_gaps="raise")
    assert gaps(data) == [(*hole, "venue_has_none", True) for hole in holes]
    venue.clear_requests()
    manager.query("BTCUSDT", "2024-05", "2024-05", "1h")
    assert venue.requests == []


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=30)])
def test_a_clock_that_is_ahead_never_makes_an_unfinished_bar_a_closed_one(
    ahead: timedelta, venues: Venues, desk: Desk
) -> None:
    venue = venues()
    manager = desk.manager(venue, clock=lambda: venue.clock.now() + ahead)
    data = manager.query("BTCUSDT", NOW - 5 * HOUR, NOW, "1h", on_gaps="ignore")
    assert data.to_pandas().index[-1] < NOW - HOUR + timedelta(seconds=1)


def test_a_bar_is_not_kept_while_the_venues_clock_cannot_be_had(venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault("500", "/time", times=None)])
    manager = desk.manager(venue, clock=lambda: venue.clock.now() + HOUR, retry_count=0)
    manager.query("BTCUSDT", NOW - 5 * HOUR, NOW, "1h", on_gaps="ignore")
    venue.clear_faults()
    venue.clock.advance(5 * HOUR)
    honest = desk.manager(venue)
    kept = honest.get_data("BTCUSDT", NOW - 5 * HOUR, NOW, "1h")
    fresh = honest.get_data("BTCUSDT", NOW - 5 * HOUR, NOW, "1h", use_cache=False)
    assert kept.equals(fresh)


def test_the_open_bar_is_not_handed_out_where_it_was_not_asked_for(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues(now=utc(2024, 6, 15, 12, 10)))
    inside = manager.query(
        "BTCUSDT", utc(2024, 6, 15, 12, 5), utc(2024, 6, 15, 12, 20), "1h", include_open_bar=True
    )
    assert len(inside) == 0
    last = manager.get_data("BTCUSDT", last=3, interval="1h", include_open_bar=True)
    assert last.index[-1] == utc(2024, 6, 15, 12)
    assert len(last) == 4


def test_a_listing_that_fails_does_not_start_a_search_file_by_file(venues: Venues, desk: Desk) -> None:
    venue = venues(
        listings=[Listing("NEWUSDT", "spot", utc(2023, 6, 1))], faults=[Fault("403", "/listing", times=None)]
    )
    desk.manager(venue).query("NEWUSDT", "2021-01", "2023-06", "1h", on_gaps="ignore")
    assert len(sent(venue, "zip")) < 30


def test_closing_ends_the_calls_of_other_threads(venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault("timeout", "v3/klines", times=None)])
    manager = desk.manager(venue)
    ended: list[BaseException] = []
    under_way = threading.Event()
    manager.subscribe(lambda event: under_way.set())

    def ask() -> None:
        try:
            manager.get_data("BTCUSDT", NOW - 5 * HOUR, NOW - HOUR, "1m")
        except RequestError as error:
            ended.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert under_way.wait(30)
    manager.close()
    thread.join(30)
    assert not thread.is_alive()
    assert [type(error) for error in ended] == [RequestError]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_may_close_its_copy(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())
    manager.get_data("BTCUSDT", "2024-05-01", "2024-05-01", "1h")
    child = os.fork()
    if child == 0:
        manager.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len(manager.get_data("BTCUSDT", "2024-05-02", "2024-05-02", "1h")) == 24


def test_an_observer_that_calls_the_manager_is_told_so(venues: Venues, desk: Desk) -> None:
    manager = desk.manager(venues())
    told: list[BaseException] = []

    def observe(event: object) -> None:
        try:
            manager.get_data("BTCUSDT", "2024-04-01", "2024-04-01", "1h")
        except RequestError as error:
            told.append(error)

    manager.subscribe(observe)
    manager.get_data("BTCUSDT", "2024-05-01", "2024-05-01", "1h")
    assert told
    assert "observers" in str(told[0])


def test_a_temporary_folder_that_vanished_is_made_again(venues: Venues, desk: Desk, tmp_path: Any) -> None:
    manager = desk.manager(venues())
    manager.get_data("BTCUSDT", "2024-05-01", "2024-05-01", "1h")
    workdir = manager._session._venues["binance"]._workdir
    assert workdir is not None
    os.rmdir(workdir)
    assert len(manager.get_data("BTCUSDT", "2024-05-02", "2024-05-02", "1h")) == 24


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"cache_dir": ""}, "cache_dir"),
        ({"cache_dir": 5}, "cache_dir"),
        ({"cache_dir": "a\0b"}, "cache_dir"),
        ({"clock": 5}, "clock"),
        ({"retry_count": "x"}, "retry_count"),
    ],
)
def test_a_senseless_argument_of_the_manager_is_named(given: dict[str, Any], named: str) -> None:
    from dsm_core import DataSourceManager  # noqa: PLC0415

    with pytest.raises(RequestError, match=named):
        DataSourceManager("spot", **given)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"columns": 5}, "columns=5"),
        ({"columns": "close,open"}, r"\['close', 'open'\]"),
        ({"options": "x"}, "options='x'"),
        ({"last": "0d"}, "last='0d'"),
    ],
)
def test_a_senseless_argument_of_a_call_is_named(
    given: dict[str, Any], named: str, venues: Venues, desk: Desk
) -> None:
    manager = desk.manager(venues())
    span = {} if "last" in given else {"start_time": "2024-05-01", "end_time": "2024-05-01"}
    with pytest.raises(RequestError, match=named):
        manager.get_data("BTCUSDT", **span, interval="1h", **given)


def test_a_symbol_still_trading_is_not_warned_of(venues: Venues, desk: Desk) -> None:
    venue = venues(outages=[Outage(NOW - 4 * HOUR, NOW - 3 * HOUR)])
    with pytest.warns(IncompleteDataWarning, match="venue_has_none"):
        desk.manager(venue).query("BTCUSDT", NOW - 8 * HOUR, NOW - HOUR, "1h")
