"""Correct clients of an invented venue; the faulty ones differ from them in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from dsm_core import Interval
from dsm_core.config import Secret
from dsm_core.errors import ProtocolChangedError, ServerError, SymbolNotFoundError
from dsm_core.model import RangeSet
from dsm_core.net import Limit
from dsm_core.plugins import Answer, ClientSpec, PagedClient, PageRequest, Provider
from dsm_core.testing import Bars, ClientSuite, Request, Response

COLUMNS = "open_time:ms open high low close volume close_time:ms"
INTERVALS = {"1m": "1", "1h": "60", "1d": "D", "1w": "W", "1M": "M"}


@frozen(kw_only=True)
class HouseConfig:
    endpoints: Mapping[str, tuple[str, ...]] = field(factory=lambda: {"api": ("https://house.invalid",)})
    api_key: Secret = field(default=Secret("kit-secret-4711"))


class HouseKlines(PagedClient):
    """Bars over REST: ``from`` and ``to`` are inclusive milliseconds, 50 rows a page."""

    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="rest",
        intervals={Interval(k): v for k, v in INTERVALS.items()},
        columns=frozenset(name.partition(":")[0] for name in COLUMNS.split()[1:]),
        page_rows=50,
        authoritative=True,
        cost=lambda rows: 1 if rows <= 20 else 2,
        pool="house",
    )

    async def fetch_page(self, page: PageRequest) -> Answer:
        reply = await self.get_json(
            "{api}/v1/bars",
            {"symbol": page.symbol, "bar": page.code, "from": page.start_ms, "to": page.last_ms},
            rows=page.rows,
            headers={"X-Key": self.context.config.api_key.reveal()},
        )
        return Answer.from_rows(reply.body["rows"], COLUMNS)

    def check(self, body: Any) -> None:
        if not isinstance(body, dict) or ("rows" not in body and "error" not in body):
            raise ProtocolChangedError("The answer has no rows.")
        if body.get("error") == "unknown symbol":
            raise SymbolNotFoundError(f"The house has no symbol {self.symbol!r}.")
        if body.get("error"):
            raise ServerError(f"The house failed: {body['error']}.")


def provider(*clients: Any, **more: Any) -> Provider:
    sources = tuple(dict.fromkeys(str(c.spec.source) for c in clients))
    given = {"limits": [Limit("house", capacity=1000, window_s=60.0)], "config": HouseConfig} | more
    return Provider(name="house", clients=clients, sources=sources, **given)


class HouseSuite(ClientSuite):
    """The venue behind :class:`HouseKlines`."""

    client = HouseKlines
    symbol = "BTCUSDT"
    other_symbol = "ETHUSDT"

    def __init_subclass__(cls, **given: Any) -> None:
        cls.provider = provider(cls.client)
        super().__init_subclass__(**given)

    def answer(self, request: Request, bars: Bars) -> Any:
        if request.path != "/v1/bars":
            return None
        if request.params["bar"] != bars.code:
            return Response(400, json={"error": f"bar {request.params['bar']!r}"})
        asked = request.params
        rows = bars.between(asked["from"], int(asked["to"]) + 1, unit="ms", limit=50)
        return {"rows": rows.cells(COLUMNS + " _")}

    def error_inside_200(self, request: Request) -> Any:
        return {"error": "internal"}

    def unknown_symbol(self, request: Request) -> Any:
        return {"error": "unknown symbol"}


class NightDeskKlines(HouseKlines):
    """A market with hours of its own: which bars to expect is unknown, and the open one is left out."""

    spec = evolve(HouseKlines.spec, grid=lambda interval: None)

    async def fetch_page(self, page: PageRequest) -> Answer:
        start_ms = page.cursor or page.start_ms
        asked = {"symbol": page.symbol, "bar": page.code, "from": start_ms, "to": page.last_ms}
        body = (await self.get_json("{api}/v1/bars", asked, rows=page.rows)).body
        now_ms = self.context.now_ns() // 10**6
        closed = [row for row in body["rows"] if int(row[6]) < now_ms]
        # The bar that is open is not absent: nothing is said of its time.
        unsure = [int(row[0]) for row in body["rows"] if int(row[6]) >= now_ms]
        until_ms = min([body["next"] or page.end // 10**6, *unsure])
        sure = RangeSet.from_pairs([(start_ms * 10**6, min(until_ms * 10**6, page.end))])
        return Answer.from_rows(closed, COLUMNS, covered=sure, cursor=body["next"] or None)


class NightDeskSuite(HouseSuite):
    """The house, telling where the next page begins."""

    client = NightDeskKlines

    def answer(self, request: Request, bars: Bars) -> Any:
        found = super().answer(request, bars)
        if not isinstance(found, dict):
            return found
        rest = bars.between(request.params["from"], int(request.params["to"]) + 1, unit="ms")
        sent = rest.first(50)
        more = len(sent) and rest[-1].time > sent[-1].time
        return {**found, "next": sent[-1].time.ms + 1 if more else 0}
