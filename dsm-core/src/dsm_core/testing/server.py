"""A loopback HTTP server that fails on purpose.

It answers through a function, keeps what it was asked, and injects faults of the network: statuses, silence,
cut bodies, dropped connections. It knows nothing of clients and needs no test framework.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from dsm_core.testing.loopback import Injected, Listener, State, handler_of
from dsm_core.testing.messages import Fault, Request

__all__ = ["LoopbackServer"]

_POLL_S = 0.004


class LoopbackServer:
    """Serves ``answer`` on a free port of 127.0.0.1 until it is closed; use it as a context manager.

    Parameters
    ----------
    answer
        Gives the answer to a request: a :class:`Response`, bytes, text, a JSON value, or None for a 404. It
        runs in the server's threads, one call at a time.
    endpoints
        Keys of addresses; each is a folder of the server's URL, and requests tell theirs.
    clock
        What ``Request.at`` is read from, seconds.
    spared
        Beginnings of paths that no fault meets and ``arrived`` does not tell, such as that of a token.

    Examples
    --------
    >>> from urllib.request import urlopen
    >>> with LoopbackServer(lambda request: {"path": request.path}) as server:
    ...     with urlopen(server.url + "/v1/bars?limit=2") as reply:
    ...         print(reply.read().decode())
    ...     print(server.requests[0].params)
    {"path": "/v1/bars"}
    {'limit': '2'}
    """

    def __init__(
        self,
        answer: Callable[[Request], Any],
        *,
        endpoints: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
        spared: tuple[str, ...] = (),
    ) -> None:
        self._state = State(answer, endpoints, clock, spared)
        self._server = Listener(("127.0.0.1", 0), handler_of(self._state))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Address without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def address(self, endpoint: str) -> str:
        """Address of one endpoint."""
        return f"{self.url}/{endpoint}"

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far, in order of arrival."""
        with self._state.lock:
            return tuple(self._state.requests)

    @property
    def arrived(self) -> threading.Event:
        """Set when a request arrives; clear it to wait for the next one."""
        return self._state.arrived

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        with self._state.lock:
            return len(self._state.connections)

    @property
    def problems(self) -> tuple[BaseException, ...]:
        """What ``answer`` raised; the client got a 500."""
        with self._state.lock:
            return tuple(self._state.problems)

    @property
    def timed_out(self) -> bool:
        """Whether a silence ended because nobody told the server to go on for five seconds."""
        return self._state.timed_out

    def inject(
        self, fault: Fault, *, times: int | None = 1, where: Callable[[Request], bool] | None = None
    ) -> None:
        """Fail requests.

        Parameters
        ----------
        fault
            How.
        times
            How many of the next requests; None for all of them.
        where
            Which requests count; all when left out.
        """
        with self._state.lock:
            self._state.faults.append(Injected(fault, times, where or (lambda request: True)))

    def heal(self) -> None:
        """Forget every fault and end every silence."""
        with self._state.lock:
            self._state.faults.clear()
        self.go_on()

    def go_on(self) -> None:
        """End the silences under way and to come; the requests are answered."""
        self._state.go_on.set()

    def clear(self) -> None:
        """Forget requests, faults and problems; silences can begin anew."""
        self.heal()
        with self._state.lock:
            self._state.requests.clear()
            self._state.problems.clear()
            self._state.timed_out = False
        self.arrived.clear()
        self._state.go_on.clear()

    def close(self) -> None:
        """Stop and close connections; twice is harmless."""
        self.heal()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        with self._state.lock:
            left = tuple(self._state.connections)
        for connection in left:
            connection.close()
