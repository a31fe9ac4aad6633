"""Correct clients of events whose pages run backwards, or by windows of time."""

from __future__ import annotations

from typing import Any

from dsm_core.plugins import Answer, PageRequest
from dsm_core.testing import Bars, Request
from kit.depot import FundingRates, FundingSuite

FIELDS = "t=funding_time:ms every=funding_interval rate=funding_rate"
WINDOW_MS = 3 * 86_400_000


class BackwardFunding(FundingRates):
    """The newest 40 before an end come first; the oldest of them is the end of the next page."""

    async def fetch_page(self, page: PageRequest) -> Answer:
        end = page.last_ms if page.cursor is None else page.cursor
        reply = await self.get_json(
            "{api}/v1/funding", {"symbol": page.symbol, "from": page.start_ms, "to": end}
        )
        rows = reply.body["rows"]
        return Answer(self.table_of(rows), cursor=self.cursor_of(rows))

    def cursor_of(self, rows: list[dict[str, Any]]) -> int | None:
        return min(int(r["t"]) for r in rows) - 1 if len(rows) >= 40 else None


class BackwardSuite(FundingSuite):
    client = BackwardFunding

    def answer(self, request: Request, bars: Bars) -> Any:
        found = bars.between(request.params["from"], int(request.params["to"]) + 1, unit="ms").last(40)
        return {"rows": found[::-1].records(FIELDS)}


class WindowFunding(FundingRates):
    """Each answer holds three days, and says where the next one starts."""

    async def fetch_page(self, page: PageRequest) -> Answer:
        start = page.start_ms if page.cursor is None else page.cursor
        reply = await self.get_json(
            "{api}/v1/funding", {"symbol": page.symbol, "from": start, "to": page.last_ms}
        )
        return Answer(self.table_of(reply.body["rows"]), cursor=self.cursor_of(reply.body))

    def cursor_of(self, body: dict[str, Any]) -> Any:
        return body["next"]


class WindowSuite(FundingSuite):
    client = WindowFunding

    def answer(self, request: Request, bars: Bars) -> Any:
        start, last = int(request.params["from"]), int(request.params["to"])
        until = min(start + WINDOW_MS, last + 1)
        rows = bars.between(start, until, unit="ms").records(FIELDS)
        return {"rows": rows, "next": until if until <= last else None}
