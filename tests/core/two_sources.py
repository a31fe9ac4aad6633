"""A provider with two sources of hourly bars, each of which can be made to tell something else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from dsm_core import DataSourceManager
from dsm_core.errors import ServerError
from dsm_core.model.time_range import RangeSet
from dsm_core.plugins import ClientSpec, DataClientInterface, Provider, Registry
from dsm_core.plugins.task import Task

__all__ = ["HOUR", "START", "Files", "Rest", "ns", "two_sources"]

START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2024, 6, 15, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
_COLUMNS = "open high low close volume"


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


class Files(DataClientInterface):
    """Asked first."""

    spec = ClientSpec(
        market_type="spot", chart_type="klines", source="files", intervals=["1h"], columns=_COLUMNS
    )
    changed: ClassVar[dict[datetime, dict[str, float]]] = {}
    absent: ClassVar[set[datetime]] = set()
    broken: ClassVar[set[datetime]] = set()
    asked: ClassVar[list[tuple[datetime, datetime]]] = []

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        type(self).asked.append((start_time, end_time))
        if any(start_time <= t < end_time for t in self.broken):
            raise ServerError("The disk hums.", hint="Ask again later.")
        rows: dict[str, list[Any]] = {name: [] for name in ("open_time", *_COLUMNS.split())}
        t = start_time
        while t < end_time:
            if t not in self.absent:
                place = int((t - START) / HOUR)
                usual = {
                    "open": 100.0 + place,
                    "high": 110.0 + place,
                    "low": 90.0 + place,
                    "close": 105.0 + place,
                }
                for name, value in {
                    "open_time": t,
                    **usual,
                    "volume": 7.5,
                    **self.changed.get(t, {}),
                }.items():
                    rows[name].append(value)
            t += HOUR
        return rows


class Rest(Files):
    """Asked next, and believed of absences."""

    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="rest",
        intervals=["1h"],
        columns=_COLUMNS,
        authoritative=True,
    )
    changed: ClassVar[dict[datetime, dict[str, float]]] = {}
    absent: ClassVar[set[datetime]] = set()
    broken: ClassVar[set[datetime]] = set()
    asked: ClassVar[list[tuple[datetime, datetime]]] = []

    def plan(self, ranges: RangeSet, now: int, skip: frozenset[str] = frozenset()) -> tuple[Task, ...]:
        """One page for all that is wanted, and so for what lies between; then what is left, alone."""
        whole = RangeSet() if ranges.span is None else RangeSet.of(ranges.span)
        return super().plan(whole, now, skip) or super().plan(ranges, now, skip)


def two_sources(folder: Path, **given: Any) -> DataSourceManager:
    """A manager over both, which tell the same until a test says otherwise."""
    for source in (Files, Rest):
        source.changed, source.absent, source.broken, source.asked = {}, set(), set(), []
    return again(folder, **given)


def again(folder: Path, **given: Any) -> DataSourceManager:
    """Another manager over the same sources as they are."""
    config = {"http": {"state_dir": str(folder / "limits"), "retry_count": 0}} | given.pop("config", {})
    registry = Registry.of(Provider(name="house", clients=[Files, Rest]))
    facts = {"cache_dir": folder / "cache", "config": config, "registry": registry, "provider": "house"}
    return DataSourceManager("spot", **(facts | {"clock": lambda: NOW} | given))
