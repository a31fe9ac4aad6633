"""The cache as the other rooms see it: read, write, fold, and questions about a series."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Final

from dsm_core.cache.admin import CachedSeries, SeriesLedger, list_ledgers, list_series, verify_files
from dsm_core.cache.clear import Cleared, clear_documents, clear_series
from dsm_core.cache.damaged import list_damaged, set_aside_files
from dsm_core.cache.disk import check_inside, make_folder
from dsm_core.cache.documents import CachedDocument, list_documents
from dsm_core.cache.exclusive import exclusive
from dsm_core.cache.folder import SeriesFolder
from dsm_core.cache.lost import find_lost
from dsm_core.cache.merge import CacheBatch, changes_by_period
from dsm_core.cache.paths import series_folder
from dsm_core.cache.period import coarse_kind, periods_in
from dsm_core.cache.read import CachedRows, Series, has_rows, read_span, set_aside
from dsm_core.cache.report import Report, unavailable, warn
from dsm_core.cache.write import SeriesWriter
from dsm_core.errors import CacheUnavailableError, SchemaMismatchError
from dsm_core.events import EventBus
from dsm_core.model.coverage import NOT_FETCHED, provisional
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import empty_table, times_of

__all__ = ["CacheStore"]

_NOBODY: Final = "nobody"
_FOREVER: Final = TimeRange(-(2**63), 2**63 - 1)
_MAX_KNOWN: Final = 4096


class CacheStore:
    """A folder of cache files, shared by any number of threads and processes.

    Parameters
    ----------
    root
        The cache's folder; made at the first write.
    read_from
        More caches, looked into in order for what the first one does not know; never written.
    bus
        Gets :class:`~dsm_core.events.CacheWritten` for each file that was replaced.
    """

    def __init__(self, root: Path, *, read_from: Sequence[Path] = (), bus: EventBus | None = None) -> None:
        self.root = Path(root)
        self._root = os.path.abspath(root)
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
        self._want_lost(key, schema, reports)
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
            _check_rows(batch, schema)
        refused: list[Report] = []
        with unavailable(self._root):
            self._update(key, schema, batches, now, refused)
        self._want_lost(key, schema, refused)
        warn(refused)

    def fold(self, key: SeriesKey, schema: ChartSchema, *, now: int) -> int:
        """Join the files of periods that closed before ``now``; gives how many periods that were."""
        refused: list[Report] = []
        with unavailable(self._root):
            folded = self._update(key, schema, (), now, refused)
        self._want_lost(key, schema, refused)
        warn(refused)
        return folded

    def has_rows_before(self, key: SeriesKey, schema: ChartSchema, t: int) -> bool:
        """Whether the series has a row before ``t``, UTC nanoseconds."""
        return self._has_rows(key, schema, TimeRange(_FOREVER.start, t), latest_first=True)

    def has_rows_after(self, key: SeriesKey, schema: ChartSchema, t: int) -> bool:
        """Whether the series has a row at or after ``t``, UTC nanoseconds."""
        return self._has_rows(key, schema, TimeRange(t, _FOREVER.end), latest_first=False)

    def ls(self) -> list[CachedSeries]:
        """Summary of each series, from what its files tell of themselves."""
        with unavailable(self._root):
            return list_series(self._root)

    def damaged(self) -> list[CachedSeries]:
        """Each series that has files and none that can serve; it is not in :meth:`ls`."""
        with unavailable(self._root):
            return list_damaged(self._root)

    def documents(self) -> list[CachedDocument]:
        """Facts kept beside the series, such as the symbols of a market."""
        with unavailable(self._root):
            return list(list_documents(self._root))

    def ledgers(self, keep: Callable[[SeriesKey], bool] = lambda _: True) -> Iterator[SeriesLedger]:
        """What is known of each series that ``keep`` likes, by path; of the other caches nothing.

        Files tell it of themselves and are not checked; rows are read only to count those of a
        file that several sources filled.

        Raises
        ------
        CacheUnavailableError
            When the folder cannot be read.
        """
        with unavailable(self._root):
            yield from list_ledgers(self._root, keep)

    def periods(self, key: SeriesKey, schema: ChartSchema) -> list[TimeRange]:
        """Stretches of time, each a closed file's long, in which the series has files; none is opened.

        Ascending, those of ``read_from`` included. Reading a series so, memory holds one at a time.
        """
        with unavailable(self._root):
            found = {s.folder.coarse_of(p) for s in self._all(key, schema) for p in s.folder.periods()}
        return [period.span for period in sorted(found)]

    def verify(self) -> Iterator[tuple[Path, str | None]]:
        """Check every byte of every file: its path, and what is wrong or None."""
        with unavailable(self._root):
            yield from verify_files(self._root)

    def set_aside(self) -> list[Path]:
        """Files that could not serve and were moved out of the way; removing them harms nothing."""
        with unavailable(self._root):
            return [Path(path) for path in set_aside_files(self._root)]

    def clear(self, keep: Callable[[SeriesKey], bool] = lambda _: False) -> Cleared:
        """Remove every series that ``keep`` does not like, under the locks that writers take.

        Files set aside go with their series, and so does one that is all damaged. Links are not
        followed, and nothing that the cache did not write is removed.

        Raises
        ------
        CacheUnavailableError
            When a file cannot be removed, or another writer keeps its period too long.
        """
        with unavailable(self._root):
            return clear_series(self._root, keep)

    def clear_documents(self, keep: Callable[[str], bool] = lambda _: False) -> Cleared:
        """Remove every document whose name ``keep`` does not like; what is asked again is fetched anew.

        Raises
        ------
        CacheUnavailableError
            When a file cannot be removed.
        """
        with unavailable(self._root):
            return clear_documents(self._root, keep)

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
        if changes:
            make_folder(folder.path)
        check_inside(self._root, folder.path)
        names = folder.names()
        unfolded = folder.unfolded(names, now)
        writer = SeriesWriter(series, now, self._bus.emit, refused.append)
        for coarse in sorted(unfolded | changes.keys()):
            writer.update(coarse, changes.get(coarse, ()), names)
        for coarse in folder.littered(names) - unfolded - changes.keys():
            writer.sweep(coarse, names)
        return len(unfolded)

    def _want_lost(self, key: SeriesKey, schema: ChartSchema, reports: Sequence[Report]) -> None:
        """Write down what damaged files held, where nothing else is known of it."""
        for lost in find_lost(reports):
            span, ranges = lost.period.span, lost.told
            if ranges is None:
                # Nobody knows how much of the period there was, but in the middle of the series.
                inside = self.has_rows_before(key, schema, span.start)
                inside = inside and self.has_rows_after(key, schema, span.end)
                ranges = RangeSet.of(span) if inside else RangeSet()
            ranges = ranges - self.read(key, schema, span, columns=[]).ledger.ranges()
            if ranges:
                entries = provisional(ranges, _NOBODY, NOT_FETCHED, span.end)
                batch = CacheBatch(table=empty_table(schema), entries=entries)
                with suppress(CacheUnavailableError):
                    # As of the period's end, so that the note has a file of its kind.
                    self.write(key, schema, [batch], now=span.end)

    def _has_rows(self, key: SeriesKey, schema: ChartSchema, span: TimeRange, *, latest_first: bool) -> bool:
        with unavailable(self._root):
            return any(has_rows(s, span, latest_first=latest_first) for s in self._all(key, schema))


def _check_rows(batch: CacheBatch, schema: ChartSchema) -> None:
    times = times_of(batch.table, schema) if batch.table.schema.equals(schema.arrow()) else None
    least = 0 if schema.key else 1
    if times is None or not (times[1:] - times[:-1] >= least).all():
        raise SchemaMismatchError(
            f"Rows to be cached are not in the schema {schema.name}, sorted and unique.",
            hint="Bring them through conform() first.",
        )
