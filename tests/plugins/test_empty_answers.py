"""One empty answer of a source in trouble neither poisons the cache nor hides rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from dsm_core.model import from_ns
from dsm_core.plugins import Answer, ClientSpec, DataClientInterface, PagedClient, PageRequest
from dsm_core.schema import ChartSchema, Column, register_chart_type, unregister_chart_type
from plugins.test_fetch_forms import columns
from plugins.venues import DAY, HOUR, Desk, utc

NOTHING: dict[str, list[Any]] = {}


def spec(chart_type: str = "klines") -> ClientSpec:
    bars = {"intervals": ["1h"], "columns": "open high low close"} if chart_type == "klines" else {}
    return ClientSpec(
        market_type="spot", chart_type=chart_type, source="rest", authoritative=True, **bars
    )  # fmt: skip


@pytest.mark.parametrize("held", [(1, 3), (1,), (3,)])
def test_a_hole_that_is_the_whole_range_is_looked_at_twice_too(desk: Desk, held: tuple[int, ...]) -> None:
    empties = [0]

    class Bars(DataClientInterface):
        spec = spec()

        def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
            if empties[0]:
                empties[0] -= 1
                return NOTHING
            return columns(start_time, end_time)

    manager = desk.of_clients(Bars)
    for day in held:
        assert len(manager.query("ACME", utc(2024, 5, day), utc(2024, 5, day, 23), "1h")) == 24
    empties[0] = 1
    day = {"start_time": utc(2024, 5, 2), "end_time": utc(2024, 5, 2, 23), "interval": "1h"}
    first = manager.query("ACME", **day, on_gaps="ignore")
    if len(held) == 2:
        # In the middle of the series the second look, with a known bar, tells the truth at once.
        assert (len(first), first.gaps) == (24, ())
    else:
        assert [(gap.reason, gap.final) for gap in first.gaps] == [("venue_has_none", False)]
        desk.now += timedelta(minutes=6)
        assert len(manager.query("ACME", **day)) == 24


@pytest.mark.parametrize("after", [0, 12])
def test_an_empty_page_beside_pages_with_rows_says_nothing(desk: Desk, after: int) -> None:
    empties = [0]

    class Pages(PagedClient):
        spec = spec()

        async def fetch_page(self, page: PageRequest) -> Any:
            start, end = from_ns(page.start), from_ns(page.end)
            if end - start <= 12 * HOUR:
                return Answer(columns(start, end))
            part = 12 if page.cursor else 0
            rows = columns(start + part * HOUR, start + (part + 12) * HOUR)
            if empties[0] and part == after:
                empties[0] -= 1
                rows = NOTHING
            return Answer(rows, cursor=None if page.cursor else "second")

    manager = desk.of_clients(Pages)
    manager.query("ACME", "2024-05-01", "2024-05-01", "1h")
    manager.query("ACME", "2024-05-03", "2024-05-03", "1h")
    empties[0] = 1
    data = manager.query("ACME", "2024-05-02", "2024-05-02", "1h")
    assert (len(data), data.gaps) == (24, ())
    assert len(manager.query("ACME", "2024-05-01", "2024-05-03", "1h", on_gaps="raise_any")) == 72


@pytest.fixture
def ticks() -> Iterator[str]:
    schema = ChartSchema(
        name="ticks", kind="events", index="time", columns=[Column("price", "float64", "quote")]
    )
    register_chart_type(schema)
    yield schema.name
    unregister_chart_type(schema.name)


def test_events_between_known_ones_are_looked_for_twice(desk: Desk, ticks: str) -> None:
    empties = [0]

    class Ticks(DataClientInterface):
        spec = spec("ticks")

        def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
            if empties[0]:
                empties[0] -= 1
                return NOTHING
            first = start_time.replace(minute=0, second=0, microsecond=0)
            times = [first + HOUR * h for h in range(int((end_time - first) / HOUR) + 1)]
            times = [t for t in times if start_time <= t < end_time]
            return {"time": times, "price": [1.0] * len(times)}

    manager = desk.of_clients(Ticks, chart_type=ticks)
    for day in ("2024-05-01", "2024-05-03"):
        manager.query("ACME", day, day)
    empties[0] = 1
    assert len(manager.query("ACME", "2024-05-02", "2024-05-02")) == 24
    assert len(manager.query("ACME", "2024-05-01", "2024-05-03")) == 72


def test_without_a_venue_s_clock_holes_near_the_present_are_confirmed_after_a_week(desk: Desk) -> None:
    truth = desk.now

    class Bars(DataClientInterface):
        spec = spec()

        def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
            return columns(start_time, min(end_time, truth.replace(minute=0, second=0)))

    manager = desk.of_clients(Bars)
    # This machine is three days ahead, and asks twice for bars that are yet to come.
    for ahead in (3 * DAY, 3 * DAY + timedelta(minutes=70)):
        desk.now = truth + ahead
        manager.query("ACME", utc(2024, 6, 14), None, "1h", on_gaps="ignore")
    truth = desk.now = truth + 5 * DAY
    data = manager.query("ACME", utc(2024, 6, 14), utc(2024, 6, 20), "1h", on_gaps="raise_any")
    assert len(data) == 6 * 24 + 1
