"""Managers over a small venue on the loopback that gives the bars it is told to give."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from attrs import define, field

from dsm_core import AsyncDataSourceManager, DataSourceManager
from dsm_core.testing import LoopbackServer, Request, Response
from dsm_tradestation import plugin

DATA = Path(__file__).parent.parent / "data" / "tradestation"
SECRETS = {"client_id": "test-client", "client_secret": "test-secret", "refresh_token": "test-refresh"}
CHARTS = "/v3/marketdata/barcharts/"
DETAILS = "/v3/marketdata/symbols/"
SUGGEST = "/v2/data/symbols/suggest/"
Wire = dict[str, Any]


def utc(year: int, month: int = 1, day: int = 1, *clock: int) -> datetime:
    return datetime(year, month, day, *clock, tzinfo=UTC)


def recorded(name: str) -> Any:
    return json.loads((DATA / name).read_text("utf-8"))


def bar(stamp: datetime, close: str = "10.5", **fields: Any) -> Wire:
    """A bar as the vendor writes it, stamped as given."""
    return {
        "High": "11.25",
        "Low": "9.75",
        "Open": "10",
        "Close": close,
        "TimeStamp": stamp.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "TotalVolume": "300",
        "DownTicks": 1,
        "DownVolume": 100,
        "OpenInterest": "0",
        "IsRealtime": False,
        "IsEndOfHistory": False,
        "TotalTicks": 3,
        "UnchangedTicks": 0,
        "UnchangedVolume": 0,
        "UpTicks": 2,
        "UpVolume": 200,
        "Epoch": int(stamp.timestamp()) * 1000,
        "BarStatus": "Closed",
    } | fields


def bars_every(start: datetime, minutes: int, count: int) -> list[Wire]:
    """Bars one after another, stamped with their ends."""
    step = timedelta(minutes=minutes)
    return [bar(start + step * (i + 1), close=f"10.{i % 10}") for i in range(count)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def within(bars: Iterable[Wire], request: Request) -> list[Wire]:
    """Bars whose stamp lies within the bounds of a request, both inclusive."""
    first = moment(request.params.get("firstdate", "1900-01-01T00:00:00Z"))
    last = moment(request.params.get("lastdate", "2200-01-01T00:00:00Z"))
    return [b for b in bars if first <= moment(b["TimeStamp"]) <= last]


Answer = Callable[[Request], Any]


@define
class Venue:
    """What the loopback answers.

    ``charts`` gives bars of a symbol, or a function of the request; ``types`` the asset type of each
    symbol that exists; ``near`` what the search suggests.
    """

    charts: dict[str, list[Wire] | Answer] = field(factory=dict)
    types: dict[str, Mapping[str, Any] | str] = field(factory=dict)
    near: list[Any] = field(factory=list)
    lists: list[str] = field(factory=list)

    def __call__(self, request: Request) -> Any:
        if request.endpoint == "signin":
            return {"access_token": "test-access", "expires_in": 1200, "token_type": "Bearer"}
        assert request.headers.get("authorization") == "Bearer test-access"
        path = unquote(request.path)
        if path.startswith(CHARTS):
            given = self.charts.get(path.removeprefix(CHARTS))
            if callable(given):
                return given(request)
            return refused(404, "NotFound") if given is None else {"Bars": within(given, request)}
        if path.startswith(DETAILS):
            return self._details(path.removeprefix(DETAILS))
        if path.startswith(SUGGEST):
            return self.near
        return {"SymbolNames": self.lists} if path.endswith("/cryptopairs/symbolnames") else None

    def _details(self, symbol: str) -> Any:
        given = self.types.get(symbol)
        if given is None:
            return {
                "Symbols": [],
                "Errors": [{"Symbol": symbol, "Error": "NotFound", "Message": "invalid symbol"}],
            }
        told = {"AssetType": given} if isinstance(given, str) else given
        return {"Symbols": [{"Symbol": symbol, **told}], "Errors": []}


def refused(status: int, title: str, message: str = "", **headers: str) -> Response:
    body = {"Error": title, "Message": message}
    return Response(status, json=body, headers={name.replace("_", "-"): v for name, v in headers.items()})


@define
class Desk:
    """Makes servers and managers of one test, and closes them."""

    folder: Path
    stack: ExitStack = field(factory=ExitStack)

    def serve(self, venue: Answer) -> LoopbackServer:
        return self.stack.enter_context(LoopbackServer(venue, endpoints=("api", "signin")))

    def config(self, server: LoopbackServer, **section: Any) -> dict[str, Any]:
        endpoints = {key: server.address(key) for key in ("api", "signin")}
        own = {"endpoints": endpoints, "token_store": "file", "token_dir": str(self.folder / "auth")}
        return {
            "http": {"state_dir": str(self.folder / "limits"), "retry_count": 2},
            "providers": {"tradestation": {**SECRETS, **own, **section}},
        }

    def manager(
        self, server: LoopbackServer, market: str, now: datetime, chart: str = "bars", **section: Any
    ) -> DataSourceManager:
        manager = DataSourceManager(
            market,
            provider="tradestation",
            chart_type=chart,
            cache_dir=self.folder / "cache",
            config=self.config(server, **section),
            clock=lambda: now,
        )
        return self.stack.enter_context(manager)


def asked(server: LoopbackServer, prefix: str = CHARTS) -> list[Request]:
    """Requests to paths that begin so."""
    return [r for r in server.requests if r.endpoint == "api" and unquote(r.path).startswith(prefix)]


async def checked(desk: Desk, venue: Answer) -> object:
    """What the provider's check for `dsm doctor` says of a venue."""
    check = plugin.dsm_provider().check
    assert check is not None
    given = {"provider": "tradestation", "cache_dir": desk.folder / "cache"}
    config = desk.config(desk.serve(venue))
    async with AsyncDataSourceManager("equities", config=config, **given) as manager:
        used, market = manager._session.market(None)
        return await check(used.context(market))
