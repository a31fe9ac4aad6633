"""A source that keeps 720 bars: what is older is beyond its history, and stays that way in the cache."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from dsm_core import DataSourceManager, SeriesKey
from dsm_core.errors import AllSourcesFailedError, IncompleteDataWarning, RateLimitError, SymbolNotFoundError
from dsm_core.model import to_ns
from dsm_core.plugins import Registry
from plugins.rolling_provider import dsm_provider
from plugins.tide import NS, Tide
from plugins.venues import DAY, HOUR, Desk, Server, serving, utc

FIRST_HOUR = utc(2024, 5, 16, 13)  # 719 hours and the open one before NOW


@pytest.fixture
def tide(desk: Desk) -> Tide:
    return Tide(desk)


@pytest.fixture
def server(tide: Tide) -> Iterator[Server]:
    with serving(tide.answer) as made:
        yield made


@pytest.fixture
def manager(desk: Desk, server: Server) -> DataSourceManager:
    return made(desk, server)


def made(desk: Desk, server: Server) -> DataSourceManager:
    config = {"providers": {"tide": {"endpoints": {"api": server.url}}}}
    return desk.manager(Registry.of(dsm_provider()), config=config)


def hours(manager: DataSourceManager, start: datetime, end: datetime, **more: Any) -> Any:
    return manager.query("XBTUSD", start, end, "1h", inclusive="left", **more)


def reasons(data: Any) -> list[tuple[str, bool, int | None]]:
    return [(g.reason, g.final, g.bars) for g in data.gaps]


def confirmed(manager: DataSourceManager, interval: str = "1h") -> list[Any]:
    """Confirmed absences that the cache holds."""
    store = manager._session.store
    assert store is not None
    found = store.ledgers(lambda key: key == SeriesKey.parse(f"tide/spot/klines/XBTUSD/{interval}"))
    return [e for held in found for e in held.ledger if e.state == "confirmed"]


def test_rows_arrive_over_pages_with_a_cursor(manager: DataSourceManager, server: Server, desk: Desk) -> None:
    data = hours(manager, FIRST_HOUR, utc(2024, 6, 15, 12))
    frame = data.to_pandas()
    assert (len(frame), frame.index[0], frame.index[-1]) == (719, FIRST_HOUR, utc(2024, 6, 15, 11))
    assert list(frame.loc[utc(2024, 6, 1), ["volume", "count"]]) == [12.5, 7]
    assert frame["quote_asset_volume"].isna().all()
    assert data.gaps == ()
    assert server.count("/ohlc") == 8
    assert len(hours(manager, FIRST_HOUR, utc(2024, 6, 15, 12)).to_pandas()) == 719
    assert server.count("/ohlc") == 8


def test_what_is_older_is_beyond_history_and_is_not_asked_for(
    manager: DataSourceManager, server: Server
) -> None:
    data = hours(manager, utc(2024, 1, 1), utc(2024, 2, 1), on_gaps="raise")
    assert reasons(data) == [("beyond_history", True, 744)]
    assert len(data.to_pandas()) == 0
    assert server.asked == []
    assert "beyond" in str(data.gaps[0]) or data.gaps[0].final


def test_a_range_across_the_edge_gives_the_rows_and_one_gap(manager: DataSourceManager) -> None:
    data = hours(manager, utc(2024, 5, 1), utc(2024, 5, 17))
    assert data.to_pandas().index[0] == FIRST_HOUR
    assert {reason for reason, _, _ in reasons(data)} == {"beyond_history"}
    assert sum(bars or 0 for _, _, bars in reasons(data)) == 15 * 24 + 13
    assert confirmed(manager) == []


def test_the_bar_at_the_edge_is_no_hole_though_rows_stand_on_both_sides(
    desk: Desk, tide: Tide, server: Server
) -> None:
    tide.kept = 722
    hours(made(desk, server), FIRST_HOUR - HOUR, FIRST_HOUR)
    hours(made(desk, server), utc(2024, 5, 17), utc(2024, 5, 18))
    # Now the venue keeps less than it says: two bars at the edge are gone, an older one is cached.
    tide.kept = 719
    desk.now += HOUR
    for _ in range(4):
        manager = made(desk, server)
        data = hours(manager, FIRST_HOUR - HOUR, utc(2024, 5, 18))
        assert {reason for reason, _, _ in reasons(data)} == {"beyond_history"}
        assert confirmed(manager) == []
        desk.now += timedelta(minutes=25)


def test_a_clock_some_minutes_behind_makes_no_holes_of_the_oldest_minutes(
    desk: Desk, tide: Tide, server: Server
) -> None:
    tide.kept = 712
    manager = made(desk, server)
    oldest = desk.now - timedelta(minutes=720)
    for _ in range(3):
        data = manager.query("XBTUSD", oldest, oldest + timedelta(minutes=30), "1m")
        assert {reason for reason, _, _ in reasons(data)} == {"beyond_history"}
    assert confirmed(manager, "1m") == []


def test_rows_that_were_cached_stay_when_the_history_has_passed_them(
    desk: Desk, server: Server, manager: DataSourceManager
) -> None:
    hours(manager, utc(2024, 6, 1), utc(2024, 6, 10))
    asked = server.count()
    desk.now += 365 * DAY
    data = hours(made(desk, server), utc(2024, 6, 1), utc(2024, 6, 12), on_gaps="raise")
    assert len(data.to_pandas()) == 9 * 24
    assert reasons(data) == [("beyond_history", True, 48)]
    assert server.count() == asked
    assert confirmed(manager) == []


def test_a_longer_history_later_brings_what_was_beyond_the_first(
    desk: Desk, tide: Tide, server: Server, manager: DataSourceManager
) -> None:
    assert reasons(hours(manager, utc(2024, 5, 1), utc(2024, 5, 2)))[0][0] == "beyond_history"
    desk.now -= 30 * DAY
    assert len(hours(made(desk, server), utc(2024, 5, 1), utc(2024, 5, 2)).to_pandas()) == 24


def test_a_real_hole_inside_the_history_is_still_confirmed(
    desk: Desk, tide: Tide, manager: DataSourceManager
) -> None:
    hole = utc(2024, 6, 1, 5)
    tide.holes.add(int(hole.timestamp()))
    data = hours(manager, utc(2024, 6, 1), utc(2024, 6, 2))
    assert reasons(data) == [("venue_has_none", True, 1)]
    assert [(e.start, e.end) for e in confirmed(manager)] == [(to_ns(hole), to_ns(hole + HOUR))]


def test_weeks_open_on_thursdays_here(manager: DataSourceManager) -> None:
    frame = manager.get_data("XBTUSD", "2024-05", "2024-05", "1w")
    assert set(frame.index.day_name()) == {"Thursday"}
    assert list(frame.index.day) == [2, 9, 16, 23, 30]
    assert frame["close_time"].iloc[0] == pd.Timestamp("2024-05-08 23:59:59.999", tz="UTC")


def test_the_open_bar_comes_only_when_asked_for_and_is_never_kept(
    manager: DataSourceManager, desk: Desk
) -> None:
    start = utc(2024, 6, 15, 10)
    assert len(manager.get_data("XBTUSD", start, None, "1h", on_gaps="ignore")) == 2
    with_open = manager.get_data("XBTUSD", start, None, "1h", include_open_bar=True)
    assert with_open.index[-1] == utc(2024, 6, 15, 12)
    assert len(manager.get_data("XBTUSD", start, None, "1h", on_gaps="ignore")) == 2


def test_an_unknown_symbol_inside_a_200_is_a_symbol_not_found(manager: DataSourceManager) -> None:
    with pytest.raises(SymbolNotFoundError, match="Unknown asset pair"):
        manager.get_data("NOPE", utc(2024, 6, 1), utc(2024, 6, 2), "1h")


def test_a_limit_told_inside_a_200_is_waited_for_and_tried_again(
    desk: Desk, tide: Tide, server: Server
) -> None:
    tide.says = ["EAPI:Rate limit exceeded"]
    assert len(hours(made(desk, server), utc(2024, 6, 1), utc(2024, 6, 2)).to_pandas()) == 24
    assert server.count() == 2


def test_a_limit_that_does_not_end_is_the_callers_error(desk: Desk, tide: Tide, server: Server) -> None:
    tide.says = ["EAPI:Rate limit exceeded"] * 50
    config = {"providers": {"tide": {"endpoints": {"api": server.url}}}}
    manager = desk.manager(dsm_provider(), config=config, retry_count=1)
    with pytest.raises(RateLimitError, match="Rate limit exceeded") as caught:
        hours(manager, utc(2024, 6, 1), utc(2024, 6, 2))
    assert caught.value.details["provider"] == "tide"


def test_another_error_inside_a_200_names_the_venues_words(tide: Tide, manager: DataSourceManager) -> None:
    tide.says = ["EGeneral:Internal error"] * 3
    with pytest.raises(AllSourcesFailedError, match="EGeneral:Internal error"):
        hours(manager, utc(2024, 6, 1), utc(2024, 6, 2))


def test_every_minute_of_the_history_is_reached_and_no_more(manager: DataSourceManager, desk: Desk) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", IncompleteDataWarning)
        data = manager.query("XBTUSD", last=1000, interval="1m")
    frame = data.to_pandas()
    assert len(frame) == 719
    assert (frame.index[0].value - to_ns(desk.now)) // (60 * NS) == -720
    assert sum(g.bars or 0 for g in data.gaps) == 281
    assert {g.reason for g in data.gaps} == {"beyond_history"}


def test_an_update_after_a_long_absence_brings_what_is_kept_and_asks_no_more(
    desk: Desk, server: Server
) -> None:
    hours(made(desk, server), utc(2024, 6, 1), utc(2024, 6, 2))
    desk.now += 90 * DAY
    (line,) = made(desk, server).update()
    assert (line.error, line.rows, line.partial) == (None, 719, False)
    assert {g.reason for g in line.gaps} == {"beyond_history"}
    asked = server.count()
    (again,) = made(desk, server).update()
    assert (again.error, again.rows, again.partial) == (None, 0, False)
    assert server.count() == asked
    manager = made(desk, server)
    data = hours(manager, utc(2024, 6, 1), desk.now, on_gaps="raise")
    assert len(data.to_pandas()) == 24 + 719
    assert confirmed(manager) == []
