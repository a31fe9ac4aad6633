"""How an answer reaches the client, or fails to: here replies become HTTP, and faults spoil them."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final

from aiohttp import web

from dsm_binance.emulator.faults import Fault
from dsm_binance.emulator.replies import Reply, api_error, no_such_key

__all__ = ["send", "spoil"]

_SLOW_S: Final = 2.0
_DRIPS: Final = 8
_RETRY_AFTER: Final = {"429": 1.0, "418": 120.0}
_MESSAGES: Final = {
    429: (-1003, "Too many requests; please use the websocket for live updates to avoid polling the API."),
    418: (
        -1003,
        "Way too many requests; IP(127.0.0.1) banned until {until}. "
        "Please use the websocket for live updates to avoid bans.",
    ),
    451: (
        0,
        "Service unavailable from a restricted location according to 'b. Eligibility' in "
        "https://www.binance.com/en/terms. "
        "Please contact customer service if you believe you received this message in error.",
    ),
    500: (-1000, "An unknown error occurred while processing the request."),
    502: (-1001, "Internal error; unable to process your request. Please try again."),
    503: (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
}
_PAGE: Final = b"<!DOCTYPE html><html><head><title>Attention</title></head><body>Please wait...</body></html>"


def spoil(reply: Reply, fault: Fault, path: str, now_ms: int) -> Reply:
    """Give what a fault makes of an answer; faults of the connection leave it as it is."""
    if fault.status is not None:
        return _refusal(fault, fault.status, now_ms)
    if fault.kind == "no-checksum":
        return no_such_key(path)
    if fault.kind == "html":
        return Reply(200, _PAGE, "text/html")
    if fault.kind == "redirect-loop":
        return Reply(302, b"", "text/html", {"Location": path})
    if reply.status != 200 and fault.kind != "empty":
        return reply
    return Reply(200, _spoiled_body(fault.kind, reply.body), reply.content_type, reply.headers)


def _spoiled_body(kind: str, body: bytes) -> bytes:
    if kind == "bad-checksum":
        return b"0" * 64 + body[64:]
    if kind == "bad-zip":
        return bytes(0xA5 ^ byte for byte in body)
    if kind == "malformed":
        return body[: len(body) // 2]
    return b"[]" if kind == "empty" else body


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
    if kind not in {"slow", "cut"}:
        return web.Response(status=reply.status, body=reply.body, headers=headers)
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    if kind == "cut":
        await response.write(reply.body[: len(reply.body) // 2])
        return _hang_up(request, response)
    seconds = _SLOW_S if fault is None or fault.seconds is None else fault.seconds
    await _drip(response, reply.body, seconds, released)
    return response


def _refusal(fault: Fault, status: int, now_ms: int) -> Reply:
    retry_after = fault.retry_after if fault.retry_after is not None else _RETRY_AFTER.get(fault.kind)
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    if status == 403:
        # The firewall in front of the venue answers with a page, not with the API's JSON.
        return Reply(403, b"<html><head><title>403 Forbidden</title></head></html>", "text/html", headers)
    code, msg = _MESSAGES[status]
    return api_error(code, msg.format(until=now_ms + int((retry_after or 0) * 1000)), status, headers)


async def _wait(released: asyncio.Event, seconds: float | None) -> None:
    try:
        await asyncio.wait_for(released.wait(), seconds)
    except TimeoutError:
        return


async def _drip(response: web.StreamResponse, body: bytes, seconds: float, released: asyncio.Event) -> None:
    size = max(-(-len(body) // _DRIPS), 1)
    for start in range(0, len(body), size):
        await _wait(released, seconds / _DRIPS)
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


def _hang_up(request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    """Close behind what was written already."""
    if request.transport is not None:
        request.transport.close()
    return response
