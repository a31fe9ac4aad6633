"""The running venue, as a test holds it: started and stopped, its requests read, its faults set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from aiohttp import web

from dsm_core.emulation.faults import Fault, FaultBox
from dsm_core.emulation.journal import Journal
from dsm_core.emulation.loopback import Loopback

__all__ = ["Answering", "EmulatedVenue"]

Record = TypeVar("Record")
F = TypeVar("F", bound=Fault)


class Answering(Protocol):
    """What answers a venue's requests; ``release`` ends those that it keeps waiting."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, on the server's loop."""

    def release(self) -> None:
        """End what would never end."""


class EmulatedVenue(Generic[Record, F]):
    """Base of an emulator: use it in a ``with`` statement, or call `start` and `stop`.

    A subclass calls :meth:`listen` when it is made, and gives the addresses.
    """

    _server: Loopback | None = None

    def __init__(self, faults: Iterable[F]) -> None:
        self._journal, self._faults = Journal[Record](), FaultBox[F](faults)
        self._gate: Any = None
        self._ports: Sequence[int] = ()

    def listen(self, gate: Answering, ports: Sequence[int]) -> None:
        """Say what answers, and at which ports; 0 takes a free one."""
        self._gate, self._ports = gate, ports

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Open the ports; on a running venue this does nothing.

        Raises
        ------
        OSError
            A port is taken; give another one, or 0.
        """
        if self._server is None:
            self._server = Loopback(self._gate.handle, self._ports, self._gate.release)
        return self

    def stop(self) -> None:
        """Close every connection and port; what was asked can still be read."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def requests(self) -> list[Record]:
        """Every request so far, a copy."""
        return self._journal.all()

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._journal.clear()

    def add_fault(self, fault: F) -> None:
        """Let one more thing go wrong."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()

    def release(self) -> None:
        """Hang up on everyone whom a ``timeout`` keeps waiting."""
        self._running().call(self._gate.release)

    def refuse(self) -> None:
        """Break every connection and refuse new ones, until `serve`."""
        self._running().refuse()

    def stall(self) -> None:
        """Break every connection and let new ones hang (on Linux), until `serve`."""
        self._running().stall()

    def serve(self) -> None:
        """Take connections again."""
        self._running().serve()

    def _running(self) -> Loopback:
        if self._server is None:
            msg = "the emulator is not running; use it in a with statement, or call start() first"
            raise RuntimeError(msg)
        return self._server
