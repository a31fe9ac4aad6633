"""A survey knows an exchange's calendar: nights, weekends and holidays are neither held nor missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cache_series import HOUR
from core.sessions_venue import SessionVenue, utc
from dsm_core import DataSourceManager
from dsm_core.cache import CacheStore
from dsm_core.model.time_range import RangeSet, TimeRange, to_ns
from dsm_core.plugins.registry import default_registry
from dsm_core.report import SeriesCoverage, draw, survey
from dsm_core.report.facts import series_facts
from dsm_core.report.points import read_points

SATURDAY = utc(2026, 12, 5, 12)


@pytest.fixture
def venue() -> Iterator[SessionVenue]:
    with SessionVenue(SATURDAY) as venue:
        venue.absent = {utc(2026, 11, 24, 16, 30)}
        yield venue


@pytest.fixture
def store(venue: SessionVenue, tmp_path: Path) -> CacheStore:
    """A cache with two weeks of hours, of which one day was never asked for."""
    folder = tmp_path / "cache"
    config = {"http": {"state_dir": str(tmp_path / "state")}, "cache": {"dir": str(folder)}}
    with (
        default_registry.registered("bourse", venue.client()),
        DataSourceManager("equities", provider="bourse", config=config, clock=lambda: venue.now) as manager,
    ):
        manager.prefetch("SPY", "2026-11-23", "2026-12-01", "1h")
        manager.prefetch("SPY", "2026-12-03", "2026-12-04", "1h")
    return CacheStore(folder)


def found(store: CacheStore, venue: SessionVenue) -> SeriesCoverage:
    with default_registry.registered("bourse", venue.client()):
        venue.taken()
        (series,) = survey(store, now=to_ns(venue.now))
    assert venue.taken() == []
    return series


def span(day: int, month: int = 11, *, end: int = 21) -> tuple[int, int]:
    return to_ns(utc(2026, month, day, 14, 30)), to_ns(utc(2026, month, day, end))


def test_the_calendar_tells_what_is_held_missing_and_closed(store: CacheStore, venue: SessionVenue) -> None:
    series = found(store, venue)
    absent = (to_ns(utc(2026, 11, 24, 15, 30)), to_ns(utc(2026, 11, 24, 16, 30)))
    days = [span(23), span(24), span(25), span(27, end=18), span(30), span(1, 12), span(3, 12), span(4, 12)]
    assert series.held == RangeSet.from_pairs(days) - RangeSet.from_pairs([absent])
    assert series.holes == RangeSet.from_pairs([absent])
    assert series.missing == RangeSet.from_pairs([span(2, 12)])
    assert series.span == TimeRange(span(23)[0], span(4, 12)[1])
    assert series.closed == RangeSet.of(series.span) - series.held - series.holes - series.missing
    assert [(g.start_ns, g.end_ns, g.bars, g.reason) for g in series.gaps] == [
        (*absent, 1, "venue_has_none"),
        (*span(2, 12), 7, "not_requested"),
    ]
    assert (series.rows, series.slot_ns) == (6 * 7 - 1 + 4 + 7, HOUR)


def test_a_weekend_is_not_behind_fridays_close(store: CacheStore, venue: SessionVenue) -> None:
    assert found(store, venue).behind is None
    venue.now = utc(2026, 12, 7, 14, 29)
    assert found(store, venue).behind is None
    venue.now = utc(2026, 12, 9, 3)
    assert found(store, venue).behind == TimeRange(span(7, 12)[0], span(8, 12)[1])


def test_the_days_of_a_weekend_are_closed(store: CacheStore, venue: SessionVenue) -> None:
    days = found(store, venue).days()
    assert days is not None
    hours = [(part / HOUR).tolist() for part in (days.held, days.missing, days.closed)]
    # Monday to Sunday of the first week: Thursday was a holiday, Friday half a day.
    assert [row[:7] for row in hours] == [
        [6.5, 5.5, 6.5, 0, 3.5, 0, 0],
        [0] * 7,
        [3, 17.5, 17.5, 24, 20.5, 24, 24],
    ]


def test_the_page_and_the_terminal_show_closed_time(store: CacheStore, venue: SessionVenue) -> None:
    series = found(store, venue)
    runs = series_facts(series, None)["days"]["runs"]
    assert [1, 0, 0, 0, 0, 86_400] in runs
    lines = draw([series], width=24 + 12 * 24, colour=False, unicode=True).splitlines()
    assert "▁" in lines[2]
    assert lines[-1].endswith("╌ missing   ▁ market closed")


def test_the_line_of_a_chart_goes_on_over_the_night(store: CacheStore, venue: SessionVenue) -> None:
    points = read_points(store, found(store, venue))
    assert not isinstance(points, str)
    assert points.times[points.breaks].tolist() == [to_ns(utc(2026, 11, 24, 16, 30)), span(3, 12)[0]]


def test_without_its_provider_no_bars_are_counted(store: CacheStore) -> None:
    (series,) = survey(store, now=to_ns(SATURDAY))
    assert (series.slot_ns, series.closed, [gap.bars for gap in series.gaps]) == (
        None, RangeSet(), [None, None],
    )  # fmt: skip


def test_a_series_whose_client_fails_is_surveyed_all_the_same(store: CacheStore, venue: SessionVenue) -> None:
    cls = venue.client()

    class Failing(cls):  # type: ignore[misc,valid-type]
        def make_grid(self) -> None:
            raise ZeroDivisionError

    with default_registry.registered("bourse", Failing):
        (series,) = survey(store, now=to_ns(SATURDAY))
    assert (series.rows, series.slot_ns) == (52, None)


def test_a_series_that_ends_at_a_border_inside_closed_time_is_surveyed(
    venue: SessionVenue, tmp_path: Path
) -> None:
    # Friday's last slot reaches to Monday; the border of a day's file cuts it off at midnight.
    folder = tmp_path / "cache"
    config = {"http": {"state_dir": str(tmp_path / "state")}, "cache": {"dir": str(folder)}}
    with (
        default_registry.registered("bourse", venue.client()),
        DataSourceManager("equities", provider="bourse", config=config, clock=lambda: venue.now) as manager,
    ):
        manager.prefetch("SPY", "2026-12-04", "2026-12-04", "5m")
    series = found(CacheStore(folder), venue)
    assert (series.behind, series.rows) == (None, 78)
