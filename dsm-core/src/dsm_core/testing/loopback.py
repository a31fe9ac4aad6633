"""The server's inside: what it was asked, which faults wait, and the handler of one connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import define, field

from dsm_core.testing.messages import Fault, Request, Response

__all__ = ["Injected", "Listener", "State", "handler_of"]

_LONGEST_STALL_S: Final = 5.0


@define
class Injected:
    """A fault that waits for requests; ``times`` None is for ever."""

    fault: Fault
    times: int | None
    where: Callable[[Request], bool]


@define(eq=False)
class State:
    """What the threads of one server share."""

    answer: Callable[[Request], Any]
    endpoints: tuple[str, ...]
    clock: Callable[[], float]
    spared: tuple[str, ...] = ()
    lock: threading.RLock = field(factory=threading.RLock)
    requests: list[Request] = field(factory=list)
    faults: list[Injected] = field(factory=list)
    problems: list[BaseException] = field(factory=list)
    connections: set[socket] = field(factory=set)
    go_on: threading.Event = field(factory=threading.Event)
    arrived: threading.Event = field(factory=threading.Event)
    timed_out: bool = False

    def note(self, connection: socket, *, is_open: bool) -> None:
        """Count a connection that opens or ends."""
        with self.lock:
            (self.connections.add if is_open else self.connections.discard)(connection)

    def take(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
        """Keep a request."""
        parts = urlsplit(target)
        head, _, rest = parts.path.lstrip("/").partition("/")
        endpoint = head if head in self.endpoints else ""
        with self.lock:
            request = Request(
                method=method,
                path=unquote(f"/{rest}" if endpoint else parts.path),
                params=dict(parse_qsl(parts.query, keep_blank_values=True)),
                form=dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)),
                headers=headers,
                endpoint=endpoint,
                target=target.removeprefix(f"/{endpoint}") if endpoint else target,
                at=self.clock(),
                number=len(self.requests) + 1,
            )
            self.requests.append(request)
        if not request.path.startswith(self.spared):
            self.arrived.set()
        return request

    def fault_for(self, request: Request) -> Fault | None:
        """The first fault that waits for such a request."""
        if request.path.startswith(self.spared):
            return None
        with self.lock:
            for injected in self.faults:
                if injected.times != 0 and injected.where(request):
                    if injected.times is not None:
                        injected.times -= 1
                    return injected.fault
        return None

    def wait(self) -> bool:
        """Keep silent; whether somebody ended the silence in time."""
        went_on = self.go_on.wait(_LONGEST_STALL_S)
        self.timed_out = self.timed_out or not went_on
        return went_on

    def respond(self, request: Request) -> Response:
        """The right response; a 500 when the answer raises."""
        try:
            with self.lock:
                return Response.of(self.answer(request))
        except Exception as error:
            with self.lock:
                self.problems.append(error)
            return Response(500, json={"error": "the kit's answer failed"})


class Listener(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is part of the game."""


def handler_of(state: State) -> type[BaseHTTPRequestHandler]:
    """A handler class bound to a server's state."""

    class Handler(_Handler):
        pass

    Handler.state = state
    return Handler


class _Handler(BaseHTTPRequestHandler):
    state: State
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # A connection that nobody uses must not outlive a test that forgot it.
    timeout = 30

    def setup(self) -> None:
        super().setup()
        self.state.note(self.connection, is_open=True)

    def finish(self) -> None:
        self.state.note(self.connection, is_open=False)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        state = self.state
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = state.take(self.command, self.path, headers, body)
        fault = state.fault_for(request)
        kind = fault.kind if fault else "change"
        if kind == "drop" or (kind == "stall" and not state.wait()):
            self.close_connection = True
            return
        response = state.respond(request)
        self._send(fault.change(response) if fault else response, is_cut=kind == "cut")

    def _send(self, response: Response, *, is_cut: bool) -> None:
        body = response.body
        headers = {"Content-Type": response.content_type, **response.headers, "Content-Length": len(body)}
        lines = [f"HTTP/1.1 {response.status} -", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if is_cut:
            self.close_connection = True
            body = body[: len(body) // 2]
        self.wfile.write(head + body)
