"""An exchange with sessions through the whole protocol: what is closed is neither asked for nor missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.sessions_venue import SessionVenue, grid_of, price_of, sessions, utc
from dsm_core import DataSourceManager, MarketData
from dsm_core.errors import RequestError
from dsm_core.model.time_range import TimeRange, from_ns, to_ns
from dsm_core.plugins.registry import default_registry

SATURDAY = utc(2026, 12, 5, 12)
WEEK = ("2026-11-23", "2026-11-29")
THANKSGIVING = utc(2026, 11, 26)
MINUTES = {"5m": 5, "30m": 30, "1h": 60}


class Exchange:
    """The venue, its client registered, and managers with one cache and the venue's clock."""

    def __init__(self, venue: SessionVenue, folder: Path) -> None:
        self.venue, self.folder = venue, folder

    def manager(self, **more: Any) -> DataSourceManager:
        config = {
            "http": {"retry_count": 0, "state_dir": str(self.folder / "state")},
            "cache": {"dir": str(self.folder / "cache")},
        }
        return DataSourceManager(
            "equities", provider="bourse", config=config, clock=lambda: self.venue.now, **more
        )


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    with SessionVenue(SATURDAY) as venue, default_registry.registered("bourse", venue.client()):
        yield Exchange(venue, tmp_path)


@pytest.fixture
def manager(exchange: Exchange) -> Iterator[DataSourceManager]:
    with exchange.manager() as made:
        yield made


def by_hand(
    first: datetime, after: datetime, minutes: int, hours: str = "regular"
) -> dict[datetime, datetime]:
    """Opens and ends of the bars that open in a range, written down one by one."""
    found = {}
    for open_, close in sessions(hours):
        start = open_
        while start < close:
            if first <= start < after:
                found[start] = min(start + timedelta(minutes=minutes), close)
            start += timedelta(minutes=minutes)
    return found


def told(gaps: Any) -> list[tuple[datetime, datetime, int | None, str, bool]]:
    return [(g.start_time, g.end_time, g.bars, g.reason, g.final) for g in gaps]


def opens(data: MarketData) -> list[datetime]:
    return [t.to_pydatetime() for t in data.to_pandas().index]


@pytest.mark.parametrize("interval", ["5m", "30m", "1h"])
@pytest.mark.parametrize("hours", ["regular", "extended"])
def test_a_week_has_exactly_the_bars_of_its_sessions(
    exchange: Exchange, manager: DataSourceManager, interval: str, hours: str
) -> None:
    data = manager.query("SPY", *WEEK, interval, options={"hours": hours})
    expected = by_hand(utc(2026, 11, 23), utc(2026, 11, 30), MINUTES[interval], hours)
    frame = data.to_pandas()
    ends = [t.to_pydatetime() + timedelta(milliseconds=1) for t in frame["close_time"]]
    assert dict(zip(opens(data), ends, strict=True)) == expected
    assert frame["open"].tolist() == [price_of(end) for end in expected.values()]
    assert (data.gaps, data.coverage.missing, data.coverage.expected) == ((), 0, len(expected))
    exchange.venue.taken()
    again = manager.query("SPY", *WEEK, interval, options={"hours": hours})
    assert (again.requests, exchange.venue.taken()) == (0, [])
    pd.testing.assert_frame_equal(again.to_pandas(), frame)


def test_the_clock_change_moves_the_bars_and_a_weekend_across_two_months_is_asked_once(
    exchange: Exchange, manager: DataSourceManager
) -> None:
    data = manager.query("SPY", "2026-10-29", "2026-11-03", "5m")
    assert opens(data) == list(by_hand(utc(2026, 10, 29), utc(2026, 11, 4), 5))
    firsts = {t.date(): t.strftime("%H:%M") for t in reversed(opens(data))}
    assert sorted(firsts.values()) == ["13:30", "13:30", "14:30", "14:30"]
    assert (data.gaps, data.coverage.complete) == ((), True)
    exchange.venue.taken()
    for day in ("2026-10-30", "2026-11-02"):
        assert manager.query("SPY", day, day, "5m").requests == 0


