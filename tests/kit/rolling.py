"""A Kraken-like client: the newest 720 bars only, no end, errors inside a 200."""

from __future__ import annotations

from typing import Any

from dsm_core import Interval
from dsm_core.errors import RateLimitError, ServerError, SymbolNotFoundError
from dsm_core.plugins import Answer, ClientSpec, PagedClient, PageRequest, Rolling
from dsm_core.testing import Bars, ClientSuite, Request
from kit.house import provider


class RollingKlines(PagedClient):
    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="rest",
        intervals={
            Interval("1m"): "1",
            Interval("1h"): "60",
            Interval("1d"): "1440",
            Interval("1w"): "10080",
        },
        columns="open high low close volume count",
        page_rows=720,
        history=Rolling(rows=720),
        authoritative=True,
    )

    async def fetch_page(self, page: PageRequest) -> Answer:
        since = page.start // 10**9 - 1
        reply = await self.get_json(
            "{api}/OHLC", {"pair": page.symbol, "interval": page.code, "since": since}
        )
        rows = next(rows for name, rows in reply.body["result"].items() if name != "last")
        return Answer.from_rows(rows, "open_time:s open high low close _ volume count")

    def check(self, body: Any) -> None:
        error = next(iter(body["error"]), "")
        if "Unknown asset pair" in error:
            raise SymbolNotFoundError(f"No pair {self.symbol!r}.")
        if "Rate limit" in error:
            raise RateLimitError("Too many requests.")
        if error:
            raise ServerError(f"The venue failed: {error}.")


class RollingSuite(ClientSuite):
    client = RollingKlines
    symbol = "XBTUSD"
    other_symbol = "ETHUSD"

    def __init_subclass__(cls, **given: Any) -> None:
        cls.provider = provider(cls.client, limits=())
        super().__init_subclass__(**given)

    def answer(self, request: Request, bars: Bars) -> Any:
        assert request.params["interval"] == bars.code
        rows = bars.between(int(request.params["since"]) + 1, unit="s").last(720)
        cells = rows.cells("open_time:s open high low close _ volume count")
        return {"error": [], "result": {"XXBTZUSD": cells, "last": bars.now.s}}

    def error_inside_200(self, request: Request) -> Any:
        return {"error": ["EGeneral:Internal error"]}

    def unknown_symbol(self, request: Request) -> Any:
        return {"error": ["EQuery:Unknown asset pair"]}
