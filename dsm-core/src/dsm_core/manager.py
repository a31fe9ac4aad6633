"""The synchronous face: the same verbs, over one background event loop.

A request that the cache answers whole never touches the loop; it works inside a running loop
(a notebook) and after a fork.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, Unpack, overload

from dsm_core.audit_verb import AuditVerb
from dsm_core.background import LoopThread
from dsm_core.events import call_scope, new_call, new_call_id
from dsm_core.fcp.call import Call
from dsm_core.fcp.chunks import chunk_requests, comes_whole
from dsm_core.fcp.many import fetch_all, open_all, requests_for
from dsm_core.fcp.request import CallOptions, Moment, Request
from dsm_core.fcp.universe import load_universe
from dsm_core.fcp.upkeep import Updated, update_series
from dsm_core.model.interval import Interval
from dsm_core.model.series import SeriesKey
from dsm_core.output import MarketData, MarketDataSet
from dsm_core.output.delivery import Prefetched, check_length, finish, finish_many, prefetched
from dsm_core.output.market_data_set import Shape, check_shape
from dsm_core.output.universe_frame import universe_frame
from dsm_core.refresh_verb import RefreshVerb

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["DataSourceManager"]


class DataSourceManager(AuditVerb, RefreshVerb):
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
    cache_max_size
        Most bytes of the cache, or text such as ``"20GB"``; what was used longest ago goes first.
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
    registry
        Whose providers are known; by default what is installed or registered in this process.

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and end the loop; twice is harmless."""
        self._check_outside()
        if self._closed:
            return
        self._closed = True
        # In a forked child the parent's loop does not run; its connections are the parent's.
        if self._pid == os.getpid():
            self._loop.run(self._session.aclose())
            self._loop.stop()

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
            Instead of ``start_time``: a span (``"7d"``, a timedelta) or a number of bars.
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
        with new_call():
            call = self._open(Request.of(symbol, start_time, end_time, interval, options), keeps_rows=False)
            check_length(call.plan(), max_days)
            self._fetch(call)
            return prefetched(call)

    def get_many(
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
        """Many series at once, within one rate budget.

        Parameters
        ----------
        symbols
            Symbols, or series keys (``binance/um/klines/BTCUSDT/1h``) for other markets and
            intervals; the same one twice counts once.
        start_time, end_time, interval, options
            As in :meth:`get_data`, for every series.
        shape
            What the set's ``to_pandas`` gives: ``long``, ``wide`` or ``dict``.
        on_error
            ``collect`` keeps the errors of single series in ``.errors``; ``raise`` raises the first.

        Returns
        -------
        MarketDataSet
            Data by label; the label is the symbol, or the key as given.
        """
        check_shape(shape, on_error)
        with new_call():
            calls = open_all(requests_for(symbols, start_time, end_time, interval, options), self._open)
            if not all(call.is_answered for call in calls.calls.values()):
                self._loop.run(fetch_all(calls))
            return finish_many(calls, self._settings.config.defaults.on_gaps, shape, on_error)

    def iter_data(
        self,
        symbol: str,
        start_time: Moment | None = None,
        end_time: Moment | None = None,
        interval: str | None = Interval.SECOND_1,
        *,
        chunk: str = "1d",
        **options: Unpack[CallOptions],
    ) -> Iterator[MarketData]:
        """The rows of :meth:`query` piece by piece, one ``chunk`` in memory at a time.

        Parameters
        ----------
        symbol, start_time, end_time, interval, options
            As in :meth:`get_data`.
        chunk
            Length of a piece: ``"1d"``, ``"1w"``, ``"1M"``; pieces begin on its UTC grid.
        """
        whole = self._open(Request.of(symbol, start_time, end_time, interval, options), keeps_rows=False)
        call_id = new_call_id()
        if comes_whole(whole):
            self._fetch(whole)
        for part in chunk_requests(whole, chunk):
            with call_scope(call_id):  # not around the yield: what is done between pieces is the caller's
                data = self._answer(part)
            yield data

    def update(
        self, pattern: str | None = None, *, series: Iterable[str | SeriesKey] | None = None, jobs: int = 8
    ) -> tuple[Updated, ...]:
        """Extend held series to their last closed bar, and ask again for holes that are due.

        Parameters
        ----------
        pattern
            Glob over symbols or series keys; everything held when neither it nor ``series`` is given.
        series
            Series keys; one that is not held is an error in its line.
        jobs
            Series in flight.

        Returns
        -------
        tuple of Updated
            One line a series, by key; ``partial`` tells that asking again may bring more.
        """
        self._check_open()
        with new_call():
            return self._loop.run(update_series(self._session, pattern, series, jobs))

    def symbols(
        self, market_type: str | None = None, at: Moment | None = None, *, refresh: bool = False
    ) -> pd.DataFrame:
        """Every symbol of a market, those that are gone included.

        Parameters
        ----------
        market_type
            In place of the manager's.
        at
            Only what traded then: a label means at some time of that period.
        refresh
            Ask again although the list kept in the cache is younger than a day.

        Returns
        -------
        pandas.DataFrame
            symbol, base, quote, contract_type, status text; listed_at, delisted_at
            datetime64[ns, UTC]; status_source, listed_at_source, delisted_at_source text.
        """
        self._check_open()
        with new_call():
            found = self._loop.run(load_universe(self._session, market_type, refresh=refresh))
        return universe_frame(found, at)

    def _query(self, request: Request) -> MarketData:
        with new_call():
            return self._answer(request)

    def _answer(self, request: Request) -> MarketData:
        call = self._open(request)
        self._fetch(call)
        return finish(call, self._settings.config.defaults.on_gaps)

    def _fetch(self, call: Call) -> None:
        if not call.is_answered:
            self._loop.run(call.fetch())

    def _start(self) -> None:
        super()._start()
        self._pid = os.getpid()
        self._loop = LoopThread()

    def _check_open(self) -> None:
        super()._check_open()
        if self._pid != os.getpid():
            # Threads do not survive a fork: the child makes its own loop and connections.
            self._start()
