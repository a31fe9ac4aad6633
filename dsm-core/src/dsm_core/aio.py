"""The asynchronous face: one coroutine per public verb, over the one core."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from dsm_core.config import ConfigSource
from dsm_core.errors import RequestError
from dsm_core.events import Event, EventBus
from dsm_core.fcp.call import Call
from dsm_core.fcp.chunks import chunk_requests
from dsm_core.fcp.many import fetch_all, open_all, requests_for
from dsm_core.fcp.plan import Plan
from dsm_core.fcp.request import CallOptions, Moment, Request
from dsm_core.fcp.session import Session
from dsm_core.fcp.settings import make_settings
from dsm_core.fcp.universe import load_universe
from dsm_core.fcp.upkeep import Updated, update_series
from dsm_core.model.interval import Interval
from dsm_core.model.series import SeriesKey
from dsm_core.output import MarketData, MarketDataSet
from dsm_core.output.delivery import Prefetched, check_length, finish, finish_many, prefetched
from dsm_core.output.market_data_set import Shape, check_shape
from dsm_core.output.universe_frame import universe_frame
from dsm_core.plugins.interface import DataClientInterface

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["AsyncDataSourceManager"]



class AsyncDataSourceManager:
    """Market data through one call, for asyncio programs.

    The parameters, verbs and errors are those of :class:`~dsm_core.DataSourceManager`; the verbs
    are coroutines. Use one manager in one event loop, as an async context manager.
    """

    def __init__(  # noqa: PLR0913 - the constructor's keywords are the public face
        self,
        market_type: str | None = None,
        provider: str | None = None,
        chart_type: str | None = None,
        *,
        rest_client: type[DataClientInterface] | None = None,
        cache_dir: str | PathLike[str] | None = None,
        use_cache: bool = True,
        max_concurrent: int | None = None,
        retry_count: int | None = None,
        max_concurrent_downloads: int | None = None,
        config: ConfigSource = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._settings = make_settings(
            market_type=market_type,
            provider=provider,
            chart_type=chart_type,
            rest_client=rest_client,
            cache_dir=cache_dir,
            use_cache=use_cache,
            max_concurrent=max_concurrent,
            retry_count=retry_count,
            max_concurrent_downloads=max_concurrent_downloads,
            config=config,
            clock=clock,
        )
        self._bus = EventBus()
        self._session = Session(self._settings, self._bus)
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections; twice is harmless."""
        if not self._closed:
            self._closed = True
            await self._session.aclose()

    def subscribe(self, observer: Callable[[Event], object]) -> Callable[[], None]:
        """Call ``observer(event)`` for every event; the result ends the subscription."""
        return self._bus.subscribe(observer)

    async def get_data(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        *,
        return_polars: bool = False,
        **options: Unpack[CallOptions],
    ) -> pd.DataFrame | pl.DataFrame:
        """Frame of one series; see :meth:`dsm_core.DataSourceManager.get_data`."""
        data = await self.query(symbol, start_time, end_time, interval, **options)
        return data.to_polars() if return_polars else data.to_pandas()

    async def query(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        **options: Unpack[CallOptions],
    ) -> MarketData:
        """Rows with gaps and provenance."""
        call = self.open_call(Request.of(symbol, start_time, end_time, interval, options))
        if not call.is_answered:
            await call.fetch()
        return finish(call, self._settings.config.defaults.on_gaps)

    def explain(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        **options: Unpack[CallOptions],
    ) -> Plan:
        """The plan of the same call; nothing is fetched."""
        return self.open_call(Request.of(symbol, start_time, end_time, interval, options)).plan()

    async def prefetch(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        *,
        max_days: float | None = 366,
        **options: Unpack[CallOptions],
    ) -> Prefetched:
        """Bring a range into the cache without holding its rows."""
        call = self.open_call(Request.of(symbol, start_time, end_time, interval, options), keeps_rows=False)
        check_length(call.plan(), max_days)
        if not call.is_answered:
            await call.fetch()
        return prefetched(call)

    async def get_many(
        self,
        symbols: Sequence[str | SeriesKey],
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        *,
        shape: Shape = "long",
        on_error: str = "collect",
        **options: Unpack[CallOptions],
    ) -> MarketDataSet:
        """Many series at once; see :meth:`dsm_core.DataSourceManager.get_many`."""
        check_shape(shape, on_error)
        calls = open_all(requests_for(symbols, start_time, end_time, interval, options), self.open_call)
        await fetch_all(calls)
        return finish_many(calls, self._settings.config.defaults.on_gaps, shape, on_error)

    async def iter_data(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        *,
        chunk: str = "1d",
        **options: Unpack[CallOptions],
    ) -> AsyncIterator[MarketData]:
        """The same rows piece by piece, one ``chunk`` in memory at a time."""
        request = Request.of(symbol, start_time, end_time, interval, options)
        for part in chunk_requests(self.open_call(request), chunk):
            call = self.open_call(part)
            if not call.is_answered:
                await call.fetch()
            yield finish(call, self._settings.config.defaults.on_gaps)

    async def update(
        self, pattern: str | None = None, *, series: Iterable[str | SeriesKey] | None = None, jobs: int = 8
    ) -> tuple[Updated, ...]:
        """Extend held series to their last closed bar; see the synchronous face."""
        self._check_open()
        return await update_series(self._session, pattern, series, jobs)

    async def symbols(
        self, market_type: str | None = None, at: Moment | None = None, *, refresh: bool = False
    ) -> pd.DataFrame:
        """Every symbol of a market; see the synchronous face."""
        self._check_open()
        return universe_frame(await load_universe(self._session, market_type, refresh=refresh), at)

    def open_call(self, request: Request, *, keeps_rows: bool = True) -> Call:
        """The call of a request; nothing is fetched yet."""
        self._check_open()
        return self._session.open_call(request, keeps_rows=keeps_rows)

    def _check_open(self) -> None:
        if self._closed:
            raise RequestError("The manager is closed.", hint="Make a new one.")
