"""What both managers share: their arguments, the events, and how a request becomes a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from os import PathLike
from typing import TYPE_CHECKING, Unpack

from dsm_core.config import ConfigSource
from dsm_core.errors import RequestError
from dsm_core.events import Event, EventBus
from dsm_core.fcp.call import Call
from dsm_core.fcp.many import requests_for
from dsm_core.fcp.plan import Plan
from dsm_core.fcp.request import CallOptions, Moment, Request
from dsm_core.fcp.session import Session
from dsm_core.fcp.settings import make_settings
from dsm_core.model.interval import Interval
from dsm_core.model.series import SeriesKey
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.registry import Registry, default_registry
from dsm_core.porting.scan import scan_cache

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Face"]


class Face:
    """Base of the two managers; :class:`~dsm_core.DataSourceManager` tells what each argument means."""

    def __init__(  # noqa: PLR0913 - the constructor's keywords are the public face
        self,
        market_type: str | None = None,
        provider: str | None = None,
        chart_type: str | None = None,
        *,
        rest_client: type[DataClientInterface] | None = None,
        cache_dir: str | PathLike[str] | None = None,
        use_cache: bool = True,
        cache_max_size: int | str | None = None,
        max_concurrent: int | None = None,
        retry_count: int | None = None,
        max_concurrent_downloads: int | None = None,
        config: ConfigSource = None,
        clock: Callable[[], datetime] | None = None,
        registry: Registry = default_registry,
    ) -> None:
        self._settings = make_settings(
            market_type=market_type,
            provider=provider,
            chart_type=chart_type,
            rest_client=rest_client,
            cache_dir=cache_dir,
            use_cache=use_cache,
            cache_max_size=cache_max_size,
            max_concurrent=max_concurrent,
            retry_count=retry_count,
            max_concurrent_downloads=max_concurrent_downloads,
            config=config,
            clock=clock,
        )
        if not isinstance(registry, Registry):
            raise RequestError(f"registry={registry!r}.", hint="Pass a Registry: Registry.of(provider).")
        self._registry = registry
        self._bus = EventBus()
        for observer in registry.observers():
            self._bus.subscribe(observer)
        self._closed = False
        self._start()

    def __repr__(self) -> str:
        settings = self._settings
        said = {
            "market_type": settings.market_type,
            "provider": settings.provider,
            "chart_type": settings.chart_type,
        }
        shown = [f"{name}={str(value)!r}" for name, value in said.items() if value is not None]
        store = self._session.store
        shown.append("use_cache=False" if store is None else f"cache_dir={str(store.root)!r}")
        return f"<{type(self).__name__}({', '.join(shown)}){' closed' if self._closed else ''}>"

    def subscribe(self, observer: Callable[[Event], object]) -> Callable[[], None]:
        """Call ``observer(event)`` for every event from now on.

        Parameters
        ----------
        observer
            Called in the thread in which the event happens, so it should be quick. It may not call
            the manager. One that raises is reported once, as a warning of the logger
            ``dsm_core.events``, and not called again.

        Returns
        -------
        callable
            Ends the subscription; calling it twice is harmless.

        Raises
        ------
        RequestError
            When the observer cannot be called, or is a coroutine function.
        """
        return self._bus.subscribe(observer)

    def explain(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        **options: Unpack[CallOptions],
    ) -> Plan:
        """The plan of the same call; nothing is fetched."""
        return self._open(Request.of(symbol, start_time, end_time, interval, options)).plan()

    def scan(
        self, symbols: Sequence[str | SeriesKey], interval: str | None = None, **options: Unpack[CallOptions]
    ) -> pl.LazyFrame:
        """Rows of cached series as one lazy polars frame; nothing is fetched.

        Parameters
        ----------
        symbols
            Symbols or series keys of one chart type; those that are not cached have no rows.
        interval, options
            As in ``get_data``.

        Returns
        -------
        polars.LazyFrame
            ``symbol``, ``interval``, the time column, then the others.

        Raises
        ------
        ConfigError
            When polars is not installed.
        """
        requests = requests_for(symbols, "1970", "1970", interval, options)
        series = []
        for request in requests.values():
            if isinstance(request, Exception):
                raise request
            series.append(self._open(request).series)
        if self._session.store is None:
            raise RequestError("The cache is switched off, so nothing is held.", hint="Use use_cache=True.")
        keys = [one.key for one in series]
        return scan_cache(self._session.store, keys, schema=series[0].schema)

    def _start(self) -> None:
        self._session = Session(self._settings, self._bus, self._registry)

    def _open(self, request: Request, *, keeps_rows: bool = True) -> Call:
        self._check_open()
        return self._session.open_call(request, keeps_rows=keeps_rows)

    def _check_open(self) -> None:
        self._check_outside()
        if self._closed:
            raise RequestError("The manager is closed.", hint="Make a new one.")

    def _check_outside(self) -> None:
        """Refuse what an observer asks: its thread is needed by the call that it observes."""
        if self._bus.is_observing:
            raise RequestError(
                "The manager was called by one of its own observers.",
                hint="Put what is to be done on a queue, and call the manager once the call has ended.",
            )
