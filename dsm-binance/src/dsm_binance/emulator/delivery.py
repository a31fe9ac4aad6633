"""What faults make of this venue's answers: refusals in its words, spoiled files and checksums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dsm_binance.emulator.faults import Fault
from dsm_binance.emulator.replies import api_error, no_such_key
from dsm_core import emulation
from dsm_core.emulation import Reply
from dsm_core.emulation.replies import retry_after

__all__ = ["spoil"]

_RETRY_AFTER: Final = {"429": 1.0, "418": 120.0}
_BODIES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "bad-checksum": lambda body: b"0" * 64 + body[64:],
    "bad-zip": lambda body: bytes(0xA5 ^ byte for byte in body),
    "empty": lambda _: b"[]",
}
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


def spoil(reply: Reply, fault: Fault, path: str, now_ms: int) -> Reply:
    """Give what a fault makes of an answer; faults of the connection leave it as it is."""
    if fault.kind == "no-checksum":
        return no_such_key(path)
    return emulation.spoil(reply, fault, path, lambda status: _refusal(fault, status, now_ms), _BODIES)


def _refusal(fault: Fault, status: int, now_ms: int) -> Reply:
    wait_s = fault.retry_after if fault.retry_after is not None else _RETRY_AFTER.get(fault.kind)
    headers = retry_after(wait_s)
    if status == 403:
        # The firewall in front of the venue answers with a page, not with the API's JSON.
        return Reply(403, b"<html><head><title>403 Forbidden</title></head></html>", "text/html", headers)
    code, msg = _MESSAGES[status]
    until_ms = now_ms + int(headers.get("Retry-After", "0")) * 1000
    return api_error(code, msg.format(until=until_ms), status, headers)