def test_days_are_labelled_by_their_dates(manager: DataSourceManager) -> None:
    data = manager.query("SPY", *WEEK, "1d")
    assert [t.day for t in opens(data)] == [23, 24, 25, 27]
    assert [t.hour for t in data.to_pandas()["close_time"]] == [20, 20, 20, 17]
    assert (data.gaps, data.coverage.expected) == ((), 4)
    assert told(data.coverage.market_closed) == [
        (THANKSGIVING, utc(2026, 11, 27), 0, "market_closed", True),
        (utc(2026, 11, 28), utc(2026, 11, 30), 0, "market_closed", True),
    ]


def test_a_missing_bar_is_the_venues_and_a_weekend_the_calendars(
    exchange: Exchange, manager: DataSourceManager
) -> None:
    exchange.venue.absent = {utc(2026, 11, 24, 16, 30)}
    data = manager.query("SPY", "2026-11-24", "2026-11-28", "1h", on_gaps="ignore")
    assert told(data.gaps) == [
        (utc(2026, 11, 24, 15, 30), utc(2026, 11, 24, 16, 30), 1, "venue_has_none", True)
    ]
    assert told(data.coverage.market_closed) == [
        (utc(2026, 11, 24), utc(2026, 11, 24, 14, 30), 0, "market_closed", True),
        (utc(2026, 11, 24, 21), utc(2026, 11, 25, 14, 30), 0, "market_closed", True),
        (utc(2026, 11, 25, 21), utc(2026, 11, 27, 14, 30), 0, "market_closed", True),
        (utc(2026, 11, 27, 18), utc(2026, 11, 29), 0, "market_closed", True),
    ]
    cover = data.coverage
    assert (cover.expected, cover.rows, cover.missing, cover.gaps, cover.complete) == (18, 17, 1, 1, False)
    assert "market_closed" not in repr(cover)


def test_closed_time_raises_nothing_even_where_everything_counts(manager: DataSourceManager) -> None:
    data = manager.query("SPY", *WEEK, "1h", on_gaps="raise_any")
    assert (len(data), len(data.coverage.market_closed)) == (25, 5)
    assert "The market was closed 5 times" in data._repr_html_()


def test_a_missing_last_bar_of_a_session_ends_with_the_session(
    exchange: Exchange, manager: DataSourceManager
) -> None:
    exchange.venue.absent = {utc(2026, 11, 25, 21), utc(2026, 11, 27, 15, 30)}
    data = manager.query("SPY", *WEEK, "1h", on_gaps="ignore")
    assert told(data.gaps) == [
        (utc(2026, 11, 25, 20, 30), utc(2026, 11, 27, 15, 30), 2, "venue_has_none", True)
    ]
    assert manager.query("SPY", *WEEK, "1h", on_gaps="ignore").requests == 0


def test_without_a_calendar_nothing_is_expected_and_nothing_missing(
    exchange: Exchange, manager: DataSourceManager
) -> None:
    exchange.venue.absent = {utc(2026, 11, 24, 16, 30)}
    data = manager.query("UNKNOWN.HOURS", *WEEK, "1h")
    cover = data.coverage
    assert (cover.expected, cover.rows, cover.missing, cover.gaps) == (None, 24, None, 0)
    assert (cover.complete, cover.market_closed) == (True, ())
    assert opens(data)[6] == utc(2026, 11, 23, 20, 30)
    assert manager.query("UNKNOWN.HOURS", *WEEK, "1h").requests == 0


