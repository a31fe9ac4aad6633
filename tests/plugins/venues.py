"""What the tests of small providers share: a clock, managers over a registry, a real loopback HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field

from dsm_core import AsyncDataSourceManager, DataSourceManager
from dsm_core.plugins import DataClientInterface, Provider, Registry

NOW = datetime(2024, 6, 15, 12, 0, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def utc(year: int, month: int = 1, day: int = 1, *clock: int) -> datetime:
    return datetime(year, month, day, *clock, tzinfo=UTC)


@define
class Desk:
    """Makes managers of one test, on one clock and one cache, and closes them."""

    tmp_path: Path
    now: datetime = NOW
    stack: ExitStack = field(factory=ExitStack)

    def _given(self, what: Any, given: dict[str, Any]) -> dict[str, Any]:
        config = {"http": {"state_dir": str(self.tmp_path / "limits")}} | given.pop("config", {})
        registry = what if isinstance(what, Registry) else Registry.of(what)
        facts = {"cache_dir": self.tmp_path / "cache", "config": config, "registry": registry}
        return facts | {"clock": lambda: self.now} | given

    def manager(
        self, what: Provider | Registry, market: str | None = None, **given: Any
    ) -> DataSourceManager:
        return self.stack.enter_context(DataSourceManager(market, **self._given(what, given)))

    def async_manager(self, what: Provider | Registry, **given: Any) -> AsyncDataSourceManager:
        return AsyncDataSourceManager(**self._given(what, given))

    def of_clients(self, *clients: type[DataClientInterface], **given: Any) -> DataSourceManager:
        return self.manager(Provider(name="desk", clients=clients), **given)


Reply = tuple[int, bytes | str | Mapping[str, Any] | list[Any]]
Answering = Callable[[str, dict[str, str]], Reply]


@define
class Server:
    """A loopback server: its address, and what it was asked."""

    url: str
    asked: list[tuple[str, dict[str, str]]] = field(factory=list)

    def count(self, begins: str = "/") -> int:
        return sum(path.startswith(begins) for path, _ in self.asked)


@contextmanager
def serving(answer: Answering) -> Iterator[Server]:
    """Serve ``answer(path, query) -> (status, body)`` on 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            server.asked.append((parts.path, query))
            status, body = answer(parts.path, query)
            data = body.encode() if isinstance(body, str) else body
            data = data if isinstance(data, bytes) else json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{listening.server_address[1]}")
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
