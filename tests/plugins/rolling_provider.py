"""Level two: pages with a cursor, 720 bars of history, errors inside a 200, weeks that open on Thursdays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from attrs import frozen

from dsm_core.config import endpoints_field
from dsm_core.errors import RateLimitError, RestAPIError, SymbolNotFoundError
from dsm_core.model import grid_for
from dsm_core.plugins import Answer, ClientSpec, PagedClient, PageRequest, Provider, Rolling, hookimpl

ERRORS = {"EQuery:Unknown asset pair": SymbolNotFoundError, "EAPI:Rate limit exceeded": RateLimitError}


@frozen(kw_only=True)
class TideConfig:
    """Where the venue is."""

    endpoints: Mapping[str, tuple[str, ...]] = endpoints_field({"api": "https://api.tide.example"})


class TideKlines(PagedClient):
    """Bars of ``/ohlc``, which gives the newest 720 and no more."""

    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="rest",
        intervals={"1m": 1, "1h": 60, "1d": 1440, "1w": 10080},
        columns="open high low close volume count",
        history=Rolling(rows=720),
        grid=partial(grid_for, week_anchor=0),
        authoritative=True,
    )

    def check(self, body: Any) -> None:
        """Errors come with status 200."""
        for error in body["error"]:
            raise ERRORS.get(error, RestAPIError)(f"The venue says {error!r}.", code=error)

    async def fetch_page(self, page: PageRequest) -> Answer:
        """Bars since the page's start; the venue cannot be told an end."""
        since = page.cursor or page.start_s - 1
        reply = await self.get_json(
            "{api}/ohlc", {"pair": page.symbol, "interval": page.code, "since": since}
        )
        rows, last = reply.body["result"][page.symbol], reply.body["result"]["last"]
        return Answer.from_rows(
            rows,
            "open_time:s open high low close _ volume count",
            cursor=last if last < page.last_s else None,
        )


@hookimpl
def dsm_provider() -> Provider:
    """Tide."""
    return Provider(name="tide", clients=[TideKlines], config=TideConfig)
