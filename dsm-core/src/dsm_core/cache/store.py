"""The cache as the other rooms see it: read, write, fold, and questions about a series."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from dsm_core.cache.disk import check_inside
from dsm_core.cache.exclusive import exclusive
from dsm_core.cache.folder import SeriesFolder
from dsm_core.cache.holdings import Holdings
from dsm_core.cache.in_use import MARKS
from dsm_core.cache.limit import SizeLimit
from dsm_core.cache.lost import Lost, drop_restated, find_left, find_lost, put_away
from dsm_core.cache.merge import CacheBatch, changes_by_period, check_rows
from dsm_core.cache.paths import series_folder
from dsm_core.cache.period import coarse_kind, periods_in
from dsm_core.cache.read import CachedRows, Series, has_rows, read_span, set_aside
from dsm_core.cache.report import Report, unavailable, warn
from dsm_core.cache.write import SeriesWriter
from dsm_core.errors import CacheUnavailableError
from dsm_core.events import CacheWritten, EventBus
from dsm_core.model.coverage import NOT_FETCHED, provisional
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import empty_table

__all__ = ["CacheStore"]

_NOBODY: Final = "nobody"
_FOREVER: Final = TimeRange(-(2**63), 2**63 - 1)
_MAX_KNOWN: Final = 4096


class CacheStore(Holdings):
    """A folder of cache files, shared by any number of threads and processes.

    Parameters
    ----------
    root
        The cache's folder; made at the first write.
    read_from
        More caches, looked into in order for what the first one does not know; never written.
    bus
        Gets :class:`~dsm_core.events.CacheWritten` for each file that was replaced.
    max_bytes
        Most bytes that the first one may hold: after a write, what was used longest ago goes. None is no
        limit.
    """

    def __init__(
        self,
        root: Path,
        *,
        read_from: Sequence[Path] = (),
        bus: EventBus | None = None,
        max_bytes: int | None = None,
    ) -> None:
        super().__init__(root)
        self._limit = SizeLimit(self._root, max_bytes)
        self._others = tuple(os.path.abspath(other) for other in read_from)
        self._bus = bus or EventBus()
        self._known: dict[tuple[str, SeriesKey], Series] = {}

    def read(
        self,
        key: SeriesKey,
        schema: ChartSchema,
        span: TimeRange,
        *,
        columns: Sequence[str] | None = None,
        own: bool = False,
    ) -> CachedRows:
        """Rows and ledger of ``span``; nothing is copied where one file answers.

        Damaged files are set aside and reported once, with a :class:`CacheWarning`; their ranges
        are gaps.

        Parameters
        ----------
        columns
            Columns wanted beside the index; None is all.
        own
            Leave the read-only caches out.

        Raises
        ------
        CacheUnavailableError
            When the folder cannot be read.
        """
        with unavailable(self._root):
            series, *others = self._all(key, schema)
            rows, unusable = read_span(series, () if own else others, span, columns)
            reports = [Report(file, set_aside(series, file)) for file in unusable]
        self._want(key, schema, find_lost(reports))
        warn(reports)
        return rows

    def write(self, key: SeriesKey, schema: ChartSchema, batches: Sequence[CacheBatch], *, now: int) -> None:
        """Keep answers, each touched file rewritten once; fold periods that have closed.

        Parameters
        ----------
        batches
            Later ones win. Inside entries with state ``rows`` their rows replace the old ones;
            absences remove nothing.
        now
            UTC nanoseconds; decides which periods are open.

        Raises
        ------
        CacheUnavailableError
            When the disk is full, the folder is read-only or leads elsewhere. Periods written
            before it happened are kept.
        SchemaMismatchError
            When a table is not in the schema, sorted and unique. Events with a key may share times.
        """
        for batch in batches:
            check_rows(batch, schema)
        refused: list[Report] = []
        with unavailable(self._root):
            self._update(key, schema, batches, now, refused)
        self._want(key, schema, find_lost(refused))
        warn(refused)
        self._limit.keep()

    def fold(self, key: SeriesKey, schema: ChartSchema, *, now: int) -> int:
        """Join the files of periods that closed before ``now``; gives how many periods that were."""
        refused: list[Report] = []
        with unavailable(self._root):
            folded = self._update(key, schema, (), now, refused)
        self._want(key, schema, find_lost(refused))
        warn(refused)
        return folded

    def has_rows_before(self, key: SeriesKey, schema: ChartSchema, t: int) -> bool:
        """Whether the series has a row before ``t``, UTC nanoseconds."""
        return self._has_rows(key, schema, TimeRange(_FOREVER.start, t), latest_first=True)

    def has_rows_after(self, key: SeriesKey, schema: ChartSchema, t: int) -> bool:
        """Whether the series has a row at or after ``t``, UTC nanoseconds."""
        return self._has_rows(key, schema, TimeRange(t, _FOREVER.end), latest_first=False)

    def periods(self, key: SeriesKey, schema: ChartSchema) -> list[TimeRange]:
        """Stretches of time, each a closed file's long, in which the series has files; none is opened.

        Ascending, those of ``read_from`` included. Reading a series so, memory holds one at a time.
        """
        with unavailable(self._root):
            found = {s.folder.coarse_of(p) for s in self._all(key, schema) for p in s.folder.periods()}
        return [period.span for period in sorted(found)]

    @contextmanager
    def using(self, *keys: SeriesKey) -> Iterator[None]:
        """Keep eviction, by whatever process, away from these series for a while."""
        with ExitStack() as stack:
            for key in keys:
                folder = os.path.join(self._root, *series_folder(key).split("/"))
                stack.enter_context(MARKS.using(self._root, folder))
            yield

    def make_room(self) -> str | None:
        """Keep to the limit, once what was in use no longer is; where nothing is due, this costs nothing.

        Gives, and warns of once, why files that were used or written within the hour had to go, if they had.
        """
        self._limit.keep(is_idle=MARKS.is_idle)
        return self._limit.tell()

    def put_away(self, key: SeriesKey, schema: ChartSchema) -> None:
        """Let nothing that is kept of a series serve any more, until :meth:`drop_put_away`.

        Were that never called, :meth:`want_lost` finds what was put away.

        Raises
        ------
        CacheUnavailableError
            When a file cannot be moved, or another writer keeps its period too long.
        """
        with unavailable(self._root):
            series = self._series(self._root, key, schema)
            check_inside(self._root, series.folder.path)
            put_away(series)

    def drop_put_away(self, key: SeriesKey, schema: ChartSchema) -> None:
        """Remove what was put away, once it has been replaced.

        Raises
        ------
        CacheUnavailableError
            When a file cannot be removed.
        """
        with unavailable(self._root):
            drop_restated(self._series(self._root, key, schema).folder)

    def mend(self, key: SeriesKey, schema: ChartSchema) -> None:
        """Read what is kept of a series as a call would: what is damaged goes aside, what it held is wanted.

        Raises
        ------
        CacheUnavailableError
            When the folder cannot be read.
        """
        for span in self.periods(key, schema):
            self.read(key, schema, span, columns=[], own=True)
        self.want_lost(key, schema)

    def want_lost(self, key: SeriesKey, schema: ChartSchema) -> None:
        """Note as wanted what files held that were set aside by somebody who was killed before he noted it.

        Raises
        ------
        CacheUnavailableError
            When the folder cannot be read.
        """
        with unavailable(self._root):
            series = self._series(self._root, key, schema)
            check_inside(self._root, series.folder.path)
            left = find_left(series.folder)
        if left:
            self._want(key, schema, left)
            with suppress(CacheUnavailableError):
                self.drop_put_away(key, schema)

    def exclusive(self, key: SeriesKey) -> AbstractAsyncContextManager[None]:
        """Be the only task, of all processes, that is inside this for a series.

        It waits as long as the call's deadline allows. Readers and writers take no notice of it.

        Raises
        ------
        CacheUnavailableError
            When the folder cannot be written.
        SourceTimeoutError
            When another is inside until the deadline.
        """
        path = os.path.join(self._root, *series_folder(key).split("/"))
        check_inside(self._root, path)
        return exclusive(self._root, path)

    def _series(self, root: str, key: SeriesKey, schema: ChartSchema) -> Series:
        known = self._known.get((root, key))
        if known is not None and known.schema is schema:
            return known
        path = os.path.join(root, *series_folder(key).split("/"))
        check_inside(root, path)
        series = Series(SeriesFolder(path, coarse_kind(schema, key.interval)), key, schema)
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[root, key] = series
        return series

    def _all(self, key: SeriesKey, schema: ChartSchema) -> list[Series]:
        return [self._series(root, key, schema) for root in (self._root, *self._others)]

    def _update(
        self,
        key: SeriesKey,
        schema: ChartSchema,
        batches: Sequence[CacheBatch],
        now: int,
        refused: list[Report],
    ) -> int:
        """Bring batches in; gives how many closed periods were folded."""
        series = self._series(self._root, key, schema)
        folder = series.folder
        changes = changes_by_period(batches, schema, lambda span: periods_in(folder.coarse, span))
        with (MARKS.using_made if changes else MARKS.using)(self._root, folder.path):
            check_inside(self._root, folder.path)
            names = folder.names()
            unfolded = folder.unfolded(names, now)
            writer = SeriesWriter(series, now, self._written, refused.append)
            for coarse in sorted(unfolded | changes.keys()):
                writer.update(coarse, changes.get(coarse, ()), names)
            for coarse in folder.littered(names) - unfolded - changes.keys():
                writer.sweep(coarse, names)
        return len(unfolded)

    def _written(self, event: CacheWritten) -> None:
        self._limit.add(event.bytes_written)
        self._bus.emit(event)

    def _want(self, key: SeriesKey, schema: ChartSchema, found: Sequence[Lost]) -> None:
        """Write down what files held that serve no more, where nothing else is known of it."""
        for lost in found:
            known = self.read(key, schema, lost.period.span, columns=[]).ledger.ranges()
            ranges = lost.ranges(time.time_ns()) - known
            if ranges:
                at = lost.noted_at(self._series(self._root, key, schema).folder.coarse_of(lost.period))
                entries = provisional(ranges, _NOBODY, NOT_FETCHED, at)
                batch = CacheBatch(table=empty_table(schema), entries=entries)
                with suppress(CacheUnavailableError):
                    self.write(key, schema, [batch], now=at)

    def _has_rows(self, key: SeriesKey, schema: ChartSchema, span: TimeRange, *, latest_first: bool) -> bool:
        with unavailable(self._root):
            return any(has_rows(s, span, latest_first=latest_first) for s in self._all(key, schema))
