"""Where every request comes in: told apart, counted, answered, perhaps spoiled, written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from dsm_core.emulation import Clock, FaultBox, Journal, RefusalError, Reply
from dsm_core.emulation.gate import VenueGate, line_of, port_of, status_of
from dsm_tradestation.emulator.barcharts import Barcharts
from dsm_tradestation.emulator.faults import Fault, spoiled
from dsm_tradestation.emulator.journal import Kind, RequestRecord
from dsm_tradestation.emulator.manners import Manners
from dsm_tradestation.emulator.oauth import SignIn
from dsm_tradestation.emulator.quota import Quotas, refusal
from dsm_tradestation.emulator.replies import api_error, v2_error
from dsm_tradestation.emulator.symbols import Symbols

__all__ = ["Gate", "Rooms"]

_PATHS: Final[dict[str, Kind]] = {
    "/v3/marketdata/barcharts/": "barcharts",
    "/v3/marketdata/symbols/": "symbols",
    "/v3/marketdata/symbollists/cryptopairs/": "pairs",
    "/v2/data/symbols/suggest/": "suggest",
}
_SIGN_IN: Final[dict[str, tuple[Kind, str]]] = {
    "/authorize": ("authorize", "GET"),
    "/oauth/token": ("token", "POST"),
    "/oauth/revoke": ("revoke", "POST"),
}
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Rooms:
    """What the gate leads to."""

    clock: Clock
    sign_in: SignIn
    barcharts: Barcharts
    symbols: Symbols
    quotas: Quotas
    manners: Callable[[], Manners]
    faults: FaultBox[Fault]
    journal: Journal[RequestRecord]


@dataclass(frozen=True)
class _Call:
    """A request, told apart: what it wants of what, its form, and whose access token it shows."""

    kind: Kind
    name: str
    method: str
    form: Mapping[str, str]
    client_id: str


class Gate(VenueGate):
    """Handles every request of the venue."""

    def __init__(self, rooms: Rooms) -> None:
        super().__init__(rooms.clock)
        self._rooms = rooms

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        arrived = time.monotonic()
        call = await self._tell(request)
        fault = self._rooms.faults.draw(line_of(request), call.kind)
        if fault is not None and fault.status is not None:
            # Whoever is refused has changed nothing; whoever loses an answer has.
            reply = spoiled(Reply(200, b"", ""), fault, request.path_qs, call.kind)
        else:
            reply = await self._answer(call, request)
            if fault is not None:
                reply = spoiled(reply, fault, request.path_qs, call.kind)
        reply = self.dated(reply)
        self._rooms.journal.add(_record(request, call, status_of(reply, fault), arrived))
        return await self.send(request, reply, fault)

    async def _tell(self, request: web.BaseRequest) -> _Call:
        kind, name = _kind_of(request.path)
        form: dict[str, str] = {}
        if request.method == "POST" and request.content_type == _FORM:
            form = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        holder = self._rooms.sign_in.holder_of(token) if scheme == "Bearer" else None
        return _Call(kind, name, request.method, form, holder or "")

    async def _answer(self, call: _Call, request: web.BaseRequest) -> Reply:
        try:
            if request.path in _SIGN_IN:
                return self._sign_in(call, request)
            if call.kind == "other":
                return api_error(404, "No such resource.")
            if call.method not in {"GET", "HEAD"}:
                return Reply(405, b"", "text/plain", {"Allow": "GET, HEAD"})
            refused = self._stopped(call)
            if refused is not None:
                return refused
            # Making many bars takes a while, in which the other connections go on.
            return await asyncio.to_thread(self._data, call, request.query)
        except RefusalError as error:
            return error.reply

    def _sign_in(self, call: _Call, request: web.BaseRequest) -> Reply:
        if call.method != _SIGN_IN[request.path][1]:
            return Reply(405, b"", "text/plain", {"Allow": _SIGN_IN[request.path][1]})
        if call.kind == "authorize":
            return self._rooms.sign_in.authorize(request.query)
        answer = self._rooms.sign_in.token if call.kind == "token" else self._rooms.sign_in.revocation
        return answer(call.form)

    def _stopped(self, call: _Call) -> Reply | None:
        """Give the refusal of a request without a token, or over its key's quota."""
        if not call.client_id:
            return (v2_error if call.kind == "suggest" else api_error)(401)
        if call.kind != "barcharts":
            return None
        rooms = self._rooms
        verdict = rooms.quotas.charge(call.client_id)
        if verdict.status == 200:
            return None
        return refusal(rooms.quotas.limit, verdict.retry_after_s, rooms.manners(), rooms.clock)

    def _data(self, call: _Call, query: Mapping[str, str]) -> Reply:
        if call.kind == "barcharts":
            return self._rooms.barcharts.answer(call.name, query)
        if call.kind == "symbols":
            return self._rooms.symbols.details(call.name)
        if call.kind == "pairs":
            return self._rooms.symbols.crypto_pairs()
        return self._rooms.symbols.suggest(call.name, query)


def _kind_of(path: str) -> tuple[Kind, str]:
    if path in _SIGN_IN:
        return _SIGN_IN[path][0], ""
    for prefix, kind in _PATHS.items():
        if path.startswith(prefix) and "/" not in path[len(prefix) :]:
            return kind, path[len(prefix) :]
    return "other", ""


def _record(request: web.BaseRequest, call: _Call, status: int, arrived: float) -> RequestRecord:
    return RequestRecord(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        status=status,
        when=arrived,
        kind=call.kind,
        port=port_of(request),
        target=request.raw_path,
        symbol=call.name,
        form=call.form,
        client_id=call.client_id or call.form.get("client_id", ""),
    )
