"""What the calls of one manager share, and how a request becomes a call."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from attrs import evolve, frozen

from dsm_core.cache import CacheStore, DocumentStore, Quarantine
from dsm_core.config import HttpConfig, default_cache_dir
from dsm_core.errors import ConfigError, RequestError
from dsm_core.events import EventBus
from dsm_core.fcp.call import Call
from dsm_core.fcp.checks import (
    check_columns,
    check_source,
    check_tolerances,
    reading,
    serving,
    unserved,
    usual_provider,
)
from dsm_core.fcp.document_call import DocumentCall
from dsm_core.fcp.evidence import evidence_keeper
from dsm_core.fcp.request import Request
from dsm_core.fcp.series import Series
from dsm_core.fcp.settings import Settings
from dsm_core.model.names import ChartType, DataSource, MarketType
from dsm_core.model.series import SeriesKey, option_pairs
from dsm_core.model.time_range import to_ns
from dsm_core.net import Http, HttpSettings
from dsm_core.plugins.guard import guarding
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.registry import Registry, default_registry
from dsm_core.plugins.venue import Venue
from dsm_core.schema.chart_type import chart_schema

__all__ = ["SeriesKeyParts", "Session"]

_DEFAULT_CHART_TYPE = "klines"


class Session:
    """Configuration, HTTP, cache, threads and venues of one manager.

    Parameters
    ----------
    settings
        Of the manager.
    bus
        Takes events.
    registry
        Knows the providers.
    """

    def __init__(self, settings: Settings, bus: EventBus, registry: Registry = default_registry) -> None:
        self.settings = settings
        self.bus = bus
        self._registry = registry
        self._lock = threading.RLock()
        self._venues: dict[str, Venue] = {}
        # Reading every distribution's metadata takes longer than a warm call.
        self._only_provider: str | None = None
        self._http = self._make_http(_http_settings(settings))
        self._workers = ThreadPoolExecutor(max(2, os.cpu_count() or 2), thread_name_prefix="dsm")
        config = settings.config
        self.store: CacheStore | None = None
        self.documents: DocumentStore | None = None
        self.quarantine: Quarantine | None = None
        if settings.use_cache and config.cache.enabled:
            root = settings.cache_dir or default_cache_dir(config)
            self.documents = DocumentStore(root.absolute())
            max_bytes = settings.cache_max_bytes or config.cache.max_bytes
            self.quarantine = Quarantine(root, max_bytes=max_bytes)
            self.store = CacheStore(
                root,
                read_from=config.cache.read_from,
                bus=bus,
                max_bytes=max_bytes,
            )

    def _make_http(self, settings: HttpSettings) -> Http:
        return Http(settings, self.bus)

    async def aclose(self) -> None:
        """Close connections and remove temporary files."""
        await self._http.close()
        for venue in self._venues.values():
            venue.close()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def market(self, market_type: str | None) -> tuple[Venue, MarketType]:
        """The venue and the market that a call without symbol means."""
        request = Request(symbol="", market_type=market_type)
        name = self._provider_name(request)
        served = self._registry.provider(name).market_types
        return self._venue(name), self._market_type(request, served, name)

    def open_call(self, request: Request, *, keeps_rows: bool = True) -> Call:
        """Check a request and look into the cache for it.

        Raises
        ------
        RequestError, PluginError, ConfigError
            When it cannot be answered as asked; nothing was fetched.
        """
        name = self._provider_name(request)
        provider = self._registry.provider(name)
        venue = self._venue(name)
        market = self._market_type(request, provider.market_types, name)
        chart = self._chart_type(request)
        classes = dict(provider.clients_for(market, chart))
        if not classes:
            raise unserved(provider, market, chart)
        own = self.settings.rest_client
        if own is not None and (own.spec.market_type, own.spec.chart_type) == (market, chart):
            classes[str(own.spec.source)] = own
        if chart_schema(chart).kind != "bars":
            request = evolve(request, interval=None)
        series = self._series(request, venue, classes, SeriesKeyParts(name, market, chart))
        if request.columns is not None:
            # The time is always handed out, so naming it changes nothing.
            request = evolve(request, columns=tuple(c for c in request.columns if c != series.schema.index))
        check_columns(request, series)
        check_tolerances(self.settings.config.agreement, self._registry)
        store = self.store if request.use_cache else None
        defaults = self.settings.config.defaults
        make = DocumentCall if series.schema.kind == "documents" else Call
        return make(
            request=request,
            series=series,
            venue=venue,
            store=store,
            bus=self.bus,
            deadline_s=request.deadline_s or defaults.deadline_s,
            agreement=self.settings.config.agreement,
            keeps_rows=keeps_rows,
        )

    def _series(
        self,
        request: Request,
        venue: Venue,
        classes: Mapping[str, type[DataClientInterface]],
        parts: SeriesKeyParts,
    ) -> Series:
        first = next(iter(classes.values()))
        with guarding(first, parts.provider):
            first.check_symbol(request.symbol)
        classes = {source: classes[source] for source in venue.sources if source in classes}
        if not classes:
            raise RequestError(
                f"No source that is switched on serves {parts.chart_type} of {parts.market_type}.",
                hint=f"Switched on: {', '.join(venue.sources)}.",
            )
        classes = serving(classes, request)
        check_source(request, tuple(classes))
        defaults: dict[str, Any] = {}
        for cls in reversed(list(classes.values())):
            with guarding(cls, parts.provider):
                defaults |= cls.option_defaults(venue.config)
        classes, options = reading(classes, request, defaults)
        key = SeriesKey(
            provider=parts.provider,
            market_type=parts.market_type,
            chart_type=parts.chart_type,
            symbol=request.symbol,
            interval=request.interval,
            options=option_pairs(options),
        )
        clients = venue.clients(classes, request.symbol, request.interval, options)
        cache_only = request.source == DataSource.CACHE or self.settings.config.offline
        return Series(
            key=key,
            schema=chart_schema(parts.chart_type),
            clients=clients,
            grid=next(iter(clients.values())).grid,
            enforced=None if request.source in (DataSource.AUTO, DataSource.CACHE) else str(request.source),
            asks=not cache_only,
        )

    def _provider_name(self, request: Request) -> str:
        asked = request.provider or self.settings.provider
        if asked:
            return str(asked)
        if self._only_provider is not None:
            return self._only_provider
        self._only_provider = usual_provider(self._registry.names(), self.settings.config.defaults.provider)
        return self._only_provider

    def _market_type(self, request: Request, served: tuple[MarketType, ...], provider: str) -> MarketType:
        asked = request.market_type or self.settings.market_type or self.settings.config.defaults.market_type
        if asked is None:
            if len(served) == 1:
                return served[0]
            raise RequestError(
                f"Provider {provider!r} has several markets and none was named.",
                hint=f"Pass market_type= one of {', '.join(served)}.",
            )
        market = MarketType(asked)
        if market not in served:
            close = get_close_matches(market, served, n=1, cutoff=0.5)
            guess = f" Did you mean {str(close[0])!r}?" if close else ""
            raise RequestError(
                f"Provider {provider!r} has no market {market.value!r}.",
                hint=f"It has: {', '.join(served)}.{guess}",
                market_type=market.value,
            )
        return market

    def _chart_type(self, request: Request) -> ChartType:
        configured = self.settings.config.defaults.chart_type
        return ChartType(request.chart_type or self.settings.chart_type or configured or _DEFAULT_CHART_TYPE)

    def _venue(self, name: str) -> Venue:
        with self._lock:
            if name not in self._venues:
                observer = self._registry.observer(name)
                if observer is not None and not self.bus.has(observer):
                    self.bus.subscribe(observer)
                config = self.settings.config
                self._venues[name] = Venue(
                    self._registry.provider(name),
                    config.section(name),
                    self._http,
                    self.bus,
                    clock_ns=self._clock_ns,
                    workers=self._workers,
                    max_concurrent=self.settings.max_concurrent or config.http.max_concurrent,
                    max_concurrent_downloads=self.settings.max_concurrent_downloads
                    or config.http.max_concurrent_downloads,
                )
                self._venues[name].quarantine = evidence_keeper(self.quarantine)
            # Clients may have been registered since.
            self._venues[name].provider = self._registry.provider(name)
            return self._venues[name]

    def _clock_ns(self) -> int:
        clock = self.settings.clock
        if clock is None:
            return time.time_ns()
        now = clock()
        if not isinstance(now, datetime) or now.tzinfo is None:
            raise ConfigError(f"clock() gave {now!r} without a time zone.", hint="Return an aware datetime.")
        return to_ns(now)


@frozen
class SeriesKeyParts:
    """Where a series belongs, once defaults are filled in."""

    provider: str
    market_type: MarketType
    chart_type: ChartType


def _http_settings(settings: Settings) -> HttpSettings:
    http: HttpConfig = settings.config.http
    usual = HttpSettings()
    return HttpSettings(
        connect_timeout_s=http.connect_timeout_s,
        read_timeout_s=http.read_timeout_s,
        retry_count=http.retry_count if settings.retry_count is None else settings.retry_count,
        max_wait_s=settings.config.defaults.max_wait_s,
        max_connections=max(usual.max_connections, settings.max_concurrent or http.max_concurrent),
        offline=settings.config.offline,
        state_dir=http.state_dir,
        user_agent=http.user_agent or usual.user_agent,
    )