def test_bars_off_the_calendar_stay_where_they_stand(exchange: Exchange, manager: DataSourceManager) -> None:
    # The calendar calls it a holiday; the venue traded for an hour.
    strays = [THANKSGIVING + timedelta(hours=15, minutes=30), THANKSGIVING + timedelta(hours=16, minutes=30)]
    exchange.venue.strays = set(strays)
    data = manager.query("SPY", *WEEK, "1h")
    own = [t for t in opens(data) if t.date() == THANKSGIVING.date()]
    assert own == [t - timedelta(hours=1) for t in strays]
    assert data.to_pandas().loc[own[0] : own[-1], "close_time"].tolist() == [
        pd.Timestamp(t) - pd.Timedelta(1, "ms") for t in strays
    ]
    assert (data.coverage.off_grid, data.coverage.rows, data.coverage.missing) == (2, 27, 0)
    exchange.venue.taken()
    again = manager.query("SPY", *WEEK, "1h")
    assert (again.coverage.off_grid, again.requests) == (2, 0)
    day = manager.query("SPY", "2026-11-26", "2026-11-26", "1h", include_source_metadata=True)
    assert (opens(day), day.coverage.off_grid, day.coverage.expected) == (own, 2, 0)
    assert day.to_pandas()["_data_source"].tolist() == ["REST", "REST"]
    before = manager.query("SPY", "2026-11-23", "2026-11-25", "1h")
    assert (len(before), before.coverage.off_grid) == (21, 0)
    assert exchange.venue.taken() == []


def test_the_plan_tells_of_bars_asked_for_beside_a_page(
    exchange: Exchange, manager: DataSourceManager
) -> None:
    plan = str(manager.explain("SPY", *WEEK, "1h"))
    assert "1 bar more at each end" in plan
    manager.query("SPY", "2026-11-24", "2026-11-24", "1h")
    assert exchange.venue.taken() == [(utc(2026, 11, 24, 13, 30), utc(2026, 11, 25, 14, 30))]


def test_on_a_saturday_the_last_bars_are_those_of_friday(
    exchange: Exchange, manager: DataSourceManager
) -> None:
    data = manager.query("SPY", last=8, interval="1h")
    assert opens(data) == list(by_hand(utc(2026, 12, 3), SATURDAY, 60))[-8:]
    assert (data.gaps, data.coverage.expected) == ((), 8)
    assert data.coverage.market_closed[-1].end_time == utc(2026, 12, 4, 14, 30)
    week = manager.query("SPY", last="7d", interval="1h")
    assert opens(week) == list(by_hand(SATURDAY - timedelta(days=7), SATURDAY, 60))
    assert week.coverage.market_closed[-1].end_time == SATURDAY
    exchange.venue.taken()
    only_closed = manager.query("SPY", "2026-12-05", None, "1h", include_open_bar=True)
    assert (len(only_closed), only_closed.gaps, exchange.venue.taken()) == (0, (), [])


def test_the_bar_that_is_open_comes_only_when_asked_for_and_is_not_kept(
    exchange: Exchange, manager: DataSourceManager
) -> None:
    exchange.venue.now = utc(2026, 12, 4, 20, 45)
    closed = manager.query("SPY", "2026-12-04", "2026-12-04", "1h", on_gaps="raise")
    assert opens(closed)[-1] == utc(2026, 12, 4, 19, 30)
    assert told(closed.gaps) == [(utc(2026, 12, 4, 20, 30), utc(2026, 12, 4, 21), 1, "not_closed_yet", False)]
    for _ in range(2):
        data = manager.query("SPY", last=2, interval="1h", include_open_bar=True)
        assert opens(data) == [utc(2026, 12, 4, hour, 30) for hour in (18, 19, 20)]
        assert data.to_pandas()["close_time"].iloc[-1] == pd.Timestamp("2026-12-04T20:59:59.999Z")
        assert data.requests == 1
    exchange.venue.now = SATURDAY
    assert len(manager.query("SPY", "2026-12-04", "2026-12-04", "1h")) == 7


def test_chunks_of_a_range_are_the_range(exchange: Exchange, manager: DataSourceManager) -> None:
    exchange.venue.strays = {THANKSGIVING + timedelta(hours=16)}
    pieces = list(manager.iter_data("SPY", *WEEK, "30m", chunk="1d"))
    asked = exchange.venue.taken()
    whole = manager.query("SPY", *WEEK, "30m")
    assert [t for piece in pieces for t in opens_of(piece)] == opens(whole)
    assert (len(pieces), len(asked), exchange.venue.taken()) == (7, 4, [])


