"""A venue on loopback that serves open interest, liquidations and instruments, and takes notes."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

MINUTE_MS = 60_000
PERIODS_MS = {"5m": 5 * MINUTE_MS, "1h": 60 * MINUTE_MS}
PAGE = 3


class AcmeVenue:
    """A server whose answers are plain attributes; use it as a context manager.

    ``absent`` are opens (ms) without a bar; ``events`` rows of liquidations by symbol; ``instruments``
    records by symbol; ``down`` answers 503 to everything.
    """

    def __init__(self) -> None:
        self.absent: set[int] = set()
        self.events: dict[str, list[tuple[int, int, str, str, str]]] = {}
        self.instruments: dict[str, dict[str, Any]] = {}
        self.down = False
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def asked(self) -> list[str]:
        """Paths asked for since the last look."""
        seen, self.requests = self.requests, []
        return seen

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if self.down:
            return 503, {"message": "down"}
        if path == "/open-interest":
            step = PERIODS_MS[query["period"]]
            first, last = -(-int(query["from"]) // step) * step, int(query["to"])
            opens = [t for t in range(first, last + 1, step) if t not in self.absent]
            return 200, [[t, str(interest(t)), str(interest(t) * 2)] for t in opens[:500]]
        if path == "/liquidations":
            return 200, self._liquidations(query)
        record = self.instruments.get(query["symbol"])
        return (404, {"message": "unknown"}) if record is None else (200, record)

    def _liquidations(self, query: dict[str, str]) -> dict[str, Any]:
        first, last = int(query["from"]), int(query["to"])
        rows = [
            row
            for row in sorted(self.events.get(query["symbol"], []))
            if first <= row[1] <= last and row[0] > int(query["after"])
        ]
        page = rows[:PAGE]
        return {"rows": page, "next": page[-1][0] if len(rows) > PAGE else None}


def interest(open_ms: int) -> float:
    """What the venue says of a bar: a number that tells which one it is."""
    return open_ms / MINUTE_MS % 10_000 + 0.25


def _handler(venue: AcmeVenue) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            venue.requests.append(url.path)
            status, body = venue.answer(url.path, dict(parse_qsl(url.query)))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
