"""A small provider of one-minute bars on loopback, whose every price tells which bar it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attrs import frozen

from dsm_core import DataSourceManager
from dsm_core.config import endpoints_field
from dsm_core.plugins import Answer, ClientSpec, PagedClient, PageRequest, Provider, Registry
from plugins.venues import Server, serving

MINUTE_MS = 60_000
NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)
DAY = "2024-06-01"


@frozen(kw_only=True)
class MinuteConfig:
    endpoints: Mapping[str, tuple[str, ...]] = endpoints_field({"api": "https://api.minute.example"})


class MinuteBars(PagedClient):
    """Bars of ``/bars``, a day at most."""

    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="rest",
        intervals={"1m": "1m"},
        columns="open high low close volume",
        page_rows=1440,
        authoritative=True,
    )

    async def fetch_page(self, page: PageRequest) -> Answer:
        query = {"symbol": page.symbol, "from": page.start_ms, "to": page.last_ms}
        reply = await self.get_json("{api}/bars", query)
        return Answer.from_rows(reply.body, "open_time:ms open high low close volume")


def price(open_ms: int) -> float:
    """What the venue says of a bar."""
    return 1000 + open_ms // MINUTE_MS % 100_000 + 0.25


def bars(_: str, query: dict[str, str]) -> tuple[int, list[Any]]:
    first, last = -(-int(query["from"]) // MINUTE_MS) * MINUTE_MS, int(query["to"])
    opens = range(first, last + 1, MINUTE_MS)
    return 200, [[t, price(t), price(t) + 1, price(t) - 1, price(t) + 0.5, 3.0] for t in opens]


def day(manager: DataSourceManager, label: str = DAY) -> pd.DataFrame:
    """A day of the venue's."""
    return manager.get_data("BTCUSDT", label, label, "1m")


def wrong_rows(frame: pd.DataFrame, label: str = DAY, closed: int = 1440) -> int:
    """Rows of a day that are not what the venue says, or not among the ``closed`` first; missing ones too."""
    first = int(datetime.fromisoformat(f"{label}T00:00:00+00:00").timestamp() * 1000)
    wanted = np.arange(closed) * MINUTE_MS + first
    opens = frame.index.asi8 // 10**6
    right = np.isin(opens, wanted) & (frame["open"].to_numpy() == [price(int(t)) for t in opens])
    return int((~right).sum()) + closed - int(right.sum())


@contextmanager
def minute_venue() -> Iterator[Server]:
    """The venue; it counts what it is asked."""
    with serving(bars) as server:
        yield server


@contextmanager
def minute_manager(venue: Server, cache: Path, **arguments: Any) -> Iterator[DataSourceManager]:
    """A manager of that venue alone."""
    config = {
        "http": {"state_dir": str(cache.parent / "limits"), "retry_count": 0},
        "providers": {"minute": {"endpoints": {"api": venue.url}}},
    }
    provider = Provider(name="minute", clients=[MinuteBars], config=MinuteConfig)
    with DataSourceManager(
        "spot",
        cache_dir=cache,
        config=config,
        registry=Registry.of(provider),
        **({"clock": lambda: NOW} | arguments),
    ) as manager:
        yield manager
