"""Events of a plugin: none is lost, also where several share an instant or come in many pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from core.chart_types_desk import AcmeDesk, acme_desk, ms
from dsm_core.errors import IncompleteDataWarning, RequestError
from dsm_core.model import to_ns
from dsm_core.porting.export import export
from dsm_core.report import survey
from dsm_core.report.points import Points, read_points

__all__ = ["acme_desk"]

CHART = "liquidations"
FIRST = datetime(2026, 11, 18, 1, tzinfo=UTC)
RANGE = ("2026-11-17", "2026-11-19")
# Three at each instant, so that pages of three are cut between events of one instant.
EVENTS = [
    (i, ms(FIRST) + (i - i % 3) * 700, "SELL" if i % 2 else "BUY", str(100 + i), "0.5") for i in range(1, 12)
]


@pytest.fixture
def desk(acme_desk: AcmeDesk) -> AcmeDesk:
    acme_desk.venue.events = {"BTC": EVENTS}
    return acme_desk


def test_every_event_of_every_page_is_there_in_order(desk: AcmeDesk) -> None:
    data = desk.manager().query("BTC", *RANGE, chart_type=CHART)
    frame = data.to_pandas()
    assert list(frame.columns) == ["liquidation_id", "side", "price", "quantity"]
    assert [str(dtype) for dtype in frame.dtypes] == ["int64", "str", "float64", "float64"]
    assert frame["liquidation_id"].tolist() == list(range(1, 12))
    assert [ms(t) for t in frame.index] == [row[1] for row in EVENTS]
    assert not frame.index.is_unique
    assert frame.index.is_monotonic_increasing
    assert (data.gaps, data.coverage.expected, data.coverage.complete) == ((), None, True)
    # Three days, one of them in four pages.
    assert desk.venue.asked() == ["/liquidations"] * 6


def test_a_second_call_and_a_new_manager_ask_for_nothing(desk: AcmeDesk) -> None:
    first = desk.manager().get_data("BTC", *RANGE, chart_type=CHART)
    desk.venue.asked()
    again = desk.manager().get_data("BTC", *RANGE, chart_type=CHART)
    assert desk.venue.asked() == []
    pd.testing.assert_frame_equal(again, first)


def test_a_range_that_grows_loses_none_of_an_instant_at_its_edge(desk: AcmeDesk) -> None:
    manager = desk.manager()
    edge = datetime.fromtimestamp(EVENTS[4][1] / 1000, UTC)
    assert len(manager.get_data("BTC", FIRST, edge, chart_type=CHART, inclusive="left")) == 2
    assert manager.get_data("BTC", FIRST, edge, chart_type=CHART)["liquidation_id"].tolist() == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert len(manager.get_data("BTC", *RANGE, chart_type=CHART)) == 11


def test_events_of_the_last_minute_are_handed_out_and_asked_for_again(desk: AcmeDesk) -> None:
    manager = desk.manager()
    late = (12, ms(desk.now - timedelta(seconds=20)), "BUY", "1", "1")
    desk.venue.events = {"BTC": [late]}
    assert len(manager.get_data("BTC", last="1h", chart_type=CHART)) == 1
    later = (13, ms(desk.now - timedelta(seconds=10)), "BUY", "1", "1")
    desk.venue.events = {"BTC": [late, later]}
    desk.pass_time(minutes=10)
    desk.venue.asked()
    assert len(manager.get_data("BTC", last="1h", chart_type=CHART)) == 2
    (line,) = manager.update()
    assert (line.error, line.partial) == (None, False)


def test_a_failing_page_leaves_its_range_open(desk: AcmeDesk) -> None:
    manager = desk.manager()
    manager.get_data("BTC", "2026-11-17", "2026-11-17", chart_type=CHART)
    desk.venue.down = True
    with pytest.warns(IncompleteDataWarning, match="2 gaps; the first: 2026-11-18 00:00 to 2026-11-19"):
        data = manager.query("BTC", *RANGE, chart_type=CHART)
    assert {(g.reason, g.bars) for g in data.gaps} == {("source_failed", None)}
    assert not data.coverage.complete
    desk.venue.down = False
    assert len(manager.get_data("BTC", *RANGE, chart_type=CHART)) == 11


def test_a_wide_panel_is_refused_and_a_long_one_has_all(desk: AcmeDesk) -> None:
    found = desk.manager().get_many(["BTC", "ETH"], *RANGE, chart_type=CHART)
    assert len(found.to_pandas()) == 11
    with pytest.raises(RequestError, match=r'several rows of one time.*shape="long"'):
        found.to_pandas("wide")


def test_pieces_scan_and_export_have_all(desk: AcmeDesk) -> None:
    manager = desk.manager()
    pieces = [len(piece) for piece in manager.iter_data("BTC", *RANGE, chart_type=CHART)]
    assert pieces == [0, 11, 0]
    assert manager.scan(["BTC"], chart_type=CHART).collect()["liquidation_id"].to_list() == list(range(1, 12))
    store = manager._session.store
    assert store is not None
    assert [export(store, None, form, desk.folder / form).rows for form in ("parquet", "csv", "duckdb")] == [
        11
    ] * 3
    (series,) = survey(store, now=to_ns(desk.now))
    assert (series.rows, series.held_share) == (11, 1.0)
    points = read_points(store, series)
    assert isinstance(points, Points)
    assert points.column.name == "price"


def test_what_needs_a_grid_is_refused(desk: AcmeDesk) -> None:
    manager = desk.manager()
    with pytest.raises(RequestError, match="no grid"):
        manager.query("BTC", last=5, chart_type=CHART)
    data = manager.query("BTC", *RANGE, chart_type=CHART)
    with pytest.raises(RequestError, match="resampled"):
        data.resample("1d")


def test_a_local_table_serves_the_same_chart_type(desk: AcmeDesk) -> None:
    rows = [(i, "BTC", FIRST + timedelta(seconds=i // 2), "BUY", 1.5, 2.0) for i in range(6)]
    desk.put_events(rows)
    manager = desk.manager("desk")
    for _ in range(2):
        frame = manager.get_data("BTC", *RANGE, chart_type=CHART)
        assert frame["liquidation_id"].tolist() == list(range(6))
    assert manager.query("BTC", *RANGE, chart_type=CHART).provenance[0].from_cache


def test_that_nothing_happened_is_not_for_any_table_to_say(desk: AcmeDesk) -> None:
    desk.put_events([])
    manager = desk.manager("desk")
    for _ in range(2):
        data = manager.query("ETH", *RANGE, chart_type=CHART, on_gaps="ignore")
        assert [(g.reason, g.final) for g in data.gaps] == [("not_requested", False)]
    desk.put_events([(1, "ETH", FIRST, "BUY", 1.5, 2.0)])
    assert len(manager.get_data("ETH", *RANGE, chart_type=CHART)) == 1
