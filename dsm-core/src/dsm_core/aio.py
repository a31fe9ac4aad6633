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


@frozen(kw_only=True)
class Prefetched:
    """What a prefetch brought into the cache.

    Parameters
    ----------
    rows
        Rows fetched now; those held before are not counted.
    requests
        HTTP requests sent.
    gaps
        What is missing and why.
    failures
        Sources that did not deliver a range.
    """

    rows: int
    requests: int
    gaps: tuple[Gap, ...]
    failures: tuple[Failure, ...]


def make_settings(  # noqa: PLR0913 - the constructor's keywords are the public face
    *,
    market_type: str | None,
    provider: str | None,
    chart_type: str | None,
    rest_client: type[DataClientInterface] | None,
    cache_dir: str | PathLike[str] | None,
    use_cache: bool,
    max_concurrent: int | None,
    retry_count: int | None,
    max_concurrent_downloads: int | None,
    config: ConfigSource,
    clock: Callable[[], datetime] | None,
) -> Settings:
    """Settings of a manager from its constructor's arguments.

    Raises
    ------
    ConfigError
        When the configuration is wrong.
    RequestError
        When an argument is.
    """
    for name, value, least in (
        ("max_concurrent", max_concurrent, 1),
        ("max_concurrent_downloads", max_concurrent_downloads, 1),
        ("retry_count", retry_count, 0),
    ):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise RequestError(f"{name}={value!r}.", hint=f"Give a whole number, {least} or more.")
    if cache_dir is not None and (not isinstance(cache_dir, str | PathLike) or not str(cache_dir)):
        raise RequestError(f"cache_dir={cache_dir!r}.", hint="Give the path of a folder, or leave it out.")
    if "\0" in str(cache_dir):
        raise RequestError(f"cache_dir={cache_dir!r} holds a NUL.", hint="Give the path of a folder.")
    if clock is not None and not callable(clock):
        raise RequestError(f"clock={clock!r}.", hint="Pass a function that gives an aware datetime.")
    if rest_client is not None and not (
        isinstance(rest_client, type) and issubclass(rest_client, DataClientInterface)
    ):
        raise RequestError(
            f"rest_client={rest_client!r}.", hint="Pass a client class: a subclass of DataClientInterface."
        )
    return Settings(
        config=load_config(config),
        provider=None if provider is None else str(provider),
        market_type=None if market_type is None else MarketType(market_type),
        chart_type=None if chart_type is None else ChartType(chart_type),
        rest_client=rest_client,
        cache_dir=None if cache_dir is None else Path(cache_dir).expanduser(),
        use_cache=use_cache,
        max_concurrent=max_concurrent,
        retry_count=retry_count,
        max_concurrent_downloads=max_concurrent_downloads,
        clock=clock,
    )


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


def check_length(plan: Plan, max_days: float | None) -> None:
    """Refuse a prefetch that is longer than its caller meant.

    Raises
    ------
    RequestError
        Naming both lengths.
    """
    if plan.span is None or max_days is None:
        return
    if isinstance(max_days, bool) or not isinstance(max_days, int | float):
        raise RequestError(f"max_days={max_days!r}.", hint="Give a number of days, or None.")
    days = (plan.span.end - plan.span.start) / _DAY_NS
    if days > max_days:
        raise RequestError(
            f"The range {plan.span} is {days:.0f} days, more than max_days={max_days:g}.",
            hint="Raise max_days, or pass None for no bound.",
        )


def prefetched(call: Call) -> Prefetched:
    """Summary of a fetched call."""
    out = call.outcome()
    if out.cache_problem is not None:
        warnings.warn(f"{out.cache_problem} Nothing was kept.", CacheWarning, stacklevel=_caller())
    return Prefetched(rows=call.rows_fetched, requests=out.requests, gaps=out.gaps, failures=out.failures)


def _caller() -> int:
    """``stacklevel`` of the first frame outside this package, seen from the caller's ``warn``."""
    level, frame = 1, sys._getframe(1)  # noqa: SLF001 - warnings has no public way before 3.12
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("dsm_core."):
        level, frame = level + 1, frame.f_back
    return level


def finish(call: Call, default_on_gaps: str) -> MarketData:
    """Market data of a call whose fetching is done; warns or raises as asked.

    Raises
    ------
    IncompleteDataError
        With ``on_gaps`` ``raise`` or ``raise_any``.
    """
    out, request = call.outcome(), call.request
    data = MarketData(out, columns=request.columns, with_source=request.include_source)
    if out.cache_problem is not None:
        warnings.warn(
            f"{out.cache_problem} The answer is delivered all the same.", CacheWarning, stacklevel=_caller()
        )
    how = request.on_gaps or default_on_gaps
    if how == "ignore":
        return data
    counted = [g for g in out.gaps if g.reason != "not_closed_yet" and (how == "raise_any" or not g.final)]
    if not counted:
        return data
    missing = sum(g.bars or 0 for g in counted)
    gaps, bars = f"{len(counted)} gap{'s' * (len(counted) != 1)}", f"{missing} bar{'s' * (missing != 1)}"
    message = f"{out.series.key}: {gaps}, {bars} missing; the first: {counted[0]}"
    if how == "warn":
        warnings.warn(message, IncompleteDataWarning, stacklevel=_caller())
        return data
    raise IncompleteDataError(
        message + ".", hint="The partial result is in .data.", data=data, gaps=tuple(counted)
    )
