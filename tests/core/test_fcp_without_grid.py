"""Bars whose grid nobody knows: what has closed is handed out and kept, what has not is neither."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dsm_core import DataSourceManager
from dsm_core.plugins import ClientSpec, DataClientInterface, Provider, Registry

DAY = datetime(2024, 3, 13, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Night(DataClientInterface):
    """Gives an hourly bar each hour, the one that is open too; its close moves until the hour is over."""

    spec = ClientSpec(
        market_type="equities",
        chart_type="klines",
        source="rest",
        intervals={"1h": "60", "1d": "D"},
        columns="open high low close close_time",
        authoritative=True,
        grid=lambda interval: None,
    )
    asked: list[tuple[datetime, datetime]] = []  # noqa: RUF012 - what all instances were asked

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        self.asked.append((start_time, end_time))
        now = self.context.now()
        opens = [DAY + i * HOUR for i in range(100) if start_time <= DAY + i * HOUR < min(end_time, now)]
        closes = [10.0 if opened + HOUR <= now else 9.0 for opened in opens]
        prices = {"open": 9.5, "high": 11.0, "low": 8.0}
        ends = [opened + HOUR - timedelta(milliseconds=1) for opened in opens]
        columns = {name: [price] * len(opens) for name, price in prices.items()}
        return {"open_time": opens, **columns, "close": closes, "close_time": ends}


def manager(folder: Path, now: datetime) -> DataSourceManager:
    registry = Registry.of(Provider(name="night", clients=(Night,)))
    return DataSourceManager(
        "equities", provider="night", cache_dir=folder, clock=lambda: now, registry=registry, config={}
    )


@pytest.mark.parametrize("minutes", [1, 30, 59])
def test_the_bar_that_is_open_is_neither_given_nor_lost(tmp_path: Path, minutes: int) -> None:
    now = DAY + 5 * HOUR + timedelta(minutes=minutes)
    with manager(tmp_path, now) as first:
        found = first.get_data("X", DAY, interval="1h")
    assert list(found.index) == [DAY + i * HOUR for i in range(5)]
    with manager(tmp_path, now + HOUR) as second:
        again = second.get_data("X", DAY, interval="1h")
    assert list(again.index) == [DAY + i * HOUR for i in range(6)]
    assert set(again["close"]) == {10.0}


def test_what_has_closed_is_asked_for_once(tmp_path: Path) -> None:
    now = DAY + 20 * HOUR
    with manager(tmp_path, now) as one:
        one.get_data("X", DAY, DAY + 5 * HOUR, "1h")
        Night.asked.clear()
        one.get_data("X", DAY, DAY + 5 * HOUR, "1h")
    assert Night.asked == []


def test_the_open_bar_comes_when_it_is_asked_for(tmp_path: Path) -> None:
    now = DAY + 5 * HOUR + timedelta(minutes=30)
    with manager(tmp_path, now) as made:
        found = made.query("X", DAY, interval="1h", include_open_bar=True, on_gaps="ignore").to_pandas()
    assert list(found.index)[:5] == [DAY + i * HOUR for i in range(5)]
    assert set(found["close"].iloc[:5]) == {10.0}
