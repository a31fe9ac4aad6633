"""The loopback address to which the browser brings the vendor's answer."""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from attrs import frozen

from dsm_core.errors import ConfigError, SourceTimeoutError

__all__ = ["Redirect", "redirect_of", "wait_for"]

_HOSTS: Final = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1", "::1": "::1"}
_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>DSM</title></head>
<body style="font-family: sans-serif; margin: 4em"><h1>{title}</h1><p>{text}</p></body></html>
"""
_DONE: Final = ("The answer has arrived", "Go back to the terminal; this page can be closed.")
_FOREIGN: Final = ("This answer belongs to another login", "Use the address that the terminal shows now.")
_NOTHING: Final = ("Nothing is here", "The answer to a login is expected at another address.")
_SILENCE_S: Final = 10.0


@frozen
class Redirect:
    """Where the browser returns to, and where that is listened for."""

    uri: str
    host: str
    port: int
    path: str

    @asynccontextmanager
    async def listening(self, state: str, tell: Callable[[str], None]) -> AsyncIterator[asyncio.Future[str]]:
        """Listen, and give what becomes the whole URL of the answer to the login of that ``state``.

        Other requests, answers to other logins among them, get a page and change nothing.

        Raises
        ------
        ConfigError
            The port cannot be had.
        """
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[str] = loop.create_future()

        def take(url: str) -> None:
            # A loop that is closed waits for nothing.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(lambda: None if arrived.done() else arrived.set_result(url))

        server = self._bind(state, take, tell)
        serving = loop.run_in_executor(None, server.serve_forever, 0.05)
        try:
            yield arrived
        finally:
            server.shutdown()
            await serving
            server.server_close()

    def _bind(
        self, state: str, take: Callable[[str], None], tell: Callable[[str], None]
    ) -> ThreadingHTTPServer:
        class Handler(_Handler):
            pass

        Handler.redirect, Handler.state = self, state
        Handler.take, Handler.tell = staticmethod(take), staticmethod(tell)
        try:
            return (_Server6 if ":" in self.host else _Server)((self.host, self.port), Handler)
        except OSError as error:
            raise ConfigError(
                f"Port {self.port} of {self.host}, to which the browser would return, cannot be had: "
                f"{error.strerror or error}.",
                hint="End the program that has it; or register another address for your API key, and name it "
                "with --port or in providers.tradestation.redirect_uri.",
                port=self.port,
            ) from error


def redirect_of(uri: str, port: int | None = None) -> Redirect:
    """The redirect of an address, at another port where one is given.

    Raises
    ------
    ConfigError
        It is not on this machine.
    """
    try:
        parts = urlsplit(uri)
        host, own = parts.hostname or "", parts.port or 80
    except ValueError:
        parts, host, own = urlsplit(""), "", 80
    if parts.scheme != "http" or host not in _HOSTS:
        raise ConfigError(
            f"providers.tradestation.redirect_uri is {uri!r}, at which DSM cannot listen.",
            hint="Register an address such as http://localhost:31022 for your API key, and write that.",
        )
    if port is None:
        return Redirect(uri, _HOSTS[host], own, parts.path or "/")
    shown = f"[{host}]" if ":" in host else host
    return Redirect(
        urlunsplit(parts._replace(netloc=f"{shown}:{port}")), _HOSTS[host], port, parts.path or "/"
    )


async def wait_for(arrived: asyncio.Future[str], timeout_s: float) -> str:
    """The URL that arrived.

    Raises
    ------
    SourceTimeoutError
        None did in time.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await arrived
    except TimeoutError as error:
        raise SourceTimeoutError(
            f"No answer to the login came within {timeout_s:.0f} s.",
            hint="Open the address that is printed on this machine, or allow more with --timeout.",
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # On Windows that would let another program take the port over.
    allow_reuse_address = os.name == "posix"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves is no trouble."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    redirect: Redirect
    state: str
    take: Callable[[str], None]
    tell: Callable[[str], None]
    # Browsers open connections that they may need later.
    timeout = _SILENCE_S

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the path holds the code."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if (parts.path or "/") != self.redirect.path:
            self._show(404, *_NOTHING)
            return
        query = parse_qs(parts.query)
        if not hmac.compare_digest(query.get("state", [""])[0].encode(), self.state.encode()):
            self._show(400, *(_FOREIGN if query else _NOTHING))
            if query:
                type(self).tell("An answer that belongs to another login came in; it is left aside.")
            return
        self._show(200, *_DONE)
        type(self).take(f"{self.redirect.uri}?{parts.query}")

    def _show(self, status: int, title: str, text: str) -> None:
        body = _PAGE.format(title=title, text=text).encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
            ("Referrer-Policy", "no-referrer"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
