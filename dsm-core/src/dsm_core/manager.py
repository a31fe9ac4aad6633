"""The synchronous face: the same verbs, over one background event loop.

A request that the cache answers whole never touches the loop; it works inside a running loop
(a notebook) and after a fork.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError
from datetime import datetime
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack, overload

from dsm_core.aio import Prefetched, check_length, finish, make_settings, prefetched
from dsm_core.config import ConfigSource
from dsm_core.errors import RequestError
from dsm_core.events import Event, EventBus
from dsm_core.fcp.call import Call
from dsm_core.fcp.plan import Plan
from dsm_core.fcp.request import CallOptions, Moment, Request
from dsm_core.fcp.session import Session
from dsm_core.model.interval import Interval
from dsm_core.output import MarketData
from dsm_core.plugins.interface import DataClientInterface

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["DataSourceManager", "get"]

T = TypeVar("T")


class DataSourceManager:
    """Complete, verified market data through one call.

    Parameters
    ----------
    market_type
        Default market: ``MarketType.SPOT``, ``"um"``...
    provider
        Default provider; may be left out when one is installed or configured.
    chart_type
        Default chart type; ``klines`` when left out.
    rest_client
        A client class that takes the place of the provider's own for its source.
    cache_dir
        Folder of the cache; else ``DSM_CACHE_DIR``, the configuration, the user's cache folder.
    use_cache
        False neither reads nor writes the cache.
    max_concurrent
        REST requests in flight.
    retry_count
        Retries of a request that failed for a passing reason.
    max_concurrent_downloads
        Archive files in flight.
    config
        Path of a YAML file, a mapping, or a :class:`~dsm_core.DSMConfig`.
    clock
        Gives the time as an aware datetime; the machine's clock when left out.

    Raises
    ------
    ConfigError
        When the configuration is wrong; every mistake is named at once.

    Examples
    --------
    >>> from dsm_core import DataSourceManager, MarketType
    >>> with DataSourceManager(MarketType.SPOT, provider="binance") as manager:  # doctest: +SKIP
    ...     df = manager.get_data("BTCUSDT", "2024-01", "2024-01", "1h")
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
        self._closed = False
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and end the loop; twice is harmless."""
        if self._closed:
            return
        self._closed = True
        # In a forked child the parent's loop does not run; its connections are the parent's.
        if self._pid == os.getpid():
            self._loop.run(self._session.aclose())
            self._loop.stop()

    def subscribe(self, observer: Callable[[Event], object]) -> Callable[[], None]:
        """Call ``observer(event)`` for every event; the result ends the subscription."""
        return self._bus.subscribe(observer)

    @overload
    def get_data(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = ...,
        *,
        return_polars: Literal[False] = False,
        **options: Unpack[CallOptions],
    ) -> pd.DataFrame: ...

    @overload
    def get_data(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = ...,
        *,
        return_polars: Literal[True],
        **options: Unpack[CallOptions],
    ) -> pl.DataFrame: ...

    def get_data(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        *,
        return_polars: bool = False,
        **options: Unpack[CallOptions],
    ) -> pd.DataFrame | pl.DataFrame:
        """Frame of one series, each missing range taken from the best source.

        Parameters
        ----------
        symbol
            The provider's own name, such as ``BTCUSDT``.
        start_time, end_time
            Aware datetime, ISO text with offset, or a label (``"2024-01-31"``, ``"2024-01"``,
            ``"2024"``, a ``date``), which means the whole UTC period. No ``end_time`` is now.
        interval
            Bar length: ``"1m"``, ``Interval.HOUR_1``.
        last
            Instead of ``start_time``: a span (``"7d"``) or a number of bars.
        columns
            Which columns, in that order; all when left out. What is fetched stays the same.
        inclusive
            Which ends belong: ``both`` (default; ``start_time <= open_time <= end_time``), ``left``,
            ``right``, ``neither``.
        use_cache
            False neither reads nor writes the cache.
        enforce_source
            ``auto``, ``cache``, or one source; rows of other origin then do not count, cached or not.
        provider, market_type, chart_type
            In place of the manager's.
        include_source_metadata
            Add the column ``_data_source``: ``VISION``, ``REST``; also for rows read from the cache.
        include_open_bar
            Add the bar that has not closed; it is never cached.
        return_polars
            A polars frame with the time as first column.
        on_gaps
            ``warn``, ``raise`` (every gap that is not final), ``raise_any`` or ``ignore``.
        options
            What the provider's clients read; part of the series key.
        deadline_s
            Seconds the call may take; else the configuration's.

        Returns
        -------
        pandas.DataFrame
            Index ``open_time``: datetime64[ns, UTC], strictly increasing, unique, on the grid.
            Columns and dtypes of the chart type's schema; an empty answer has the same shape.

        Raises
        ------
        RequestError
            The call makes no sense as asked; the message names the value and the remedy.
        SymbolNotFoundError
            No source knows the symbol; close matches are named.
        RateLimitError, AllSourcesFailedError
            There is no row at all and a source failed.
        IncompleteDataError
            With ``on_gaps="raise"``; the partial result is in ``.data``.

        Warns
        -----
        IncompleteDataWarning
            Bars are missing that asking again may bring.
        CacheWarning
            The cache could not be used; the answer is delivered all the same.
        """
        data = self._query(Request.of(symbol, start_time, end_time, interval, options))
        return data.to_polars() if return_polars else data.to_pandas()

    def query(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        **options: Unpack[CallOptions],
    ) -> MarketData:
        """Rows with their gaps and provenance; takes what :meth:`get_data` takes."""
        return self._query(Request.of(symbol, start_time, end_time, interval, options))

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

    def prefetch(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        *,
        max_days: float | None = 366,
        **options: Unpack[CallOptions],
    ) -> Prefetched:
        """Bring a range into the cache without holding its rows.

        Parameters
        ----------
        symbol, start_time, end_time, interval, options
            As in :meth:`get_data`.
        max_days
            Longer ranges are refused, against slips of the pen; None for no bound.

        Returns
        -------
        Prefetched
            Rows and requests of now, gaps and failures.
        """
        call = self._open(Request.of(symbol, start_time, end_time, interval, options), keeps_rows=False)
        check_length(call.plan(), max_days)
        self._fetch(call)
        return prefetched(call)

    def _query(self, request: Request) -> MarketData:
        call = self._open(request)
        self._fetch(call)
        return finish(call, self._settings.config.defaults.on_gaps)

    def _fetch(self, call: Call) -> None:
        if not call.is_answered:
            self._loop.run(call.fetch())

    def _open(self, request: Request, *, keeps_rows: bool = True) -> Call:
        if self._closed:
            raise RequestError("The manager is closed.", hint="Make a new one.")
        if self._pid != os.getpid():
            # Threads do not survive a fork: the child makes its own loop and connections.
            self._start()
        return self._session.open_call(request, keeps_rows=keeps_rows)

    def _start(self) -> None:
        self._pid = os.getpid()
        self._loop = _LoopThread()
        self._session = Session(self._settings, self._bus)


class _LoopThread:
    """An event loop in a daemon thread, begun at first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the loop and wait; an interrupt cancels it.

        Raises
        ------
        RequestError
            When it is called on the loop's own thread, or the manager is closed meanwhile.
        """
        loop = self._started()
        if threading.current_thread() is self._thread:
            work.close()
            raise RequestError(
                "The manager was called by one of its own observers.", hint="Call it from another thread."
            )
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        except CancelledError as error:
            raise RequestError("The manager was closed while it answered.", hint="Make a new one.") from error
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the loop and its thread."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="dsm-loop", daemon=True)
                self._thread.start()
            return self._loop


async def _cancel_all() -> None:
    """End what is still running, so that nothing is left half way when the loop stops."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


_MANAGER_KEYWORDS = frozenset({"rest_client", "cache_dir", "config", "clock", "retry_count"})


def get(
    symbol: str,
    interval: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    last: str | int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Frame of one series, through a manager made for this call.

    Parameters
    ----------
    symbol, interval, start, end, last
        As in :meth:`DataSourceManager.get_data`.
    **options
        Its other keywords, and those of the manager's constructor.
    """
    own: Mapping[str, Any] = {k: options.pop(k) for k in list(options) if k in _MANAGER_KEYWORDS}
    with DataSourceManager(**own) as manager:
        frame: pd.DataFrame = manager.get_data(symbol, start, end, interval, last=last, **options)
        return frame
