"""A program registers a chart type and a client, and forgets them again; nothing is installed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dsm_core import DataClientFactory, DataSourceManager
from dsm_core.errors import RequestError, UnsupportedChartTypeError
from dsm_core.plugins import ClientSpec, DataClientInterface
from dsm_core.schema import ChartSchema, Column, register_chart_type, unregister_chart_type

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SKEW = ChartSchema(
    name="skew_of_a_test",
    kind="bars",
    index="open_time",
    columns=[
        Column("skew", "float64", "standard deviations", agg=None),
        Column("regime", "string", "in words", agg="last"),
    ],
)


class Skew(DataClientInterface):
    """One bar an hour, out of nothing but the hour."""

    spec = ClientSpec(
        market_type="spot", chart_type=SKEW.name, source="model", intervals={"1h": "1h"}, authoritative=True
    )

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        """Columns of the range."""
        hours = round((end_time - start_time).total_seconds() / 3600)
        opens = [start_time + timedelta(hours=i) for i in range(hours)]
        return {"open_time": opens, "skew": [t.hour / 2 for t in opens], "regime": ["calm"] * hours}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[DataSourceManager]:
    register_chart_type(SKEW)
    DataClientFactory.register_client(
        provider="house", market_type="spot", chart_type=SKEW.name, client_class=Skew
    )
    try:
        with DataSourceManager("spot", "house", SKEW.name, cache_dir=tmp_path, clock=lambda: NOW) as made:
            yield made
    finally:
        DataClientFactory.unregister("house")
        unregister_chart_type(SKEW.name)


def test_rows_are_had_and_kept(manager: DataSourceManager) -> None:
    frame = manager.get_data("BTC", "2026-11-18", "2026-11-18", "1h")
    assert frame["skew"].tolist() == [hour / 2 for hour in range(24)]
    assert set(frame["regime"]) == {"calm"}
    assert manager.query("BTC", "2026-11-18", "2026-11-18", "1h").provenance[0].from_cache


def test_what_nobody_can_join_is_not_joined(manager: DataSourceManager) -> None:
    data = manager.query("BTC", "2026-11-18", "2026-11-18", "1h")
    with pytest.raises(RequestError, match="how values of 'skew' are joined"):
        data.resample("4h")


def test_a_column_it_does_not_have_is_named(manager: DataSourceManager) -> None:
    with pytest.raises(RequestError, match=r"no column 'skw'.*Did you mean 'skew'"):
        manager.get_data("BTC", "2026-11-18", "2026-11-18", "1h", columns=["skw"])


def test_a_forgotten_chart_type_is_unknown_and_its_cache_is_found_again(manager: DataSourceManager) -> None:
    manager.get_data("BTC", "2026-11-18", "2026-11-18", "1h")
    unregister_chart_type(SKEW.name)
    with pytest.raises(UnsupportedChartTypeError, match=SKEW.name):
        manager.get_data("BTC", "2026-11-18", "2026-11-18", "1h")
    register_chart_type(SKEW)
    assert manager.query("BTC", "2026-11-18", "2026-11-18", "1h").provenance[0].from_cache
