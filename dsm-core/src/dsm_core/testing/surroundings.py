"""What stands around a client under test: server, clock, cache, configuration and managers."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from dsm_core.events import Event
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import from_ns
from dsm_core.plugins.archive import ArchiveClient
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.schema.chart_type import ChartSchema, chart_schema
from dsm_core.testing.clock import SkippingClock
from dsm_core.testing.isolation import (
    IsolatedManager,
    endpoint_keys,
    lone_registry,
    make_config,
    provider_of,
    secret_texts,
)
from dsm_core.testing.messages import Request, Response
from dsm_core.testing.scene import Scene, Scenery
from dsm_core.testing.server import LoopbackServer

if TYPE_CHECKING:
    from dsm_core.testing.suite import ClientSuite

__all__ = ["Surroundings"]

T = TypeVar("T")


class Surroundings(ABC):
    """Server, clock, cache and managers of one case; a context manager.

    Parameters
    ----------
    suite
        The author's suite.
    folder
        For cache, limits and whatever the author puts there.
    """

    def __init__(self, suite: ClientSuite, folder: Path) -> None:
        self.suite = suite
        self.folder = folder
        self.clock = SkippingClock()
        self.client_class: type[DataClientInterface] = suite.client
        self.spec = self.client_class.spec
        self.provider = provider_of(suite.provider)
        self.schema: ChartSchema = chart_schema(self.spec.chart_type)
        self.scenery = Scenery(self.client_class, suite.symbol, self._sample)
        self.scene: Scene | None = None
        self.replace: Callable[[Request], Response] | None = None
        self.replaces_auxiliary = False
        self.last: Response | None = None
        self.events: list[Event] = []
        self._settings: dict[str, Any] = {}
        self._clients: dict[Any, DataClientInterface] = {}
        self._server: LoopbackServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """The venue's answer."""

    @cached_property
    def server(self) -> LoopbackServer:
        """The venue's server, begun when a case first needs it."""
        keys = endpoint_keys(self.provider, self.suite.config)
        self._server = LoopbackServer(
            self.answer, endpoints=keys, clock=self.clock.monotonic, spared=self.suite.auxiliary
        )
        return self._server

    @cached_property
    def config_raw(self) -> dict[str, Any]:
        """The provider's section: the suite's, every address led to the server."""
        given = dict(self.suite.config)
        keys = endpoint_keys(self.provider, given)
        return {**given, "endpoints": {key: self.server.address(key) for key in keys}} if keys else given

    @property
    def is_archive(self) -> bool:
        """Whether the client parses whole objects."""
        return issubclass(self.client_class, ArchiveClient)

    @property
    def is_document(self) -> bool:
        """Whether the client brings records of now, not rows of a range."""
        return self.schema.kind == "documents"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that nothing may show."""
        return (*self.suite.secrets, *secret_texts(self.provider, self.suite.config))

    @property
    def data_requests(self) -> list[Request]:
        """Requests so far, those that the suite calls auxiliary left out."""
        return [r for r in self.server.requests if not self.is_auxiliary(r)]

    def is_auxiliary(self, request: Request) -> bool:
        """Whether a request is one that the suite calls auxiliary."""
        return request.path.startswith(tuple(self.suite.auxiliary))

    def manager(self, **given: Any) -> IsolatedManager:
        """A manager over the case's cache and clock."""
        config = make_config(self.provider, self.config_raw, self.folder, **self._settings)
        manager = IsolatedManager(
            lone_registry(self.provider, self.client_class),
            config,
            self.clock,
            lambda: from_ns(self.scene.now if self.scene else 0),
            market_type=self.spec.market_type,
            chart_type=self.spec.chart_type,
            **given,
        )
        manager.subscribe(self.events.append)
        return manager

    @contextmanager
    def http(self, **settings: Any) -> Iterator[None]:
        """Managers made inside have other HTTP settings."""
        self._settings, before = settings, self._settings
        try:
            yield
        finally:
            self._settings = before

    @asynccontextmanager
    async def client(self, scene: Scene) -> AsyncIterator[DataClientInterface]:
        """One client of the scene's series, as core makes it."""
        async with self.manager() as manager:
            yield self.made(manager, scene)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine; what the author's ``answer`` raised comes first."""
        try:
            return asyncio.run(work)
        finally:
            self.check_answer()

    def check_answer(self) -> None:
        """Say so when the author's own ``answer`` failed.

        Raises
        ------
        AssertionError
            From its error.
        """
        if self.server.problems:
            raise AssertionError("answer() of the suite failed") from self.server.problems[0]

    def client_for(self, scene: Scene) -> DataClientInterface:
        """A client of the scene's series for questions that need no network."""
        return self._client(scene.symbol, scene.interval)

    def made(self, manager: IsolatedManager, scene: Scene) -> DataClientInterface:
        """A client of the scene's series, as core makes it."""
        return self._made(manager, scene.symbol, scene.interval)

    def _sample(self, interval: Interval | None) -> DataClientInterface:
        return self._client(self.suite.symbol, interval)

    def _client(self, symbol: str, interval: Interval | None) -> DataClientInterface:
        key = (symbol, interval)
        if key not in self._clients:
            # Nothing was opened by it, so there is nothing to close.
            self._clients[key] = self._made(self.manager(use_cache=False), symbol, interval)
        return self._clients[key]

    def _made(self, manager: IsolatedManager, symbol: str, interval: Interval | None) -> DataClientInterface:
        venue, _ = manager.session.market(None)
        classes = {str(self.spec.source): self.client_class}
        defaults = self.client_class.option_defaults(venue.config)
        options = {**defaults, **self.suite.options}
        return venue.clients(classes, symbol, interval, options)[str(self.spec.source)]
