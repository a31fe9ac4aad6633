"""Where every request comes in: told apart, weighed, answered, perhaps spoiled, written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from dsm_binance.emulator.archive import CHECKSUM, Archive
from dsm_binance.emulator.bucket import Bucket
from dsm_binance.emulator.delivery import spoil
from dsm_binance.emulator.faults import Fault
from dsm_binance.emulator.instruments import Market
from dsm_binance.emulator.journal import Kind, RequestRecord
from dsm_binance.emulator.kinds import BAR_KINDS
from dsm_binance.emulator.limits import Limits
from dsm_binance.emulator.listing import answer_listing
from dsm_binance.emulator.paths import FOLDERS
from dsm_binance.emulator.replies import api_error, no_such_key
from dsm_binance.emulator.rest import FUNDING_KINDS, FUTURES_KINDS, ROOTS, Rest, weight_of
from dsm_binance.emulator.vision import answer_object
from dsm_core.emulation import Clock, FaultBox, Journal, Reply, Verdict
from dsm_core.emulation.gate import VenueGate, line_of, port_of, status_of

__all__ = ["Gate", "Rooms"]

_API_KINDS: Final[dict[str, Kind]] = {
    **{kind.lower(): kind for kind in BAR_KINDS},
    "fundingrate": "fundingRate",
    "fundinginfo": "fundingInfo",
    "exchangeinfo": "exchangeInfo",
    "time": "time",
    "ping": "ping",
}


@dataclass(frozen=True)
class Rooms:
    """What the gate leads to; without an archive or REST their paths answer 404."""

    clock: Clock
    archive: Archive | None
    rest: Rest | None
    limits: Limits
    faults: FaultBox[Fault]
    journal: Journal[RequestRecord]


@dataclass(frozen=True)
class _Call:
    """A request, told apart: what it wants, of which market, below which root."""

    kind: Kind
    market: Market | None
    key: str
    is_api: bool = False
    is_archive: bool = False


class Gate(VenueGate):
    """Handles every request of the venue.

    Parameters
    ----------
    rooms
        What answers.
    prefixes
        The endpoint that each first part of a path stands for.
    """

    def __init__(self, rooms: Rooms, prefixes: Mapping[str, str]) -> None:
        super().__init__(rooms.clock)
        self._rooms, self.prefixes = rooms, prefixes
        self._bucket = Bucket(rooms.archive, rooms.clock) if rooms.archive is not None else None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        arrived = time.monotonic()
        call = _tell(request.path, request.query, self.prefixes)
        weight, verdict = self._weigh(call, request.query)
        fault: Fault | None = None
        if verdict is not None and verdict.status != 200:
            reply = self._limit_reply(verdict)
        else:
            fault = self._rooms.faults.draw(line_of(request), call.kind)
            reply = await self._answer(call, request)
            if fault is not None:
                reply = spoil(reply, fault, request.path_qs, self._rooms.clock.now_ms())
        reply = self._stamp(reply, call, verdict)
        status = status_of(reply, fault)
        self._rooms.journal.add(_record(request, call, status, weight, arrived))
        return await self.send(request, reply, fault)

    def _weigh(self, call: _Call, query: Mapping[str, str]) -> tuple[int, Verdict | None]:
        if not call.is_api or call.market is None:
            return 0, None
        weight = weight_of(call.market, call.kind, query)
        return weight, self._rooms.limits.charge(call.market, weight, call.kind in FUNDING_KINDS)

    async def _answer(self, call: _Call, request: web.BaseRequest) -> Reply:
        rooms = self._rooms
        if request.method not in {"GET", "HEAD"}:
            return Reply(405, b"", "text/plain", {"Allow": "GET, HEAD"})
        if call.is_api and call.market is not None and rooms.rest is not None:
            return rooms.rest.answer(call.market, call.kind, request.query, request.headers)
        if rooms.archive is None or self._bucket is None or not call.is_archive:
            return no_such_key(call.key)
        # Making a large file takes a while, in which the other connections go on.
        if call.kind == "listing":
            return await asyncio.to_thread(answer_listing, rooms.archive, self._bucket, request.query)
        return await asyncio.to_thread(answer_object, rooms.archive, call.key, request.headers)

    def _limit_reply(self, verdict: Verdict) -> Reply:
        headers = {"Retry-After": str(verdict.retry_after_s)}
        if verdict.status == 429:
            msg = (
                f"Too many requests; current limit of IP(127.0.0.1) is {verdict.rule}. "
                "Please use the websocket for live updates to avoid polling the API."
            )
            return api_error(-1003, msg, 429, headers)
        until_ms = self._rooms.clock.now_ms() + verdict.retry_after_s * 1000
        msg = (
            f"Way too many requests; IP(127.0.0.1) banned until {until_ms}. "
            "Please use the websocket for live updates to avoid bans."
        )
        return api_error(-1003, msg, 418, headers)

    def _stamp(self, reply: Reply, call: _Call, verdict: Verdict | None) -> Reply:
        """Add the headers that every answer has; the date is the venue's own."""
        headers = {}
        if verdict is not None:
            headers["x-mbx-used-weight-1m"] = str(verdict.used)
            if call.market == "spot":
                headers["x-mbx-used-weight"] = str(verdict.used)
                headers["x-mbx-uuid"] = "00000000-0000-4000-8000-000000000000"
        return self.dated(reply, headers)


def _tell(path: str, query: Mapping[str, str], prefixes: Mapping[str, str]) -> _Call:
    """Tell a request by its path; `prefixes` maps the first part of it to an endpoint's key."""
    first, _, rest = path.lstrip("/").partition("/")
    endpoint = prefixes.get(first, "")
    if endpoint == "listing":
        return _Call("listing", _market_of(query.get("prefix", "")), rest, is_archive=True)
    for market, root in ROOTS.items():
        if endpoint == market:
            name = f"/{rest}".removeprefix(root).lower() if f"/{rest}".startswith(root) else ""
            asked = _API_KINDS.get(name, "other")
            known = market != "spot" or asked not in FUTURES_KINDS
            return _Call(asked if known else "other", market, rest, is_api=True)
    kind: Kind = "checksum" if rest.endswith(CHECKSUM) else "zip" if rest.endswith(".zip") else "other"
    return _Call(kind, _market_of(rest), rest, is_archive=endpoint == "vision")


def _record(request: web.BaseRequest, call: _Call, status: int, weight: int, arrived: float) -> RequestRecord:
    return RequestRecord(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        status=status,
        weight=weight,
        market=call.market or "",
        when=arrived,
        kind=call.kind,
        port=port_of(request),
    )


def _market_of(key: str) -> Market | None:
    return next((market for folder, market in FOLDERS.items() if key.startswith(f"data/{folder}/")), None)
