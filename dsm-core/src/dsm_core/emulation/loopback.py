"""A server on 127.0.0.1 that runs in a thread of its own, with its own event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

__all__ = ["HOST", "Loopback"]

HOST: Final = "127.0.0.1"
# How long handlers may go on when the server stops; waiting ones are released before.
_SHUTDOWN_S: Final = 0.2

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
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dsm-emulator", daemon=True)
        self._thread.start()
        self._ready.wait()

    def call(self, function: Callable[[], None]) -> None:
        """Have a function called on the server's loop."""
        self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        """Close every connection and wait for the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            runner = self._loop.run_until_complete(self._open())
            self._ready.set()
            self._loop.run_forever()
            self._release()
            self._loop.run_until_complete(runner.cleanup())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._ready.set()
            self._loop.close()

    async def _open(self) -> web.ServerRunner:
        server = web.Server(self._handler, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        for found in self._sockets:
            await web.SockSite(runner, found).start()
        return runner
