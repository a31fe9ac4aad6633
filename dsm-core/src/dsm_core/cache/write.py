"""Writing a series: one read-modify-write per touched file, and the fold of closed periods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from attrs import frozen

from dsm_core.cache.file import CacheFile, Unusable, encode
from dsm_core.cache.folder import Found
from dsm_core.cache.header import Header
from dsm_core.cache.merge import Change, Content, merged
from dsm_core.cache.period import Period, periods_in
from dsm_core.cache.read import Series, claims
from dsm_core.cache.report import Report
from dsm_core.errors import CacheUnavailableError
from dsm_core.events import CacheWritten
from dsm_core.model.time_range import TimeRange

__all__ = ["SeriesWriter"]


@frozen
class SeriesWriter:
    """Writes one series.

    Parameters
    ----------
    now
        UTC nanoseconds; which periods have closed.
    written
        Told of each file that was replaced.
    refused
        Told of each file that could not serve: it was set aside, or blocks its period when its
        format is newer.
    """

    series: Series
    now: int
    written: Callable[[CacheWritten], object]
    refused: Callable[[Report], object]

    def update(self, coarse: Period, changes: Sequence[Change], names: Iterable[str]) -> None:
        """Bring ``changes`` into the files of a coarse period; a closed one becomes one file.

        ``names`` were in the folder before; leftovers of dead writers among them are removed.
        """
        folder = self.series.folder
        with folder.lock(coarse):
            for leftover in folder.temporaries(coarse, names):
                folder.remove(leftover)
            files = self._open(coarse)
            if files is None:
                return
            whole = next((f for f in files if f.period == coarse), None)
            # Once a coarse file exists it is the only one written, also when the clock steps back:
            # so no fine file is ever newer than the coarse one.
            if whole is None and self.now < coarse.end:
                for target in self._touched(coarse, changes):
                    self._write(coarse, target, files, changes)
            else:
                self._fold(coarse, whole, files, changes)

    def sweep(self, coarse: Period, names: Iterable[str]) -> None:
        """Remove leftovers of dead writers, unless a live one is at work just now."""
        with suppress(CacheUnavailableError), self.series.folder.lock(coarse, timeout_s=0):
            for leftover in self.series.folder.temporaries(coarse, names):
                self.series.folder.remove(leftover)

    def _fold(
        self, coarse: Period, whole: CacheFile | None, files: list[CacheFile], changes: Sequence[Change]
    ) -> None:
        fine = [f for f in files if f.period != coarse]
        # Fine files older than the coarse one are leftovers of a fold cut short: it holds their rows.
        needed = [f for f in fine if whole is None or f.header.generation >= whole.header.generation]
        self._write(coarse, coarse, files, changes, always=bool(needed))
        for file in fine:
            self.series.folder.remove(file.path)

    def _touched(self, coarse: Period, changes: Sequence[Change]) -> list[Period]:
        spans = {(e.start, e.end) for change in changes for e in change.entries}
        fine = coarse.kind.finer
        return sorted({p for start, end in spans for p in periods_in(fine, TimeRange(start, end))})

    def _write(
        self,
        coarse: Period,
        target: Period,
        files: list[CacheFile],
        changes: Sequence[Change],
        always: bool = False,
    ) -> None:
        overlapping = [f for f in files if f.period.overlaps(target.start, target.end)]
        content = merged(target, claims(overlapping, target.span), changes, self.series.schema, always)
        if content is None:
            return
        generation = 1 + max((f.header.generation for f in overlapping), default=0)
        parts = encode(content.table, self._header(target, generation, content))
        path = self.series.folder.replace(coarse, target, parts)
        size = sum(map(len, parts))
        self.written(
            CacheWritten(series=str(self.series.key), path=path, rows=len(content.table), bytes_written=size)
        )

    def _header(self, target: Period, generation: int, content: Content) -> Header:
        rows = len(content.table)
        return Header(
            key=self.series.key,
            period=target.name,
            generation=generation,
            rows=rows,
            first=int(content.times[0]) if rows else None,
            last=int(content.times[-1]) if rows else None,
            ledger=content.ledger,
        )

    def _open(self, coarse: Period) -> list[CacheFile] | None:
        """What the period has; None when a file of a newer format is among it."""
        files: list[CacheFile] = []
        for found in self.series.folder.find_all(coarse):
            opened = self._open_one(found)
            if isinstance(opened, CacheFile):
                files.append(opened)
            elif opened is not None:
                blocked = opened.why == "newer"
                self.refused(Report(opened, None if blocked else self.series.folder.set_aside(opened)))
                if blocked:
                    return None
        return files

    def _open_one(self, found: Found) -> CacheFile | Unusable | None:
        try:
            return self.series.open(found)
        except FileNotFoundError:
            return None
