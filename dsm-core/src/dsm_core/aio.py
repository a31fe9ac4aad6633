"""The asynchronous face: one coroutine per public verb, over the one core."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from dsm_core.audit import Audit, audit_series
from dsm_core.audit.run import Bounds
from dsm_core.events import call_scope, new_call, new_call_id
from dsm_core.face import Face
from dsm_core.fcp.chunks import chunk_requests, comes_whole
from dsm_core.fcp.many import fetch_all, open_all, requests_for
from dsm_core.fcp.refresh import refresh_series
from dsm_core.fcp.refreshed import Refreshed
from dsm_core.fcp.request import CallOptions, Moment, Request
from dsm_core.fcp.universe import load_universe
from dsm_core.fcp.upkeep import Updated, update_series
from dsm_core.model.interval import Interval
from dsm_core.model.series import SeriesKey
from dsm_core.output import MarketData, MarketDataSet
from dsm_core.output.delivery import Prefetched, check_length, finish, finish_many, prefetched
from dsm_core.output.market_data_set import Shape, check_shape
from dsm_core.output.universe_frame import universe_frame

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["AsyncDataSourceManager"]


class AsyncDataSourceManager(Face):
    """Market data through one call, for asyncio programs.

    The parameters, verbs and errors are those of :class:`~dsm_core.DataSourceManager`; the verbs
    are coroutines. Use one manager in one event loop, as an async context manager.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections; twice is harmless."""
        self._check_outside()
        if not self._closed:
            self._closed = True
            await self._session.aclose()

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
        with new_call():
            return await self._answer(Request.of(symbol, start_time, end_time, interval, options))

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
        with new_call():
            call = self._open(Request.of(symbol, start_time, end_time, interval, options), keeps_rows=False)
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
        with new_call():
            calls = open_all(requests_for(symbols, start_time, end_time, interval, options), self._open)
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
        whole = self._open(Request.of(symbol, start_time, end_time, interval, options), keeps_rows=False)
        call_id = new_call_id()
        if comes_whole(whole):
            await whole.fetch()
        for part in chunk_requests(whole, chunk):
            with call_scope(call_id):
                data = await self._answer(part)
            yield data

    async def update(
        self, pattern: str | None = None, *, series: Iterable[str | SeriesKey] | None = None, jobs: int = 8
    ) -> tuple[Updated, ...]:
        """Extend held series to their last closed bar; see the synchronous face."""
        self._check_open()
        with new_call():
            return await update_series(self._session, pattern, series, jobs)

    async def refresh(
        self,
        pattern: str | None = None,
        *,
        series: Iterable[str | SeriesKey] | None = None,
        since: Moment | None = None,
        jobs: int = 8,
    ) -> tuple[Refreshed, ...]:
        """Bring archive files that were published anew; see the synchronous face."""
        self._check_open()
        with new_call():
            return await refresh_series(self._session, pattern, series, since, jobs)

    async def symbols(
        self, market_type: str | None = None, at: Moment | None = None, *, refresh: bool = False
    ) -> pd.DataFrame:
        """Every symbol of a market; see the synchronous face."""
        self._check_open()
        with new_call():
            found = await load_universe(self._session, market_type, refresh=refresh)
        return universe_frame(found, at)

    async def audit(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        *,
        sources: Sequence[str] | None = None,
        relative: Mapping[str, float] | None = None,
        absolute: Mapping[str, float] | None = None,
        **options: Unpack[CallOptions],
    ) -> Audit:
        """The sources of a series compared; see :meth:`dsm_core.DataSourceManager.audit`."""
        self._check_open()
        request = Request.of(symbol, start_time, end_time, interval, options)
        told = self._settings.config.agreement
        bounds = Bounds(
            sources=sources, tolerances=(told.relative, told.absolute), relative=relative, absolute=absolute
        )
        with new_call():
            return await audit_series(request, bounds, self._open)

    async def _answer(self, request: Request) -> MarketData:
        call = self._open(request)
        if not call.is_answered:
            await call.fetch()
        return finish(call, self._settings.config.defaults.on_gaps)