def opens_of(piece: Any) -> list[datetime]:
    frame = piece.to_pandas() if isinstance(piece, MarketData) else piece
    return [t.to_pydatetime() for t in frame.index]


def test_several_series_are_had_at_once(exchange: Exchange, manager: DataSourceManager) -> None:
    found = manager.get_many(["SPY", "QQQ"], *WEEK, "1h", shape="dict")
    assert {name: len(frame) for name, frame in found.items()} == {"SPY": 25, "QQQ": 25}
    assert len(exchange.venue.taken()) == 2


def test_a_prefetch_leaves_nothing_to_ask(exchange: Exchange, manager: DataSourceManager) -> None:
    got = manager.prefetch("SPY", *WEEK, "5m")
    assert (got.rows, got.gaps) == (78 * 3 + 42, ())
    exchange.venue.taken()
    assert manager.query("SPY", "2026-11-25", "2026-11-27", "5m").requests == 0


def test_an_update_asks_for_the_days_since_and_on_a_weekend_for_nothing(
    exchange: Exchange, manager: DataSourceManager
) -> None:
    manager.prefetch("SPY", "2026-11-30", "2026-12-02", "1h")
    exchange.venue.taken()
    [line] = manager.update()
    assert (line.rows, line.gaps, from_ns(line.until or 0)) == (14, (), utc(2026, 12, 4, 21))
    assert exchange.venue.taken() == [(utc(2026, 12, 3, 13, 30), utc(2026, 12, 7, 14, 30))]
    for hours in (0, 24, 48):
        exchange.venue.now = SATURDAY + timedelta(hours=hours)
        [line] = manager.update()
        assert (line.rows, line.requests, from_ns(line.until or 0)) == (0, 0, utc(2026, 12, 4, 21))
    exchange.venue.now = utc(2026, 12, 7, 15, 45)
    [line] = manager.update()
    assert (line.rows, from_ns(line.until or 0)) == (1, utc(2026, 12, 7, 15, 30))


def test_a_hole_near_the_present_is_looked_at_again_by_an_update(
    exchange: Exchange, manager: DataSourceManager
) -> None:
    late = utc(2026, 12, 4, 16, 30)
    exchange.venue.absent = {late}
    data = manager.query("SPY", "2026-12-04", "2026-12-04", "1h", on_gaps="ignore")
    assert told(data.gaps) == [(utc(2026, 12, 4, 15, 30), late, 1, "venue_has_none", False)]
    exchange.venue.absent = set()
    exchange.venue.now = SATURDAY + timedelta(hours=2)
    [line] = manager.update()
    assert (line.rows, line.gaps) == (1, ())
    assert len(manager.query("SPY", "2026-12-04", "2026-12-04", "1h", on_gaps="raise")) == 7


@pytest.mark.parametrize(("own", "coarse"), [("5m", "30m"), ("5m", "1h"), ("30m", "1h")])
def test_joined_bars_count_from_the_open_of_each_session(
    manager: DataSourceManager, own: str, coarse: str
) -> None:
    joined = manager.query("SPY", *WEEK, own).resample(coarse)
    direct = manager.query("SPY", *WEEK, coarse)
    assert opens(joined) == opens(direct)
    columns = ["close", "close_time"]
    pd.testing.assert_frame_equal(joined.to_pandas()[columns], direct.to_pandas()[columns], check_freq=False)
    assert (joined.gaps, joined.coverage.expected, joined.coverage.missing) == (
        (),
        25 if coarse == "1h" else 46,
        0,
    )
    assert joined.coverage.market_closed == direct.coverage.market_closed


