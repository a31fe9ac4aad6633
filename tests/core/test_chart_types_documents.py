"""Documents of a plugin: the newest record while it lasts, and nothing stale in silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from core.chart_types_desk import NOW, AcmeDesk, acme_desk, ms
from dsm_core.errors import (
    AllSourcesFailedError,
    IncompleteDataError,
    IncompleteDataWarning,
    RequestError,
    SymbolNotFoundError,
)
from dsm_core.model import to_ns
from dsm_core.porting.export import export
from dsm_core.report import survey
from dsm_core.report.points import Points, read_points

__all__ = ["acme_desk"]

CHART = "instrument_info"
LISTED = ms(NOW - timedelta(days=900))


def put(desk: AcmeDesk, status: str, *, listed: int | None = LISTED, **late: float) -> None:
    stamp = ms(desk.now + timedelta(**late))
    desk.venue.instruments["BTC"] = {
        "time": stamp,
        "status": status,
        "tickSize": "0.10",
        "listed": listed,
    }


@pytest.fixture
def desk(acme_desk: AcmeDesk) -> AcmeDesk:
    # Servers are not in step: the venue is some seconds ahead, and yet gives no record of the future.
    put(acme_desk, "TRADING", seconds=2)
    return acme_desk


def test_a_call_without_a_range_hands_out_the_record_of_now(desk: AcmeDesk) -> None:
    data = desk.manager().query("BTC", chart_type=CHART)
    frame = data.to_pandas()
    assert list(frame.columns) == ["status", "tick_size", "is_trading", "listed_at"]
    assert (frame.index.name, str(frame.index.dtype)) == ("as_of", "datetime64[ns, UTC]")
    assert [ms(t) for t in frame.index] == [ms(NOW)]
    assert str(frame["is_trading"].dtype) == "bool"
    assert frame.iloc[0].tolist() == ["TRADING", 0.1, True, pd.Timestamp(LISTED, unit="ms", tz="UTC")]
    assert (data.gaps, data.coverage.complete, data.requests) == ((), True, 1)


def test_a_record_answers_until_it_is_old(desk: AcmeDesk) -> None:
    first = desk.manager().get_data("BTC", chart_type=CHART)
    put(desk, "HALT", minutes=30)
    desk.venue.asked()
    desk.pass_time(minutes=59)
    pd.testing.assert_frame_equal(desk.manager().get_data("BTC", chart_type=CHART), first)
    assert desk.venue.asked() == []
    desk.pass_time(minutes=2)
    assert desk.manager().get_data("BTC", chart_type=CHART)["status"].tolist() == ["HALT"]
    assert desk.venue.asked() == ["/instrument"]


def test_the_plan_tells_whether_the_record_lasts(desk: AcmeDesk) -> None:
    manager = desk.manager()
    plan = manager.explain("BTC", chart_type=CHART)
    assert (plan.requests, [s.task.source for s in plan.steps]) == (1, ["rest"])
    assert plan.span is not None
    assert plan.span.end - plan.span.start == 3600 * 10**9
    manager.get_data("BTC", chart_type=CHART)
    assert desk.venue.asked() == ["/instrument"]
    plan = manager.explain("BTC", chart_type=CHART)
    assert (plan.requests, plan.steps, len(plan.cached)) == (0, (), 1)
    desk.pass_time(hours=2)
    assert manager.explain("BTC", chart_type=CHART).requests == 1
    assert desk.venue.asked() == []


def test_a_failed_source_leaves_the_last_record_and_tells_its_age(desk: AcmeDesk) -> None:
    manager = desk.manager()
    fresh = manager.get_data("BTC", chart_type=CHART)
    desk.pass_time(hours=5)
    desk.venue.down = True
    with pytest.warns(IncompleteDataWarning, match="source_failed.*is 5 h old and lasts 1 h; rest: "):
        data = manager.query("BTC", chart_type=CHART)
    pd.testing.assert_frame_equal(data.to_pandas(), fresh)
    (gap,) = data.gaps
    assert (ms(gap.end_time), gap.reason, gap.final) == (ms(desk.now), "source_failed", False)
    assert not data.coverage.complete
    with pytest.raises(IncompleteDataError, match="5 h old"):
        manager.query("BTC", chart_type=CHART, on_gaps="raise")


def test_offline_the_last_record_tells_its_age(desk: AcmeDesk) -> None:
    desk.manager().get_data("BTC", chart_type=CHART)
    desk.pass_time(minutes=30)
    assert desk.manager(offline=True).query("BTC", chart_type=CHART).gaps == ()
    desk.pass_time(minutes=60)
    desk.venue.asked()
    with pytest.warns(IncompleteDataWarning, match="not_requested.*is 1.5 h old.*only the cache was asked"):
        assert len(desk.manager(offline=True).get_data("BTC", chart_type=CHART)) == 1
    with pytest.warns(IncompleteDataWarning, match="only the cache was asked"):
        assert len(desk.manager().get_data("BTC", chart_type=CHART, enforce_source="cache")) == 1
    assert desk.venue.asked() == []


def test_without_any_record_a_failure_is_raised_and_offline_is_empty(desk: AcmeDesk) -> None:
    with pytest.warns(IncompleteDataWarning, match="no record was ever kept"):
        assert len(desk.manager(offline=True).get_data("BTC", chart_type=CHART)) == 0
    desk.venue.down = True
    with pytest.raises(AllSourcesFailedError):
        desk.manager().get_data("BTC", chart_type=CHART)
    desk.venue.down = False
    with pytest.raises(SymbolNotFoundError):
        desk.manager().get_data("NOPE", chart_type=CHART)


def test_a_symbol_that_the_venue_forgot_keeps_its_last_record(desk: AcmeDesk) -> None:
    manager = desk.manager()
    manager.get_data("BTC", chart_type=CHART)
    del desk.venue.instruments["BTC"]
    desk.pass_time(hours=3)
    with pytest.warns(IncompleteDataWarning, match="delisted"):
        assert manager.get_data("BTC", chart_type=CHART)["status"].tolist() == ["TRADING"]


def test_a_range_hands_out_the_records_that_were_kept(desk: AcmeDesk) -> None:
    manager = desk.manager()
    for status in ("TRADING", "HALT", "TRADING"):
        put(desk, status, listed=None)
        manager.get_data("BTC", chart_type=CHART)
        desk.pass_time(hours=8)
    desk.venue.asked()
    past = manager.query("BTC", NOW - timedelta(days=1), NOW + timedelta(hours=12), chart_type=CHART)
    assert past.to_pandas()["status"].tolist() == ["TRADING", "HALT"]
    assert past.to_pandas()["listed_at"].isna().all()
    assert {(g.reason, g.final) for g in past.gaps} == {("beyond_history", True)}
    assert desk.venue.asked() == []
    put(desk, "BREAK", seconds=1)
    everything = manager.query("BTC", last="2d", chart_type=CHART)
    assert everything.to_pandas()["status"].tolist() == ["TRADING", "HALT", "TRADING", "BREAK"]
    assert desk.venue.asked() == ["/instrument"]
    newest = manager.query("BTC", chart_type=CHART)
    assert (newest.to_pandas()["status"].tolist(), desk.venue.asked()) == (["BREAK"], [])


def test_update_fetches_records_that_are_old_and_leaves_the_others(desk: AcmeDesk) -> None:
    manager = desk.manager()
    manager.get_data("BTC", chart_type=CHART)
    (line,) = manager.update()
    assert (line.rows, line.requests) == (0, 0)
    desk.pass_time(hours=2)
    put(desk, "HALT")
    (line,) = manager.update()
    assert (line.rows, line.requests, line.partial) == (1, 1, False)
    assert manager.get_data("BTC", chart_type=CHART)["status"].tolist() == ["HALT"]


def test_prefetch_many_pieces_scan_and_export_take_documents(desk: AcmeDesk) -> None:
    manager = desk.manager()
    desk.venue.instruments["ETH"] = desk.venue.instruments["BTC"]
    assert manager.prefetch("BTC", chart_type=CHART).rows == 1
    found = manager.get_many(["BTC", "ETH"], chart_type=CHART)
    assert found.to_pandas()["status"].tolist() == ["TRADING", "TRADING"]
    assert len(found.to_pandas("wide")) == 1
    assert [len(piece) for piece in manager.iter_data("BTC", chart_type=CHART)] == [1]
    assert manager.scan(["BTC", "ETH"], chart_type=CHART).collect().height == 2
    store = manager._session.store
    assert store is not None
    assert export(store, None, "parquet", desk.folder / "parquet").rows == 2


def test_coverage_calls_nothing_missing_between_two_records(desk: AcmeDesk) -> None:
    manager = desk.manager()
    manager.get_data("BTC", chart_type=CHART)
    desk.pass_time(hours=8)
    put(desk, "HALT")
    manager.get_data("BTC", chart_type=CHART)
    desk.pass_time(hours=3)
    store = manager._session.store
    assert store is not None
    (series,) = survey(store, now=to_ns(desk.now))
    assert (series.rows, series.held_share, series.open_gaps) == (2, 1.0, 0)
    assert [gap.reason for gap in series.gaps] == ["beyond_history"]
    assert series.behind is not None
    assert series.behind.end - series.behind.start == 2 * 3600 * 10**9
    assert isinstance(read_points(store, series), Points)


def test_a_client_may_leave_the_time_to_core(desk: AcmeDesk) -> None:
    manager = desk.manager("desk")
    data = manager.query("BTC", chart_type=CHART)
    assert [ms(t) for t in data.to_pandas().index] == [ms(NOW)]
    assert data.to_pandas().iloc[0, :2].tolist() == ["TRADING", 0.5]
    assert manager.query("BTC", chart_type=CHART).provenance[0].from_cache


def test_a_record_of_next_week_is_refused(desk: AcmeDesk) -> None:
    put(desk, "TRADING", days=7)
    with pytest.raises(AllSourcesFailedError, match=r"2026-11-27.*as_of"):
        desk.manager().get_data("BTC", chart_type=CHART)


def test_without_a_cache_every_call_asks(desk: AcmeDesk) -> None:
    manager = desk.manager(use_cache=False)
    for _ in range(2):
        assert len(manager.get_data("BTC", chart_type=CHART)) == 1
    assert desk.venue.asked() == ["/instrument"] * 2


def test_documents_have_no_bars(desk: AcmeDesk) -> None:
    manager = desk.manager()
    with pytest.raises(RequestError, match="no grid"):
        manager.get_data("BTC", last=5, chart_type=CHART)
    with pytest.raises(RequestError, match="resampled"):
        manager.query("BTC", chart_type=CHART).resample("1d")


def test_a_record_answers_across_the_turn_of_the_year(desk: AcmeDesk) -> None:
    desk.now = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    put(desk, "TRADING")
    desk.manager().get_data("BTC", chart_type=CHART)
    desk.venue.asked()
    desk.pass_time(minutes=45)
    assert desk.manager().get_data("BTC", chart_type=CHART)["status"].tolist() == ["TRADING"]
    assert desk.venue.asked() == []


def test_a_record_that_the_venue_stamped_long_ago_is_kept_once(desk: AcmeDesk) -> None:
    put(desk, "TRADING", days=-40)
    manager = desk.manager()
    for hours in (0, 2, 2):
        desk.pass_time(hours=hours)
        assert len(manager.get_data("BTC", chart_type=CHART)) == 1
        assert len(manager.get_data("BTC", chart_type=CHART)) == 1
    assert desk.venue.asked() == ["/instrument"] * 3
    assert len(manager.get_data("BTC", last="60d", chart_type=CHART)) == 1


def test_a_venue_that_stamps_an_older_time_erases_no_record(desk: AcmeDesk) -> None:
    manager = desk.manager()
    for status, days in (("TRADING", 0), ("HALT", 0), ("BREAK", -40)):
        put(desk, status, days=days)
        manager.get_data("BTC", chart_type=CHART)
        desk.pass_time(hours=2)
    put(desk, "TRADING")
    kept = manager.get_data("BTC", last="60d", chart_type=CHART)
    assert kept["status"].tolist() == ["BREAK", "TRADING", "HALT", "TRADING"]


def test_every_form_of_the_answer_holds_the_record(desk: AcmeDesk) -> None:
    manager = desk.manager()
    data = manager.query("BTC", chart_type=CHART, include_source_metadata=True, columns=["tick_size"])
    assert data.to_pandas()["_data_source"].tolist() == ["REST"]
    assert data.to_polars().columns == ["as_of", "tick_size", "_data_source"]
    assert data.handle.value["sources"] == {"rest": 1}
    desk.pass_time(hours=3)
    desk.venue.down = True
    stale = manager.query("BTC", chart_type=CHART, on_gaps="ignore")
    assert "source_failed" in stale._repr_html_()
    assert "rest" in manager.explain("BTC", chart_type=CHART)._repr_html_()


def test_the_wrong_source_does_not_answer_for_another(desk: AcmeDesk) -> None:
    manager = desk.manager()
    manager.get_data("BTC", chart_type=CHART)
    with pytest.raises(RequestError, match="no source 'table'"):
        manager.get_data("BTC", chart_type=CHART, enforce_source="table")
    assert manager.query("BTC", chart_type=CHART, enforce_source="rest").requests == 0


def test_a_run_whose_clock_was_a_year_ahead_hides_no_later_record(desk: AcmeDesk) -> None:
    manager = desk.manager()
    manager.get_data("BTC", chart_type=CHART)
    desk.now = NOW + timedelta(days=365)
    put(desk, "AHEAD")
    assert manager.get_data("BTC", chart_type=CHART)["status"].tolist() == ["AHEAD"]
    desk.now = NOW + timedelta(hours=2)
    with pytest.warns(IncompleteDataWarning, match="is 2 h old and lasts 1 h; only the cache"):
        held = desk.manager(offline=True).get_data("BTC", chart_type=CHART)
    assert held["status"].tolist() == ["TRADING"]
    put(desk, "HALT")
    for _ in range(2):
        data = manager.query("BTC", chart_type=CHART)
        assert (data.to_pandas()["status"].tolist(), data.gaps) == (["HALT"], ())
    kept = manager.get_data("BTC", last="2d", chart_type=CHART, on_gaps="ignore")
    assert kept["status"].tolist() == ["TRADING", "HALT"]
    desk.pass_time(hours=4)
    desk.venue.down = True
    with pytest.warns(IncompleteDataWarning, match="is 4 h old"):
        assert manager.get_data("BTC", chart_type=CHART)["status"].tolist() == ["HALT"]


def test_records_of_the_future_alone_are_none(desk: AcmeDesk) -> None:
    desk.now = NOW + timedelta(days=365)
    put(desk, "AHEAD")
    desk.manager().get_data("BTC", chart_type=CHART)
    desk.now = NOW
    with pytest.warns(IncompleteDataWarning, match="no record was ever kept"):
        assert len(desk.manager(offline=True).get_data("BTC", chart_type=CHART)) == 0
    desk.venue.down = True
    with pytest.raises(AllSourcesFailedError):
        desk.manager().get_data("BTC", chart_type=CHART)


def test_a_past_stamp_that_was_fetched_by_a_clock_ahead_has_no_negative_age(desk: AcmeDesk) -> None:
    desk.now = NOW + timedelta(days=30)
    put(desk, "TRADING", days=-31)
    desk.manager().get_data("BTC", chart_type=CHART)
    desk.now = NOW
    with pytest.warns(IncompleteDataWarning, match="is 1 d old and lasts 1 h"):
        assert len(desk.manager(offline=True).get_data("BTC", chart_type=CHART)) == 1


def test_a_record_lasts_from_when_it_was_fetched_whatever_its_stamp(desk: AcmeDesk) -> None:
    manager = desk.manager()
    put(desk, "TRADING", hours=24)
    data = manager.query("BTC", chart_type=CHART)
    assert [ms(t) for t in data.to_pandas().index] == [ms(NOW)]
    put(desk, "HALT", hours=24)
    desk.pass_time(minutes=59)
    assert manager.get_data("BTC", chart_type=CHART)["status"].tolist() == ["TRADING"]
    desk.pass_time(minutes=2)
    assert manager.get_data("BTC", chart_type=CHART)["status"].tolist() == ["HALT"]
    assert desk.venue.asked() == ["/instrument"] * 2
