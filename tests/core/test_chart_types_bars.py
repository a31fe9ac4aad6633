"""Bars without a price, of a plugin: everything that works for klines works for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.chart_types_desk import NOW, AcmeDesk, acme_desk, ms
from core.chart_types_venue import interest
from dsm_core.errors import RequestError
from dsm_core.model import to_ns
from dsm_core.porting.export import export
from dsm_core.porting.foreign import import_csv
from dsm_core.report import survey, write_page
from dsm_core.report.points import Points, read_points

__all__ = ["acme_desk"]

CHART = "open_interest"
DAY = datetime(2026, 11, 18, tzinfo=UTC)
HOUR_MS = 3_600_000
COLUMNS = ["sum_open_interest", "sum_open_interest_value"]


def opens_of(frame: pd.DataFrame) -> list[int]:
    return [ms(t) for t in frame.index]


def test_a_frame_has_the_plugins_columns_and_the_venues_values(acme_desk: AcmeDesk) -> None:
    frame = acme_desk.manager().get_data("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
    assert list(frame.columns) == COLUMNS
    assert (frame.index.name, str(frame.index.dtype)) == ("open_time", "datetime64[ns, UTC]")
    assert [str(dtype) for dtype in frame.dtypes] == ["float64", "float64"]
    assert opens_of(frame) == [ms(DAY) + i * HOUR_MS for i in range(24)]
    assert frame["sum_open_interest"].tolist() == [interest(t) for t in opens_of(frame)]
    assert acme_desk.venue.asked() == ["/open-interest"]


def test_a_second_call_and_a_new_manager_ask_for_nothing(acme_desk: AcmeDesk) -> None:
    first = acme_desk.manager().get_data("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
    acme_desk.venue.asked()
    again = acme_desk.manager().query("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
    assert acme_desk.venue.asked() == []
    pd.testing.assert_frame_equal(again.to_pandas(), first)
    assert {s.from_cache for s in again.provenance} == {True}


def test_a_hole_is_the_venues_word_and_stays_one(acme_desk: AcmeDesk) -> None:
    acme_desk.venue.absent = {ms(DAY) + 5 * HOUR_MS}
    # Acme does not tell its time, so that its word is final after a week.
    acme_desk.now = NOW + timedelta(days=6)
    manager = acme_desk.manager()
    for _ in range(2):
        data = manager.query("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
        assert [(ms(g.start_time), g.bars, g.reason, g.final) for g in data.gaps] == [
            (ms(DAY) + 5 * HOUR_MS, 1, "venue_has_none", True)
        ]
        assert (data.coverage.expected, data.coverage.rows, data.coverage.complete) == (24, 23, False)
    assert len(acme_desk.venue.asked()) == 1


def test_bars_are_counted_back_and_the_open_one_is_added(acme_desk: AcmeDesk) -> None:
    manager = acme_desk.manager()
    frame = manager.get_data("BTC", None, None, "1h", last=3, chart_type=CHART)
    assert [t.hour for t in frame.index] == [9, 10, 11]
    frame = manager.get_data("BTC", None, None, "1h", last=3, chart_type=CHART, include_open_bar=True)
    assert [t.hour for t in frame.index] == [9, 10, 11, 12]


def test_the_plan_tells_the_bars_and_then_that_they_are_held(acme_desk: AcmeDesk) -> None:
    manager = acme_desk.manager()
    plan = manager.explain("BTC", "2026-11-18", "2026-11-18", "5m", chart_type=CHART)
    assert (plan.requests, [s.bars for s in plan.steps]) == (1, [288])
    assert acme_desk.venue.asked() == []
    manager.get_data("BTC", "2026-11-18", "2026-11-18", "5m", chart_type=CHART)
    plan = manager.explain("BTC", "2026-11-18", "2026-11-18", "5m", chart_type=CHART)
    assert (plan.requests, "held" in str(plan)) == (0, True)


def test_coarser_bars_take_what_the_schema_says(acme_desk: AcmeDesk) -> None:
    data = acme_desk.manager().query("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
    coarse = data.resample("4h")
    own, joined = data.to_pandas(), coarse.to_pandas()
    assert joined["sum_open_interest"].tolist() == own["sum_open_interest"].tolist()[3::4]
    assert coarse.gaps == ()


def test_many_series_make_one_panel(acme_desk: AcmeDesk) -> None:
    found = acme_desk.manager().get_many(
        ["BTC", "ETH"], "2026-11-18", "2026-11-18", "1h", chart_type=CHART, shape="wide"
    )
    wide = found.to_pandas()
    assert list(wide.columns) == [(column, symbol) for column in COLUMNS for symbol in ("BTC", "ETH")]
    assert len(wide) == 24
    assert found.to_arrow().column_names == ["symbol", "open_time", *COLUMNS]


def test_chart_types_of_different_columns_are_no_panel(acme_desk: AcmeDesk) -> None:
    keys = ["acme/swap/open_interest/BTC/1h", "acme/swap/liquidations/BTC/"]
    found = acme_desk.manager().get_many(keys, "2026-11-18", "2026-11-18")
    assert found.errors == {}
    assert list(found.to_pandas("dict")) == keys
    with pytest.raises(RequestError, match=r'open_interest and liquidations.*shape="dict"'):
        found.to_pandas()
    with pytest.raises(RequestError, match="open_interest and liquidations"):
        found.to_arrow()


def test_update_extends_to_the_last_closed_bar(acme_desk: AcmeDesk) -> None:
    manager = acme_desk.manager()
    manager.get_data("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
    (line,) = manager.update()
    assert (str(line.key), line.rows, line.requests) == ("acme/swap/open_interest/BTC/1h", 36, 1)
    assert line.until == to_ns(NOW.replace(minute=0, second=0))
    assert [line.requests for line in manager.update()] == [0]


def test_a_scan_reads_what_is_held(acme_desk: AcmeDesk) -> None:
    manager = acme_desk.manager()
    manager.get_data("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
    frame = manager.scan(["BTC", "ETH"], "1h", chart_type=CHART).collect()
    assert frame.columns == ["symbol", "interval", "open_time", *COLUMNS]
    assert frame["symbol"].to_list() == ["BTC"] * 24


@pytest.mark.parametrize("form", ["parquet", "feather", "csv", "duckdb"])
def test_an_export_has_every_row(acme_desk: AcmeDesk, form: str) -> None:
    manager = acme_desk.manager()
    manager.get_data("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
    assert manager._session.store is not None
    done = export(manager._session.store, None, form, acme_desk.folder / form)
    assert done.rows == 24
    assert all(path.stat().st_size for path in done.files)


def test_an_exported_csv_comes_back_into_another_cache(acme_desk: AcmeDesk, tmp_path: Path) -> None:
    manager = acme_desk.manager()
    before = manager.get_data("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
    assert manager._session.store is not None
    (path,) = export(manager._session.store, None, "csv", acme_desk.folder / "csv").files
    acme_desk.cache = tmp_path / "other"
    other = acme_desk.manager()
    assert other._session.store is not None
    assert import_csv(other._session.store, path, now=to_ns(NOW)).rows == 24
    acme_desk.venue.down = True
    after = other.get_data("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
    pd.testing.assert_frame_equal(after, before)


def test_the_coverage_page_draws_the_first_number(acme_desk: AcmeDesk) -> None:
    manager = acme_desk.manager()
    manager.get_data("BTC", "2026-11-18", "2026-11-18", "1h", chart_type=CHART)
    store = manager._session.store
    assert store is not None
    (series,) = survey(store, now=to_ns(NOW))
    assert (series.rows, series.held_share, series.gaps) == (24, 1.0, ())
    points = read_points(store, series)
    assert isinstance(points, Points)
    assert (points.column.name, points.column.unit) == ("sum_open_interest", "contracts")
    assert np.array_equal(points.values, [interest(ms(DAY) + i * HOUR_MS) for i in range(24)])
    page = acme_desk.folder / "page.html"
    write_page([series], store, page, now=to_ns(NOW))
    assert '"column":"sum_open_interest"' in page.read_text(encoding="utf-8")