def test_joined_days_and_weeks_have_their_dates(manager: DataSourceManager) -> None:
    data = manager.query("SPY", *WEEK, "30m")
    days, direct = data.resample("1d"), manager.query("SPY", *WEEK, "1d")
    assert opens(days) == opens(direct)
    assert days.to_pandas()["close_time"].tolist() == direct.to_pandas()["close_time"].tolist()
    assert days.to_pandas()["volume"].tolist() == [130.0, 130.0, 130.0, 70.0]
    weeks = data.resample("1w")
    assert (opens(weeks), weeks.to_pandas()["volume"].tolist()) == ([utc(2026, 11, 23)], [460.0])
    assert (days.gaps, weeks.gaps) == ((), ())


def test_a_joined_bar_that_lacks_one_of_its_own_is_a_gap(
    exchange: Exchange, manager: DataSourceManager
) -> None:
    manager.query("SPY", "2026-11-24", "2026-11-24", "30m")
    data = manager.query("SPY", *WEEK, "30m", enforce_source="cache", on_gaps="ignore")
    days = data.resample("1d")
    assert opens(days) == [utc(2026, 11, 24)]
    assert told(days.gaps) == [
        (utc(2026, 11, 23), utc(2026, 11, 23, 21), 1, "not_requested", False),
        (utc(2026, 11, 25), utc(2026, 11, 27, 18), 2, "not_requested", False),
    ]


def test_a_range_that_cuts_a_session_gives_no_day_of_it(manager: DataSourceManager) -> None:
    data = manager.query("SPY", utc(2026, 11, 23, 16), utc(2026, 11, 25, 16), "30m")
    days = data.resample("1d")
    assert opens(days) == [utc(2026, 11, 24)]
    assert [(g.start_time, g.reason, g.detail) for g in days.gaps] == [
        (utc(2026, 11, 23), "not_requested", "the range begins inside this bar"),
        (utc(2026, 11, 25), "not_requested", "the range ends inside this bar"),
    ]


def test_a_day_that_has_not_closed_is_no_joined_bar(exchange: Exchange, manager: DataSourceManager) -> None:
    exchange.venue.now = utc(2026, 12, 4, 20, 45)
    days = manager.query("SPY", "2026-12-03", "2026-12-05", "30m", on_gaps="ignore").resample("1d")
    assert opens(days) == [utc(2026, 12, 3)]
    assert told(days.gaps) == [(utc(2026, 12, 4), utc(2026, 12, 4, 21), 1, "not_closed_yet", False)]


def test_bars_off_the_calendar_are_joined_to_nothing(exchange: Exchange, manager: DataSourceManager) -> None:
    exchange.venue.strays = {THANKSGIVING + timedelta(hours=16)}
    days = manager.query("SPY", *WEEK, "30m").resample("1d")
    assert [t.day for t in opens(days)] == [23, 24, 27]
    [gap] = days.gaps
    assert (gap.start_time, gap.bars, gap.final) == (utc(2026, 11, 25), 1, False)
    assert "off the grid" in gap.detail


def test_hours_that_the_day_does_not_have_make_no_day(manager: DataSourceManager) -> None:
    data = manager.query("SPY", *WEEK, "30m", options={"hours": "extended"})
    with pytest.raises(RequestError, match="inside a session of theirs") as refused:
        data.resample("1d")
    assert "Fetch the longer interval itself" in str(refused.value.hint)
    assert len(data.resample("1h")) == len(by_hand(utc(2026, 11, 23), utc(2026, 11, 30), 60, "extended"))


def test_bars_without_a_calendar_cannot_be_joined(manager: DataSourceManager) -> None:
    data = manager.query("UNKNOWN.HOURS", *WEEK, "30m")
    with pytest.raises(RequestError, match="grid is known"):
        data.resample("1d")


def test_the_calendar_of_these_tests_is_what_its_sessions_say() -> None:
    grid = grid_of("1h")
    week = TimeRange(to_ns(utc(2026, 11, 23)), to_ns(utc(2026, 11, 30)))
    assert [from_ns(t) for t in grid.slots(week).tolist()] == list(
        by_hand(utc(2026, 11, 23), utc(2026, 11, 30), 60)
    )
