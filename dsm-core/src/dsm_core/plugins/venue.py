"""A provider as one manager uses it: configured, connected lazily, with the venue's clock."""

from __future__ import annotations

import hashlib
import logging
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import attrs

from dsm_core.config import ProviderSection
from dsm_core.errors import DSMError, SymbolNotFoundError
from dsm_core.events import EventBus
from dsm_core.model.interval import Interval
from dsm_core.model.names import MarketType
from dsm_core.model.specimen import Specimen
from dsm_core.net import AdaptiveLane, Http
from dsm_core.plugins.archive import ArchiveClient
from dsm_core.plugins.context import ClientContext
from dsm_core.plugins.functions import ask_clock, ask_symbols
from dsm_core.plugins.guard import guarding
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.provider import Provider, SymbolInfo
from dsm_core.plugins.work_folder import make_work_folder

__all__ = ["Venue"]

_log = logging.getLogger(__name__)
_OFFSET_LASTS_S: Final = 600.0
_DOWNLOADS: Final = 13


class Venue:
    """One provider inside one manager.

    Parameters
    ----------
    provider
        Its description.
    section
        Its configuration as written.
    http
        The manager's HTTP.
    bus
        Takes events.
    clock_ns
        The machine's clock, UTC nanoseconds.
    workers
        Threads for parsing.
    max_concurrent, max_concurrent_downloads
        Requests and downloads in flight; None takes the provider's own setting.
    """

    _remove_workdir: Callable[[], object]

    def __init__(
        self,
        provider: Provider,
        section: ProviderSection,
        http: Http,
        bus: EventBus,
        *,
        clock_ns: Callable[[], int],
        workers: Executor,
        max_concurrent: int,
        max_concurrent_downloads: int | None,
    ) -> None:
        self.provider = provider
        self.config = section.structure(provider.config) if provider.config else None
        self._clock_ns = clock_ns
        self._offsets: dict[MarketType, tuple[int, float]] = {}
        configured: int = getattr(self.config, "max_concurrent_downloads", _DOWNLOADS)
        self._archive_lane = AdaptiveLane(max_concurrent_downloads or configured)
        self._request_lane = AdaptiveLane(max_concurrent, start=max_concurrent)
        self._symbols: dict[MarketType, Sequence[SymbolInfo]] = {}
        self._bus = bus
        self._shared: dict[str, Any] = {}
        self._workers = workers
        self.quarantine: Callable[[Specimen, Exception | str, int], None] | None = None
        self._workdir: Path | None = None
        endpoints: Mapping[str, Sequence[str]] = getattr(self.config, "endpoints", None) or {}
        self.session = http.session(
            provider=provider.name,
            endpoints=endpoints,
            limits=provider.limits,
            scope=self._scope(endpoints),
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources in the order they are asked: the configured one, else the provider's."""
        configured: tuple[str, ...] | None = getattr(self.config, "sources", None)
        return configured or self.provider.sources

    def close(self) -> None:
        """Remove temporary files."""
        if self._workdir is not None:
            self._remove_workdir()
            self._workdir = None

    def now_ns(self, market_type: MarketType) -> int:
        """The venue's time as far as known: the machine's clock plus the offset last measured."""
        return self._clock_ns() + self._offsets.get(market_type, (0, 0.0))[0]

    def knows_clock(self, market_type: MarketType) -> bool:
        """Whether the offset was measured a short while ago."""
        measured = self._offsets.get(market_type)
        return measured is not None and time.monotonic() - measured[1] < _OFFSET_LASTS_S

    @property
    def has_clock(self) -> bool:
        """Whether the venue can be asked for its time."""
        return self.provider.server_time is not None

    async def read_clock(self, market_type: MarketType) -> None:
        """Measure the offset; kept as it was when the venue does not answer."""
        if self.provider.server_time is None or self.knows_clock(market_type):
            return
        before = self._clock_ns()
        try:
            told = await ask_clock(self.provider, self.context(market_type), market_type)
        except DSMError as error:
            _log.debug("clock_not_read provider=%s error=%r", self.provider.name, error)
            return
        self._offsets[market_type] = (told - (before + self._clock_ns()) // 2, time.monotonic())

    def context(self, market_type: MarketType) -> ClientContext:
        """What the clients of one market are given."""
        return ClientContext(
            http=self.session,
            config=self.config,
            now_ns=lambda: self.now_ns(market_type),
            emit=self._bus.emit,
            make_workdir=self._make_workdir,
            workers=self._workers,
            shared_objects=self._shared,
            quarantine=lambda specimen, why: self._keep(specimen, why, market_type),
        )

    def _keep(self, specimen: Specimen, why: Exception | str, market_type: MarketType) -> None:
        """Hand an object over as evidence, where somebody keeps it."""
        if self.quarantine is not None:
            self.quarantine(specimen, why, self.now_ns(market_type))

    def _make_workdir(self) -> Path:
        if self._workdir is None or not self._workdir.is_dir():
            if self._workdir is not None:
                # Somebody removed it; its lock is still held.
                self._remove_workdir()
            self._workdir, remove = make_work_folder()
            self._remove_workdir = weakref.finalize(self, remove)
        return self._workdir

    def clients(
        self,
        classes: Mapping[str, type[DataClientInterface]],
        symbol: str,
        interval: Interval | None,
        options: Mapping[str, Any],
    ) -> dict[str, DataClientInterface]:
        """One instance per source, each with the options it reads."""
        made = {}
        for source in self.sources:
            if source not in classes:
                continue
            cls = classes[source]
            own = {k: v for k, v in options.items() if k in cls.spec.options}
            context = self.context(cls.spec.market_type)
            with guarding(cls, self.provider.name):
                made[source] = cls(symbol, interval, context, **own)
            made[source].provider = self.provider.name
        return made

    def lane(self, client: DataClientInterface) -> AdaptiveLane:
        """What bounds the client's tasks in flight."""
        return self._archive_lane if isinstance(client, ArchiveClient) else self._request_lane

    async def suggest(
        self, error: SymbolNotFoundError, symbol: str, market_type: MarketType
    ) -> SymbolNotFoundError:
        """The error with close matches among the venue's symbols, where it lists them."""
        if self.provider.symbols is None:
            return error
        try:
            if market_type not in self._symbols:
                self._symbols[market_type] = await self._listed("symbols", market_type)
        except DSMError as trouble:
            _log.debug("symbols_not_listed provider=%s error=%r", self.provider.name, trouble)
            return error
        names = [info.symbol for info in self._symbols[market_type]]
        close = get_close_matches(symbol, names, n=3, cutoff=0.6)
        hint = (
            f"Did you mean {' or '.join(map(repr, close))}?"
            if close
            else "No symbol of that market is like it."
        )
        return SymbolNotFoundError(error.message, hint=hint, **{**error.details, "close_matches": close})

    async def list_symbols(self, market_type: MarketType) -> Sequence[SymbolInfo]:
        """Every symbol the venue lists, those of the past where it can tell them.

        Raises
        ------
        SourceError
            When the venue does not answer, or the provider's function failed.
        """
        return await self._listed("universe" if self.provider.universe else "symbols", market_type)

    async def _listed(self, function: str, market_type: MarketType) -> Sequence[SymbolInfo]:
        return await ask_symbols(self.provider, function, self.context(market_type), market_type)

    def _scope(self, endpoints: Mapping[str, Sequence[str]]) -> str:
        """Distinguishes other addresses than the provider's own, so that a test venue's ban is its own."""
        if endpoints == _own_endpoints(self.provider.config):
            return ""
        text = repr(sorted((k, tuple(v)) for k, v in endpoints.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _own_endpoints(config: type[Any] | None) -> Any:
    """The addresses that a settings class has by itself; it may want other keys from the user."""
    field = None if config is None else attrs.fields_dict(config).get("endpoints")
    if field is None or field.default is attrs.NOTHING:
        return {}
    default: Any = field.default
    value = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
    converter: Any = field.converter
    return converter(value) if callable(converter) else value
