"""A server on 127.0.0.1 that runs in a thread of its own, with its own event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from aiohttp import web

__all__ = ["HOST", "Loopback"]

HOST: Final = "127.0.0.1"
# How long handlers may go on when the server stops; waiting ones are released before.
_SHUTDOWN_S: Final = 0.2
# A queue made for none holds one or two all the same.
_FILLS: Final = 4

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Loopback:
    """Serves one handler on several ports until it is stopped.

    Parameters
    ----------
    handler
        Answers every request, on the server's loop.
    ports
        One listening port each; 0 takes a free one.
    release
        Called on the server's loop before it stops, to end what would never end.

    Raises
    ------
    OSError
        A port is taken.
    """

    def __init__(self, handler: Handler, ports: Sequence[int], release: Callable[[], None]) -> None:
        self._handler, self._release = handler, release
        self._sockets = [socket.create_server((HOST, port)) for port in ports]
        self.ports = [found.getsockname()[1] for found in self._sockets]
        self._runner: web.ServerRunner | None = None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dsm-emulator", daemon=True)
        self._thread.start()
        self._ready.wait()

    def call(self, function: Callable[[], None]) -> None:
        """Have a function called on the server's loop."""
        self._loop.call_soon_threadsafe(function)

    def refuse(self) -> None:
        """Break every connection and refuse new ones, until `serve`."""
        self._wait_for(self._close())
        self._sockets = [_bound(port) for port in self.ports]

    def stall(self) -> None:
        """Break every connection and let new ones hang without being refused, until `serve`.

        As when a firewall swallows what is sent. It works where a full queue of connections is silent, as
        Linux's is.
        """
        self._wait_for(self._close())
        self._sockets = [found for port in self.ports for found in _full(port)]

    def serve(self) -> None:
        """Take connections again."""
        self._wait_for(self._close())
        self._sockets = [socket.create_server((HOST, port)) for port in self.ports]
        self._wait_for(self._open())

    def stop(self) -> None:
        """Close every connection and wait for the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._open())
            self._ready.set()
            self._loop.run_forever()
            self._loop.run_until_complete(self._close())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._ready.set()
            self._loop.close()

    async def _open(self) -> None:
        server = web.Server(self._handler, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        for found in self._sockets:
            await web.SockSite(self._runner, found).start()

    async def _close(self) -> None:
        self._release()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for found in self._sockets:
            found.close()


def _bound(port: int) -> socket.socket:
    """A socket that holds a port and does not listen: who connects is refused."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((HOST, port))
    return found


def _full(port: int) -> list[socket.socket]:
    """A listening socket, and those that fill its queue of connections, which nobody takes out."""
    listening = _bound(port)
    listening.listen(0)
    waiting = [socket.socket() for _ in range(_FILLS)]
    for found in waiting:
        found.setblocking(False)
        found.connect_ex((HOST, port))
    return [listening, *waiting]
