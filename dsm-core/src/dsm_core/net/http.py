"""The one owner of connections, hosts and pools; providers reach it through sessions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dsm_core.errors import OfflineError, RequestError
from dsm_core.events import EventBus
from dsm_core.net.call import Engine
from dsm_core.net.hosts import Hosts
from dsm_core.net.limit_store import FileStateStore
from dsm_core.net.limits import Clocks, Pool, PoolContext, PoolKey, state_path
from dsm_core.net.session import HttpSession
from dsm_core.net.settings import HttpSettings, Limit
from dsm_core.net.wire import Wire

if TYPE_CHECKING:
    import httpx

__all__ = ["Http"]

T = TypeVar("T")
_THREADS: Final = 4


class Http:
    """HTTP for one manager; belongs to the event loop that first uses it.

    Parameters
    ----------
    settings
        Timeouts, retries and bounds.
    bus
        Gets `RequestSent`, `RequestFinished`, `Retry` and `RateLimitWait`.
    transport
        Answers requests in place of the network, for tests.
    monotonic, wall, sleep
        The clocks and the pause between attempts, for tests.
    """

    def __init__(
        self,
        settings: HttpSettings,
        bus: EventBus,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        clocks = Clocks(monotonic, wall, sleep)
        self._settings = settings
        self._wire = Wire(settings, bus, clocks, transport)
        self._engine = Engine(settings, bus, clocks, self._wire, self._check_open)
        self._hosts = Hosts(monotonic)
        self._pools: dict[PoolKey, Pool] = {}
        self._pool_context = PoolContext(bus, clocks, self._run, settings.max_wait_s)
        # a pool of our own: limits must not queue behind a caller's long work in the loop's threads
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="dsm-net")
        self._closed = False

    def session(
        self,
        *,
        provider: str,
        endpoints: Mapping[str, Sequence[str]],
        limits: Sequence[Limit] = (),
        scope: str = "",
    ) -> HttpSession:
        """A session for one provider.

        Parameters
        ----------
        provider
            Its name; sessions of one provider share its pools.
        endpoints
            The addresses each endpoint key stands for: balanced over, failed over in this order.
        limits
            What the venue allows.
        scope
            What the venue counts by when that is not this machine's address, such as an account.
        """

        def get_pool(name: str) -> Pool:
            return self._get_pool(PoolKey(provider, name, scope))

        declared = sorted({limit.pool for limit in limits})
        for name in declared:
            get_pool(name).use_limits([limit for limit in limits if limit.pool == name])
        return HttpSession(
            self._engine,
            self._hosts,
            self._run,
            provider=provider,
            endpoints=endpoints,
            declared=declared,
            get_pool=get_pool,
        )

    async def close(self) -> None:
        """Close connections and threads; closing again is harmless, using it afterwards an error."""
        self._closed = True
        self._threads.shutdown(wait=False)
        await self._wire.close()

    def _get_pool(self, key: PoolKey) -> Pool:
        if key not in self._pools:
            path = state_path(self._settings.limits_dir, key)
            store = FileStateStore(path, wall=self._pool_context.clocks.wall)
            self._pools[key] = Pool(key, store, self._pool_context)
        return self._pools[key]

    def _check_open(self, **about: Any) -> None:
        if self._closed:
            raise RequestError("The HTTP client is closed.", hint="Open a new manager.", **about)
        if self._settings.offline:
            raise OfflineError("Requests are switched off (offline).", hint="Unset DSM_OFFLINE.", **about)

    async def _run(self, function: Callable[..., T], /, *args: object) -> T:
        if self._closed:
            raise RequestError("The HTTP client is closed.", hint="Open a new manager.")
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)
