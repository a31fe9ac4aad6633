"""Clients without a network: they plan as real ones do, and are never asked to fetch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.strategies import DAY, HOUR
from dsm_core.fcp.series import Series
from dsm_core.model.grid import EpochGrid, MonthGrid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, MarketType
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange, from_ns
from dsm_core.plugins import (
    Answer,
    ArchiveClient,
    ClientSpec,
    DataClientInterface,
    Granularity,
    PagedClient,
    PageRequest,
    Task,
)
from dsm_core.schema.chart_type import KLINES

NO_CONTEXT: Any = None
MONTHLY = Granularity(name="monthly", grid=MonthGrid(), published_at=lambda end: end + 3 * DAY)
DAILY = Granularity(
    name="daily", grid=EpochGrid(DAY), published_at=lambda end: end + 8 * HOUR, size_bytes=1000
)


def spec_of(interval: str, source: str, **more: Any) -> ClientSpec:
    facts: dict[str, Any] = {"market_type": "spot", "chart_type": "klines", "source": source}
    return ClientSpec(**facts, intervals={Interval(interval): interval}, **more)


def paged(interval: str = "1h", *, source: str = "rest", **more: Any) -> PagedClient:
    """A paged client; ``more`` goes into its spec."""

    class Pages(PagedClient):
        spec = spec_of(interval, source, **more)

        async def fetch_page(self, page: PageRequest) -> Answer:
            raise NotImplementedError

    return Pages("BTCUSDT", Interval(interval), NO_CONTEXT)


def archive(
    interval: str = "1h",
    *,
    source: str = "vision",
    sizes: tuple[Granularity, ...] = (MONTHLY, DAILY),
    **more: Any,
) -> ArchiveClient:
    """A client of monthly and daily objects."""

    class Objects(ArchiveClient):
        spec = spec_of(interval, source, **more)

        def granularities(self) -> tuple[Granularity, ...]:
            return sizes

        def object_url(self, granularity: Granularity, period: TimeRange) -> str:
            return f"{{vision}}/{granularity.name}/{from_ns(period.start):%Y-%m-%d}.zip"

        def parse(self, task: Task, path: Path) -> Answer:
            raise NotImplementedError

    return Objects("BTCUSDT", Interval(interval), NO_CONTEXT)


def plain(interval: str = "1h", *, source: str = "sql", **more: Any) -> DataClientInterface:
    """A client that fetches any range at once."""

    class Plain(DataClientInterface):
        spec = spec_of(interval, source, **more)

        def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    return Plain("BTCUSDT", Interval(interval), NO_CONTEXT)


def series_of(*clients: DataClientInterface, interval: str = "1h", **more: Any) -> Series:
    """A series served by ``clients`` in that order."""
    named: Mapping[str, DataClientInterface] = {str(c.source): c for c in clients}
    key = SeriesKey("house", MarketType.SPOT, ChartType.KLINES, "BTCUSDT", Interval(interval))
    return Series(key=key, schema=KLINES, clients=named, grid=grid_for(Interval(interval)), **more)
