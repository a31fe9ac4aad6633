"""TradeStation's answers, as the kit's suites give them: the inverse of dsm-tradestation's clients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from dsm_core.model import to_ns
from dsm_core.testing import Bars, ClientSuite, Request, Response
from dsm_tradestation import plugin
from dsm_tradestation.schemas import BARS

SYMBOLS = {
    "equities": ("MSFT", "AAPL"),
    "futures": ("ESM24", "NQM24"),
    "forex": ("EURUSD", "USDJPY"),
    "crypto": ("BTCUSD", "ETHUSD"),
    "index": ("$SPX.X", "$VIX.X"),
    "options": ("SPY 240621C500", "TLT 240621P90"),
}
TYPES = {
    "equities": "STOCK",
    "futures": "FUTURE",
    "forex": "FOREX",
    "index": "INDEX",
    "options": "STOCKOPTION",
}
CHARTS = "/v3/marketdata/barcharts/"
MOST = 57_600
TEXTS = {"Open": "open", "High": "high", "Low": "low", "Close": "close", "TotalVolume": "volume"}
LONGEST = timedelta(days=62)
EVER = datetime(1990, 1, 1, tzinfo=UTC)
COUNTS = {
    "UpVolume": "up_volume",
    "DownVolume": "down_volume",
    "UpTicks": "up_ticks",
    "DownTicks": "down_ticks",
    "TotalTicks": "total_ticks",
    "OpenInterest": "open_interest",
}


class BarsSuite(ClientSuite):
    """Pages of bars by two dates, stamped with their ends; a token before the first of them."""

    provider = plugin
    auxiliary = ("/oauth/",)
    calendar = "none"
    stamp = "end"

    def __init_subclass__(cls, **given: Any) -> None:
        if hasattr(cls, "client"):
            cls.symbol, cls.other_symbol = SYMBOLS[cls.client.market.market_type]
        super().__init_subclass__(**given)

    @property
    def config(self) -> dict[str, Any]:
        return {
            "client_id": "kit-client",
            "client_secret": "kit-client-secret",
            "refresh_token": "kit-refresh-token",
            "token_store": "file",
            "token_dir": str(self.folder / "auth"),
            "bar_stamp": self.stamp,
            "calendars": dict.fromkeys((self.symbol, self.other_symbol), self.calendar),
        }

    def answer(self, request: Request, bars: Bars) -> Any:
        path = unquote(request.path)
        if path == "/oauth/token":
            return {"access_token": "kit-access-token", "token_type": "Bearer", "expires_in": 1200}
        if request.headers.get("authorization") != "Bearer kit-access-token":
            return Response(401, json={"Error": "Unauthorized", "Message": "no token"})
        if path.startswith("/v3/marketdata/symbols/"):
            kind = TYPES.get(self.client.market.market_type, "UNKNOWN")
            return {"Symbols": [{"Symbol": bars.symbol, "AssetType": kind}], "Errors": []}
        return self.charts(request, bars) if path.startswith(CHARTS) else None

    def charts(self, request: Request, bars: Bars) -> Any:
        asked = request.params
        code = asked["interval"] if asked["unit"] == "Minute" else asked["unit"]
        if asked["unit"] == "Monthly" and bars.code != "Monthly":
            return {"Bars": self.wires(bars.first(1), EVER, bars.now.datetime)}
        assert code == bars.code
        first = datetime.fromisoformat(asked["firstdate"])
        last = datetime.fromisoformat(asked["lastdate"]) if "lastdate" in asked else bars.now.datetime
        if asked["unit"] == "Minute" and last - first > timedelta(minutes=MOST * int(code)):
            return Response(400, json={"Error": "BadRequest", "Message": "too many bars"})
        return {"Bars": self.wires(bars.between(to_ns(first - LONGEST), to_ns(last) + 1), first, last)}

    def wires(self, bars: Bars, first: datetime, last: datetime) -> list[dict[str, Any]]:
        """Bars that end within bounds, both inclusive, and the one that has not closed."""
        names = TEXTS | (COUNTS if bars.book.schema is BARS else {"TotalTicks": "count"})
        cells = bars.cells(" ".join(["open_time:ms", "close_time:ms", *names.values()]))
        is_start = self.stamp == "start" and bars.code.isdigit()
        low, high, found = to_ns(first) // 10**6, to_ns(last) // 10**6, []
        for opened, closed, *values in cells:
            end, is_open = closed + 1, closed >= bars.now.ms
            if is_open or low <= end <= high:
                stamp = opened if is_start else end
                text = datetime.fromtimestamp(stamp // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                status = "Open" if is_open else "Closed"
                wire = dict(zip(names, values, strict=True))
                found.append({**wire, "TimeStamp": text, "Epoch": stamp, "BarStatus": status})
        return found

    def error_inside_200(self, request: Request) -> Any:
        return {"Error": "Failed", "Message": "Not entitled to data for this symbol"}

    def unknown_symbol(self, request: Request) -> Any:
        if request.path == "/oauth/token":
            return {"access_token": "kit-access-token", "token_type": "Bearer", "expires_in": 1200}
        return Response(404, json={"Error": "NotFound", "Message": "INVALID SYMBOL"})
