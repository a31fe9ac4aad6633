"""Where a venue's requests come in: what every gate does of a request before and after it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email.utils import formatdate
from typing import Final

from aiohttp import web

from dsm_core.emulation.clock import Clock
from dsm_core.emulation.delivery import send
from dsm_core.emulation.faults import Fault
from dsm_core.emulation.replies import Reply

__all__ = ["VenueGate", "line_of", "port_of", "status_of"]

_SILENT_FAULTS: Final = frozenset({"timeout", "reset"})


class VenueGate:
    """Base of a gate, which adds ``handle``: it tells requests apart, answers, and writes them down.

    Parameters
    ----------
    clock
        The venue's time, which goes with every answer.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._released = asyncio.Event()

    def release(self) -> None:
        """End the wait of everyone who is kept without an answer; to be called on the server's loop."""
        self._released.set()
        self._released = asyncio.Event()

    def dated(self, reply: Reply, headers: Mapping[str, str] | None = None) -> Reply:
        """Give an answer with the venue's date, and headers of its own besides."""
        date = {"Date": formatdate(self._clock.now_ms() / 1000, usegmt=True)}
        return Reply(
            reply.status, reply.body, reply.content_type, {**date, **reply.headers, **(headers or {})}
        )

    async def send(self, request: web.BaseRequest, reply: Reply, fault: Fault | None) -> web.StreamResponse:
        """Send an answer as the fault allows; who waits in vain is let go by `release`."""
        return await send(request, reply, fault, self._released)


def line_of(request: web.BaseRequest) -> str:
    """Give a request as faults match it: ``METHOD path?query``, decoded."""
    query = f"?{request.query_string}" if request.query_string else ""
    return f"{request.method} {request.path}{query}"


def port_of(request: web.BaseRequest) -> int:
    """Give the port that a request came in at; 0 when its connection is gone."""
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return int(name[1]) if name else 0


def status_of(reply: Reply, fault: Fault | None) -> int:
    """Give the status that the client gets to see; 0 where the fault keeps it from any."""
    return 0 if fault is not None and fault.kind in _SILENT_FAULTS else reply.status
