"""The asynchronous face: one coroutine per public verb, over the one core."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from datetime import datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from attrs import frozen

from dsm_core.config import ConfigSource, load_config
from dsm_core.errors import CacheWarning, IncompleteDataError, IncompleteDataWarning, RequestError
from dsm_core.events import Event, EventBus
from dsm_core.fcp.call import Call
from dsm_core.fcp.plan import Plan
from dsm_core.fcp.request import CallOptions, Moment, Request
from dsm_core.fcp.session import Session, Settings
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, MarketType
from dsm_core.model.provenance import Failure, Gap
from dsm_core.model.time_range import NS_PER_S
from dsm_core.output import MarketData
from dsm_core.plugins.interface import DataClientInterface

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = [
    "AsyncDataSourceManager",
    "Prefetched",
    "check_length",
    "finish",
    "make_settings",
    "prefetched",
]

_DAY_NS = 86_400 * NS_PER_S


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

    def open_call(self, request: Request, *, keeps_rows: bool = True) -> Call:
        """The call of a request; nothing is fetched yet."""
        if self._closed:
            raise RequestError("The manager is closed.", hint="Make a new one.")
        return self._session.open_call(request, keeps_rows=keeps_rows)


