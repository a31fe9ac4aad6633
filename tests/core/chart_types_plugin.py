"""A provider of its own, as a stranger would write it: three chart types that core does not know.

The tests install this file's text as a distribution; nobody imports it from here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from attrs import field, frozen

from dsm_core.errors import DataNotAvailableError, SymbolNotFoundError
from dsm_core.plugins import (
    Answer,
    ClientSpec,
    DataClientInterface,
    PagedClient,
    PageRequest,
    Provider,
    hookimpl,
)
from dsm_core.schema import ChartSchema, Column

OPEN_INTEREST = ChartSchema(
    name="open_interest",
    kind="bars",
    index="open_time",
    columns=[
        Column("sum_open_interest", "float64", "contracts", agg="last"),
        Column("sum_open_interest_value", "float64", "quote currency", agg="last"),
    ],
)
LIQUIDATIONS = ChartSchema(
    name="liquidations",
    kind="events",
    index="time",
    columns=[
        Column("liquidation_id", "int64", "the venue's number"),
        Column("side", "string", "BUY or SELL"),
        Column("price", "float64", "quote currency"),
        Column("quantity", "float64", "base asset"),
    ],
    key=["liquidation_id"],
)
INSTRUMENT_INFO = ChartSchema(
    name="instrument_info",
    kind="documents",
    index="as_of",
    columns=[
        Column("status", "string", "in the venue's words"),
        Column("tick_size", "float64", "quote currency"),
        Column("is_trading", "bool", "whether orders are taken", required=False, nullable=True),
        Column("listed_at", "time", "first trade", required=False, nullable=True),
    ],
    ttl_s=3600,
)


@frozen(kw_only=True)
class AcmeConfig:
    """Section ``providers.acme``."""

    endpoints: Mapping[str, tuple[str, ...]] = field(
        factory=lambda: {"api": ("http://127.0.0.1:9",)},
        converter=lambda given: {k: (v,) if isinstance(v, str) else tuple(v) for k, v in given.items()},
    )
    database: str = ""


class OpenInterest(PagedClient):
    """Bars without a price."""

    spec = ClientSpec(
        market_type="swap",
        chart_type="open_interest",
        source="rest",
        intervals={"5m": "5m", "1h": "1h"},
        page_rows=500,
        authoritative=True,
    )

    async def fetch_page(self, page: PageRequest) -> Answer:
        """One page of at most 500 bars."""
        asked = {"symbol": page.symbol, "period": page.code, "from": page.start_ms, "to": page.last_ms}
        reply = await self.get_json("{api}/open-interest", asked)
        return Answer.from_rows(reply.body, "open_time:ms sum_open_interest sum_open_interest_value")


class Liquidations(PagedClient):
    """Events in pages that follow a cursor; what they cover is left to core."""

    spec = ClientSpec(
        market_type="swap", chart_type="liquidations", source="rest", max_span_s=86_400.0, authoritative=True
    )

    async def fetch_page(self, page: PageRequest) -> Answer:
        """As many events as the venue gives at once."""
        asked = {"symbol": page.symbol, "from": page.start_ms, "to": page.last_ms, "after": page.cursor or 0}
        body = (await self.get_json("{api}/liquidations", asked)).body
        columns = "liquidation_id time:ms side price quantity"
        return Answer.from_rows(body["rows"], columns, cursor=body["next"])


class InstrumentInfo(PagedClient):
    """One record, as the venue words it."""

    spec = ClientSpec(market_type="swap", chart_type="instrument_info", source="rest", authoritative=True)

    async def fetch_page(self, page: PageRequest) -> Answer:
        """The record of now; the venue stamps it."""
        try:
            body = (await self.get_json("{api}/instrument", {"symbol": page.symbol})).body
        except DataNotAvailableError as error:
            raise SymbolNotFoundError(f"No instrument {page.symbol}.", hint="Look it up.") from error
        return Answer(
            {
                "as_of": _moment(body["time"]),
                "status": body["status"],
                "tick_size": body["tickSize"],
                "is_trading": body["status"] == "TRADING",
                "listed_at": _moment(body["listed"]),
            }
        )


def _moment(stamp_ms: int | None) -> datetime | None:
    return None if stamp_ms is None else datetime.fromtimestamp(stamp_ms / 1000, UTC)


class DeskLiquidations(DataClientInterface):
    """The same events out of a local table: no HTTP, and nobody says that the table is complete."""

    spec = ClientSpec(market_type="desk", chart_type="liquidations", source="table")

    def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Mapping[str, Any]:
        """Rows of the range as columns."""
        bounds = [int(t.timestamp() * 1e6) * 1000 for t in (start_time, end_time)]
        with sqlite3.connect(self.context.config.database) as database:
            found = database.execute(
                "SELECT time, id, side, price, quantity FROM liquidations "
                "WHERE symbol = ? AND time >= ? AND time < ? ORDER BY id DESC",
                [self.symbol, *bounds],
            ).fetchall()
        cells = list(zip(*found, strict=True)) or [()] * 5
        names = ("time", "liquidation_id", "side", "price", "quantity")
        columns = {name: pa.array(values) for name, values in zip(names, cells, strict=True)}
        columns["time"] = pa.array(cells[0], pa.int64()).cast(pa.timestamp("ns", "UTC"))
        return columns


class DeskInfo(DataClientInterface):
    """A record that carries no time of its own; it is one of now."""

    spec = ClientSpec(market_type="desk", chart_type="instrument_info", source="table")

    def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Mapping[str, Any]:
        """The record as a mapping of single values."""
        assert start_time < end_time
        return {"status": "TRADING", "tick_size": "0.5", "house_note": ["kept to itself"]}


@hookimpl
def dsm_chart_types() -> list[ChartSchema]:
    """Three of its own."""
    return [OPEN_INTEREST, LIQUIDATIONS, INSTRUMENT_INFO]


@hookimpl
def dsm_provider() -> Provider:
    """The provider."""
    return Provider(
        name="acme",
        clients=[OpenInterest, Liquidations, InstrumentInfo, DeskLiquidations, DeskInfo],
        sources=["table", "rest"],
        config=AcmeConfig,
    )
