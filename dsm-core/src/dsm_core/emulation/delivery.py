"""How an answer reaches the client, or fails to: here replies become HTTP, and faults spoil them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from aiohttp import web

from dsm_core.emulation.faults import Fault
from dsm_core.emulation.replies import Reply

__all__ = ["send", "spoil"]

_SLOW_S: Final = 2.0
_PARTS: Final = 8
_DRIP_S: Final = 0.05
_PAGE: Final = b"<!DOCTYPE html><html><head><title>Attention</title></head><body>Please wait...</body></html>"
# The first bytes of gzip, and then noise.
_NO_GZIP: Final = b"\x1f\x8b\x08\x00" + bytes(range(7, 256, 3)) * 8


def spoil(
    reply: Reply,
    fault: Fault,
    path: str,
    refuse: Callable[[int], Reply],
    bodies: Mapping[str, Callable[[bytes], bytes]],
) -> Reply:
    """Give what a fault makes of an answer; faults of the connection leave it as it is.

    Parameters
    ----------
    reply
        What the venue would have answered.
    fault
        What goes wrong.
    path
        Where a redirection leads: the path and query of the request itself.
    refuse
        Gives the venue's answer with a status.
    bodies
        What a kind of fault makes of a body; ``malformed`` is half of it unless this says otherwise.
    """
    if fault.status is not None:
        return refuse(fault.status)
    if fault.kind == "html":
        return Reply(200, _PAGE, "text/html")
    if fault.kind == "redirect-loop":
        return Reply(302, b"", "text/html", {"Location": path})
    if reply.status != 200 and fault.kind != "empty":
        return reply
    change = {"malformed": _half, "bad-gzip": lambda _: _NO_GZIP, **bodies}.get(fault.kind)
    if change is None:
        return reply
    headers = {**reply.headers, "Content-Encoding": "gzip"} if fault.kind == "bad-gzip" else reply.headers
    return Reply(200, change(reply.body), reply.content_type, headers)


async def send(
    request: web.BaseRequest, reply: Reply, fault: Fault | None, released: asyncio.Event
) -> web.StreamResponse:
    """Send an answer as the fault allows.

    `released` ends the wait of a request that is never answered.
    """
    kind = fault.kind if fault is not None else ""
    if kind == "timeout":
        await _wait(released, fault.seconds if fault is not None else None)
    if kind in {"timeout", "reset"}:
        return _abort(request)
    headers = {**reply.headers, "Content-Type": reply.content_type}
    if fault is None or kind not in {"slow", "drip", "cut", "wrong-length"}:
        return web.Response(status=reply.status, body=reply.body, headers=headers)
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = len(reply.body) // 2 if kind == "wrong-length" else len(reply.body)
    await response.prepare(request)
    await _send_badly(request, response, reply.body, fault, released)
    return response


async def _send_badly(
    request: web.BaseRequest, response: web.StreamResponse, body: bytes, fault: Fault, released: asyncio.Event
) -> None:
    """Send a body too slowly, not whole, or beyond its announced end."""
    if fault.kind == "cut":
        await response.write(_half(body))
        _hang_up(request)
    elif fault.kind == "wrong-length":
        await response.write(_half(body))
        await response.write_eof()
        if request.transport is not None:
            # Beneath the response, which would keep to what it announced.
            request.transport.write(body[len(body) // 2 :])
    elif fault.kind == "drip":
        await _trickle(response, body, 1, _DRIP_S if fault.seconds is None else fault.seconds, released)
    else:
        size = max(-(-len(body) // _PARTS), 1)
        seconds = _SLOW_S if fault.seconds is None else fault.seconds
        await _trickle(response, body, size, seconds / _PARTS, released)


def _half(body: bytes) -> bytes:
    return body[: len(body) // 2]


async def _wait(released: asyncio.Event, seconds: float | None) -> None:
    try:
        await asyncio.wait_for(released.wait(), seconds)
    except TimeoutError:
        return


async def _trickle(
    response: web.StreamResponse, body: bytes, size: int, pause_s: float, released: asyncio.Event
) -> None:
    with suppress(ConnectionResetError):  # the client had enough
        for start in range(0, len(body), size):
            await _wait(released, pause_s)
            await response.write(body[start : start + size])
        await response.write_eof()


def _abort(request: web.BaseRequest) -> web.StreamResponse:
    """Close without an answer, in a way that the client's socket reports as a reset."""
    if request.transport is not None:
        found = request.transport.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


def _hang_up(request: web.BaseRequest) -> None:
    """Close behind what was written already."""
    if request.transport is not None:
        request.transport.close()
