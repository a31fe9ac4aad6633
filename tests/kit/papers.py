"""Correct clients of chart types that core does not know: keyed events and documents."""

from __future__ import annotations

from typing import Any

from dsm_core.errors import ProtocolChangedError
from dsm_core.plugins import Answer, ClientSpec, PagedClient, PageRequest
from dsm_core.schema import ChartSchema, Column, register_chart_type
from dsm_core.testing import Bars, ClientSuite, Request
from kit.house import HouseConfig, provider

TERMS = ChartSchema(
    name="kit_terms",
    kind="documents",
    index="as_of",
    columns=[
        Column("status", "string", "in the venue's words"),
        Column("tick_size", "float64", "quote currency"),
        Column("orders", "bool", "whether orders are taken"),
        Column("lot", "int64", "units"),
    ],
    ttl_s=3600,
)
BARE_TERMS = ChartSchema(
    name="kit_bare_terms",
    kind="documents",
    index="as_of",
    columns=[Column("tick", "float64", "quote currency"), Column("status", "string", "in the venue's words")],
    ttl_s=3600,
)
FILLS = ChartSchema(
    name="kit_fills",
    kind="events",
    index="time",
    columns=[Column("number", "int64", "the venue's number"), Column("price", "float64", "quote currency")],
    key=["number"],
)
for _schema in (TERMS, BARE_TERMS, FILLS):
    register_chart_type(_schema)


class Terms(PagedClient):
    """One record, stamped by the venue."""

    spec = ClientSpec(market_type="spot", chart_type="kit_terms", source="rest", authoritative=True)

    async def fetch_page(self, page: PageRequest) -> Answer:
        body = (await self.get_json("{api}/v1/terms", {"symbol": page.symbol})).body
        try:
            row = [body[name] for name in ("as_of", "status", "tick_size", "orders", "lot")]
        except (KeyError, TypeError) as error:
            raise ProtocolChangedError(f"The record cannot be read: {error!r}.") from error
        return Answer.from_rows([row], "as_of:ms status tick_size orders lot")


class TermsSuite(ClientSuite):
    client = Terms
    symbol = "BTCUSDT"
    other_symbol = "ETHUSDT"
    provider = provider(Terms, config=HouseConfig, limits=())

    def answer(self, request: Request, bars: Bars) -> Any:
        return bars.records("as_of:ms status tick_size orders lot")[-1]


class BareTerms(PagedClient):
    """One record without a time: it is of the moment at which it came."""

    spec = ClientSpec(market_type="swap", chart_type="kit_bare_terms", source="rest")

    async def fetch_page(self, page: PageRequest) -> Answer:
        reply = await self.get_json("{api}/terms", {"s": page.symbol})
        return Answer.from_rows([reply.body["t"]], "tick status")


class BareTermsSuite(ClientSuite):
    client = BareTerms
    symbol = "BTC-USDT"
    other_symbol = "ETH-USDT"
    provider = provider(BareTerms, config=HouseConfig, limits=())

    def answer(self, request: Request, bars: Bars) -> Any:
        return {"t": bars.last(1).cells("tick status")[0]}


class Fills(PagedClient):
    """Events of a day at once."""

    spec = ClientSpec(
        market_type="spot", chart_type="kit_fills", source="rest", max_span_s=86_400.0, authoritative=True
    )

    async def fetch_page(self, page: PageRequest) -> Answer:
        asked = {"symbol": page.symbol, "from": page.start_ms, "to": page.last_ms}
        rows = (await self.get_json("{api}/v1/fills", asked)).body
        return Answer.from_rows(rows, "time:ms number price")


class FillsSuite(ClientSuite):
    client = Fills
    symbol = "BTCUSDT"
    other_symbol = "ETHUSDT"
    provider = provider(Fills, config=HouseConfig, limits=())

    def answer(self, request: Request, bars: Bars) -> Any:
        asked = request.params
        return bars.between(asked["from"], int(asked["to"]) + 1, unit="ms").cells("time:ms number price _")
