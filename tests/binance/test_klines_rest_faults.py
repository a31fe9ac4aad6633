"""REST that fails half way: what was obtained is handed out and kept, and nothing false is learned."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from binance.venues import (
    DATA,
    HOUR,
    NOW,
    Desk,
    Venues,
    assert_equal,
    bars_of_rest,
    frame_of,
    gaps,
    sent,
    sources,
    utc,
)
from dsm_binance.emulator import Emulator, Fault
from dsm_binance.kinds import TRADES
from dsm_core import DataSourceManager, MarketData
from dsm_core.errors import (
    AccessDeniedError,
    AllSourcesFailedError,
    IncompleteDataError,
    IncompleteDataWarning,
    RateLimitError,
    ServerError,
    SourceError,
    SourceTimeoutError,
)
from dsm_core.plugins import Answer
from dsm_core.schema.chart_type import chart_schema
from dsm_core.schema.conform import conform

# Eight pages of minutes that no archive file holds.
START, END = utc(2024, 6, 9), utc(2024, 6, 14, 13, 19)
SPAN: dict[str, Any] = {"start_time": START, "end_time": END, "interval": "1m"}
ROWS = 8000
MIXED: dict[str, Any] = {"start_time": utc(2024, 6, 14), "end_time": utc(2024, 6, 15, 11), "interval": "1h"}


def rest_only(venues: Venues, *faults: Fault, **given: Any) -> Emulator:
    return venues(faults=faults, missing=["*"], **given)


def one_by_one(desk: Desk, venue: Any, **given: Any) -> DataSourceManager:
    """A manager that sends one page after the other and waits for no ban."""
    config = {"defaults": {"max_wait_s": 5}}
    return desk.manager(venue, max_concurrent=1, config=config, **({"retry_count": 1} | given))


_truth: list[pd.DataFrame] = []


def truth(venue: Emulator) -> pd.DataFrame:
    """All rows; every venue of this module has the same."""
    if not _truth:
        _truth.append(frame_of(bars_of_rest(venue, "spot", "BTCUSDT", "1m", START, END + HOUR / 60), "1m"))
    return _truth[0]


def assert_partial(data: MarketData, venue: Emulator, error: type[SourceError]) -> None:
    """Some rows, all of them right; every other bar in a gap that says who failed."""
    frame = data.to_pandas()
    assert 0 < len(frame) < ROWS
    assert_equal(frame, truth(venue).loc[frame.index])
    assert {(g.reason, g.final) for g in data.gaps} == {("source_failed", False)}
    assert sum(g.bars or 0 for g in data.gaps) == ROWS - len(frame)
    assert {type(f.error) for f in data.failures} == {error}


def assert_heals(venue: Emulator, manager: DataSourceManager, partial: MarketData) -> None:
    """The next call asks for what is missing and for nothing else."""
    venue.clear_faults()
    venue.clear_requests()
    healed = manager.query("BTCUSDT", **SPAN, on_gaps="raise_any")
    assert_equal(healed.to_pandas(), truth(venue))
    asked = sum(int(r.query["limit"]) for r in sent(venue, "klines"))
    assert asked == ROWS - len(partial)
    assert sum(s.rows for s in healed.provenance if s.from_cache) == len(partial)


def test_a_limit_with_a_time_to_wait_is_waited_for(venues: Venues, desk: Desk) -> None:
    venue = rest_only(venues, Fault("429", "v3/klines", after=3, retry_after=1))
    data = one_by_one(desk, venue).query("BTCUSDT", **SPAN)
    assert_equal(data.to_pandas(), truth(venue))
    assert (data.gaps, data.failures) == ((), ())
    klines = sent(venue, "klines")
    assert [r.status for r in klines].count(429) == 1
    refused = next(i for i, r in enumerate(klines) if r.status == 429)
    assert klines[refused + 1].when - klines[refused].when >= 1.0


def test_a_used_up_window_of_the_venue_is_waited_for_by_all_requests_at_once(
    venues: Venues, desk: Desk
) -> None:
    venue = rest_only(venues, spot_weight=11, window_s=1.0, ban_after=10)
    data = desk.manager(venue).query("BTCUSDT", **SPAN)
    assert_equal(data.to_pandas(), truth(venue))
    assert {r.status for r in venue.requests} == {200, 404, 429}


def test_a_limit_that_would_take_too_long_is_an_error_that_says_how_long(venues: Venues, desk: Desk) -> None:
    venue = rest_only(venues, Fault("429", "v3/klines", times=None, retry_after=900))
    manager = one_by_one(desk, venue)
    with pytest.raises(RateLimitError) as caught:
        manager.query("BTCUSDT", **SPAN)
    assert caught.value.retry_after_s == pytest.approx(900, abs=5)
    assert len(sent(venue, "klines")) == 1


def test_a_ban_stops_every_request_and_keeps_what_was_obtained(venues: Venues, desk: Desk) -> None:
    venue = rest_only(venues, Fault("418", "v3/klines", after=3, times=None))
    manager = one_by_one(desk, venue)
    with pytest.warns(IncompleteDataWarning, match="source_failed"):
        partial = manager.query("BTCUSDT", **SPAN)
    assert_partial(partial, venue, RateLimitError)
    assert [r.status for r in sent(venue, "klines")] == [200, 200, 200, 418]
    assert partial.failures[0].error.details["banned"] is True

    venue.clear_requests()
    for other in (manager, one_by_one(desk, venue)):
        again = other.query("BTCUSDT", **SPAN, on_gaps="ignore")
        assert_equal(again.to_pandas(), partial.to_pandas())
        assert gaps(again) == gaps(partial)
    assert sent(venue, "klines") == []


def test_a_ban_with_no_row_at_all_is_a_rate_limit_error(venues: Venues, desk: Desk) -> None:
    venue = rest_only(venues, Fault("418", "v3/klines", times=None))
    manager = one_by_one(desk, venue)
    for _ in range(2):
        with pytest.raises(RateLimitError) as caught:
            manager.query("BTCUSDT", **SPAN)
        assert caught.value.banned is True
        assert 100 < caught.value.retry_after_s <= 120
    assert len(sent(venue, "klines")) == 1


def test_a_ban_of_spot_keeps_nobody_from_the_archive(venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault("418", "/api/", times=None)])
    data = one_by_one(desk, venue).query("BTCUSDT", **MIXED, on_gaps="ignore")
    assert sources(data) == ["vision"]
    assert gaps(data) == [(utc(2024, 6, 15), utc(2024, 6, 15, 12), "source_failed", False)]
    assert len([r for r in venue.requests if "/api/" in r.path]) == 1


def test_a_host_that_is_not_for_this_country_is_replaced_by_the_next(venues: Venues, desk: Desk) -> None:
    venue = rest_only(venues, Fault("451", "/spot/api", times=None), spot_hosts=2)
    manager = desk.manager(venue)
    data = manager.query("BTCUSDT", **SPAN)
    assert_equal(data.to_pandas(), truth(venue))
    assert (data.gaps, data.failures) == ((), ())
    venue.clear_requests()
    manager.query("BTCUSDT", utc(2024, 6, 1), utc(2024, 6, 2), "1m")
    assert {r.path.split("/")[1] for r in sent(venue, "klines")} == {"spot2"}


@pytest.mark.parametrize("status", ["451", "403"])
def test_where_every_host_refuses_the_archive_still_answers(status: str, venues: Venues, desk: Desk) -> None:
    archive = venues(rest=False)
    refusing = venues(vision=False, faults=[Fault(status, times=None)], spot_hosts=2)
    endpoints = {
        **refusing.endpoints,
        "vision": archive.endpoints["vision"],
        "listing": archive.endpoints["listing"],
    }
    manager = desk.manager(endpoints)
    with pytest.warns(IncompleteDataWarning, match=f"HTTP {status}"):
        data = manager.query("BTCUSDT", **MIXED)
    assert sources(data) == ["vision"]
    assert gaps(data) == [(utc(2024, 6, 15), utc(2024, 6, 15, 12), "source_failed", False)]
    (failure,) = data.failures
    assert isinstance(failure.error, AccessDeniedError)
    assert failure.error.status == int(status)
    assert failure.error.provider == "binance"
    if status == "451":
        assert "restricted location" in str(failure)
    with pytest.raises(AllSourcesFailedError) as caught:
        manager.query("BTCUSDT", utc(2024, 6, 15, 1), utc(2024, 6, 15, 2), "1h")
    assert isinstance(caught.value.__cause__, AccessDeniedError)
    json.dumps(caught.value.details)


def test_a_burst_of_server_errors_is_waited_out(venues: Venues, desk: Desk) -> None:
    venue = rest_only(venues, Fault("503", "v3/klines", after=2), Fault("500", "v3/klines", after=2))
    data = desk.manager(venue, max_concurrent=1, retry_count=3).query("BTCUSDT", **SPAN)
    assert_equal(data.to_pandas(), truth(venue))
    assert (data.gaps, data.failures) == ((), ())


FAULTS = {
    "500": ServerError,
    "502": ServerError,
    "malformed": ServerError,
    "html": ServerError,
    "cut": SourceTimeoutError,
    "reset": SourceTimeoutError,
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_failure_half_way_keeps_what_was_obtained_and_the_next_call_heals(
    kind: str, venues: Venues, desk: Desk
) -> None:
    venue = rest_only(venues, Fault(kind, "v3/klines", after=4, times=None))
    manager = one_by_one(desk, venue, retry_count=0)
    with pytest.warns(IncompleteDataWarning, match="source_failed"):
        partial = manager.query("BTCUSDT", **SPAN)
    assert_partial(partial, venue, FAULTS[kind])
    offline = desk.manager(venue, config={"offline": True})
    assert_equal(offline.get_data("BTCUSDT", **SPAN, on_gaps="ignore"), partial.to_pandas())
    with pytest.raises(IncompleteDataError) as caught:
        offline.get_data("BTCUSDT", **SPAN, on_gaps="raise")
    assert len(caught.value.data) == len(partial)
    assert_heals(venue, desk.manager(venue), partial)


def test_a_deadline_ends_the_wait_and_keeps_what_was_obtained(venues: Venues, desk: Desk) -> None:
    venue = rest_only(venues, Fault("timeout", "v3/klines", after=4, times=None))
    manager = one_by_one(desk, venue)
    partial = manager.query("BTCUSDT", **SPAN, deadline_s=1.5, on_gaps="ignore")
    venue.release()
    assert_partial(partial, venue, SourceTimeoutError)
    assert_heals(venue, desk.manager(venue), partial)


def test_a_deadline_without_any_row_is_an_error(venues: Venues, desk: Desk) -> None:
    venue = rest_only(venues, Fault("timeout", times=None))
    with pytest.raises(AllSourcesFailedError) as caught:
        desk.manager(venue).query("BTCUSDT", **SPAN, deadline_s=0.5)
    assert isinstance(caught.value.__cause__, SourceTimeoutError)
    venue.release()


@pytest.mark.parametrize("kind", ["500", "malformed", "html", "reset"])
def test_failures_without_any_row_are_an_error_that_lists_the_attempts(
    kind: str, venues: Venues, desk: Desk
) -> None:
    venue = rest_only(venues, Fault(kind, "v3/klines", times=None))
    manager = desk.manager(venue, retry_count=0)
    with pytest.raises(AllSourcesFailedError, match="BTCUSDT") as caught:
        manager.query("BTCUSDT", utc(2024, 6, 15, 1), utc(2024, 6, 15, 2), "1h")
    assert isinstance(caught.value.__cause__, SourceError)
    assert caught.value.attempts
    json.dumps(caught.value.details)
    assert not list((desk.tmp_path / "cache").rglob("*.arrow"))
    venue.clear_faults()
    assert len(desk.manager(venue).query("BTCUSDT", utc(2024, 6, 15, 1), utc(2024, 6, 15, 2), "1h")) == 2


def test_one_page_that_fails_among_many_leaves_one_gap(venues: Venues, desk: Desk) -> None:
    venue = rest_only(
        venues, Fault("500", f"startTime={int(utc(2024, 6, 11, 2).timestamp())}000", times=None)
    )
    manager = desk.manager(venue, retry_count=0)
    partial = manager.query("BTCUSDT", **SPAN, on_gaps="ignore")
    assert gaps(partial) == [
        (utc(2024, 6, 11, 2), utc(2024, 6, 11, 18, 40), "source_failed", False),
    ]
    assert len(partial) == ROWS - 1000
    assert_heals(venue, desk.manager(venue), partial)


def test_a_venue_without_a_clock_is_believed_to_have_ours(venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault("500", "/time", times=None)])
    data = desk.manager(venue, retry_count=0).query("BTCUSDT", **MIXED)
    assert data.gaps == ()
    assert len(data) == 36


@pytest.mark.parametrize("offset", [-1, 1])
def test_the_venues_clock_decides_which_bars_have_closed(offset: int, venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = desk.manager(venue, clock=lambda: NOW + offset * HOUR)
    frame = manager.get_data("BTCUSDT", last=5, interval="1h")
    assert frame.index[-1] == utc(2024, 6, 15, 11)
    assert len(frame) == 5
    assert len(sent(venue, "time")) == 1


def test_a_redirect_that_never_ends_is_an_error(venues: Venues, desk: Desk) -> None:
    venue = rest_only(venues, Fault("redirect-loop", "v3/klines", times=None))
    with pytest.raises(AllSourcesFailedError, match="redirect"):
        desk.manager(venue, retry_count=0).query("BTCUSDT", utc(2024, 6, 15, 1), utc(2024, 6, 15, 2), "1h")


def test_recorded_rest_rows_read_as_the_archive_writes_them(desk: Desk, venues: Venues) -> None:
    rows = json.loads((DATA / "rest" / "spot" / "klines.json").read_text())

    table = conform(Answer.from_rows(rows, TRADES.cells).rows, chart_schema("klines")).table
    frame = table.to_pandas().set_index("open_time")
    expected = frame_of([list(map(str, row)) for row in rows], "1m")
    assert (frame["close"] == expected["close"]).all()
    assert (frame["quote_asset_volume"] == expected["quote_asset_volume"]).all()
    assert list(frame.index) == list(expected.index)


def test_an_empty_page_in_the_middle_is_not_believed_when_the_second_look_has_rows(
    venues: Venues, desk: Desk
) -> None:
    venue = rest_only(venues, Fault("empty", "/api/v3/klines", after=3, times=1))
    data = one_by_one(desk, venue).query("BTCUSDT", **SPAN, on_gaps="raise_any")
    assert len(data) == ROWS
    assert data.gaps == ()


def test_a_server_that_answers_with_nothing_for_long_confirms_nothing(venues: Venues, desk: Desk) -> None:
    venue = rest_only(venues, Fault("empty", "/api/v3/klines", after=3, times=None))
    manager = one_by_one(desk, venue)
    data = manager.query("BTCUSDT", **SPAN, on_gaps="ignore")
    assert not any(gap.final for gap in data.gaps)
    venue.clear_faults()
    venue.clock.advance(HOUR)
    healed = manager.query("BTCUSDT", **SPAN, on_gaps="raise_any")
    assert len(healed) == ROWS


def test_an_answer_without_a_bar_that_is_known_is_a_failed_source(venues: Venues, desk: Desk) -> None:
    venue = venues(lacking=None)
    manager = one_by_one(desk, venue)
    day, hole = utc(2024, 6, 13), utc(2024, 6, 13, 7)
    for first, last in ((day, hole - HOUR), (hole + HOUR, day + 23 * HOUR)):
        manager.get_data("BTCUSDT", first, last, "1h", enforce_source="rest")
    venue.add_fault(Fault("empty", "/api/v3/klines", times=None))
    asked = {"start_time": day, "end_time": day + 23 * HOUR, "interval": "1h", "on_gaps": "ignore"}
    data = manager.query("BTCUSDT", **asked, enforce_source="rest")
    assert [(gap.reason, gap.bars, gap.final) for gap in data.gaps] == [("source_failed", 1, False)]
    assert "which is known" in data.gaps[0].detail
    # The file that was left to REST has the bar, so it is taken after all.
    assert not manager.query("BTCUSDT", **asked).gaps
    venue.clear_faults()
    assert len(manager.get_data("BTCUSDT", day, day + 23 * HOUR, "1h")) == 24
