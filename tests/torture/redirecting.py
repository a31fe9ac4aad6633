"""A loopback host that sends its guests elsewhere, and one that notes who comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import define, field

__all__ = ["Host", "host"]


@define
class Host:
    """Its address, and the head of each request it got: the target and the headers."""

    url: str = ""
    leads_to: str = ""
    got: list[tuple[str, dict[str, str]]] = field(factory=list)


@contextmanager
def host() -> Iterator[Host]:
    """Serve: a redirect to ``leads_to`` where that is set, else an empty list."""
    made = Host()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            body = b"[]"
            self.send_response(302 if made.leads_to else 200)
            if made.leads_to:
                self.send_header("Location", made.leads_to)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
