"""Reading a series: open what overlaps the span, let newer files win, slice, and put in a row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from attrs import field, frozen

from dsm_core.cache.file import SUFFIX, CacheFile, Unusable
from dsm_core.cache.folder import Found, SeriesFolder
from dsm_core.cache.in_use import mark_used
from dsm_core.cache.opened import OPENED
from dsm_core.cache.period import parse_period
from dsm_core.errors import CacheUnavailableError
from dsm_core.model.coverage import Ledger, LedgerEntry
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import empty_table

__all__ = ["CachedRows", "Piece", "Series", "View", "claims", "has_rows", "look", "read_span", "set_aside"]

_ATTEMPTS: Final = 20
_SOON_S: Final = 1.0


@frozen(kw_only=True)
class CachedRows:
    """What the cache has of a span.

    Parameters
    ----------
    table
        Rows inside the span: the index and the columns asked for.
    ledger
        What is known of the span, cut to it.
    damaged
        Files that could not serve; their ranges are gaps.
    """

    table: pa.Table
    ledger: Ledger
    damaged: tuple[Path, ...] = ()


@frozen
class Series:
    """A series below one root: its folder, key and schema."""

    folder: SeriesFolder
    key: SeriesKey
    schema: ChartSchema

    def open(self, found: Found) -> CacheFile | Unusable:
        """Open a file that was found; ``FileNotFoundError`` when it vanished since."""
        return OPENED.get(found.path, found.version, found.period, self.key, self.schema)


@frozen
class Piece:
    """``[start, end)`` of a series, which one file answers."""

    start: int
    end: int
    file: CacheFile

    @property
    def rows(self) -> tuple[int, int]:
        """First row inside, and first row after."""
        times = self.file.times
        first, after = np.searchsorted(times, (self.start, self.end)) if len(times) else (0, 0)
        return int(first), int(after)

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """What the file knows of the piece."""
        return self.file.header.ledger.within(TimeRange(self.start, self.end)).entries


@frozen
class View:
    """Disjoint pieces in order, and the files that could not serve."""

    pieces: tuple[Piece, ...] = ()
    unusable: tuple[Unusable, ...] = field(default=())


def look(series: Series, span: TimeRange, *, is_use: bool = False) -> View:
    """Pieces that answer ``span``, from one moment at which no file was missing.

    Parameters
    ----------
    is_use
        Whether their files count as used.

    Raises
    ------
    CacheUnavailableError
        When files vanish faster than they can be opened.
    """
    for _ in range(_ATTEMPTS):
        try:
            found = series.folder.find(span)
            opened = [series.open(one) for one in found]
        except FileNotFoundError:
            continue
        for one in found if is_use else ():
            mark_used(one.path, one.used)
        files = [f for f in opened if isinstance(f, CacheFile)]
        unusable = tuple(f for f in opened if isinstance(f, Unusable))
        return View(tuple(claims(files, span)), unusable)
    raise CacheUnavailableError(
        f"The files of {series.key} kept vanishing while they were read.",
        hint="Another program may be removing them.",
        path=series.folder.path,
    )


def claims(files: Sequence[CacheFile], span: TimeRange) -> list[Piece]:
    """Which file answers which part of ``span``: where periods overlap, the newer write.

    Parameters
    ----------
    files
        Ordered by the start of their periods.
    """
    if all(a.period.end <= b.period.start for a, b in pairwise(files)):
        return [Piece(max(f.period.start, span.start), min(f.period.end, span.end), f) for f in files]
    free = RangeSet.of(span)
    pieces: list[Piece] = []
    for file in sorted(files, key=lambda f: (-f.header.generation, -f.period.kind)):
        mine = RangeSet.of(file.period.span)
        pieces += [Piece(r.start, r.end, file) for r in free & mine]
        free = free - mine
    return sorted(pieces, key=lambda p: p.start)


def read_span(
    series: Series, others: Iterable[Series], span: TimeRange, columns: Sequence[str] | None
) -> tuple[CachedRows, tuple[Unusable, ...]]:
    """Rows and ledger of ``span``; ``others`` are asked, in order, for what is not known yet."""
    view = look(series, span, is_use=True)
    pieces, unusable = list(view.pieces), list(view.unusable)
    ledger = (
        Ledger.of(e for p in pieces for e in p.entries) if len(pieces) != 1 else Ledger(pieces[0].entries)
    )
    for other in others:
        lacking = RangeSet.of(span) - ledger.ranges(lambda e: e.state != "provisional")
        if not lacking:
            break
        more = look(other, span)
        unusable += more.unusable
        added = [Piece(r.start, r.end, p.file) for p in more.pieces for r in _parts(p, lacking)]
        pieces = sorted((q for p in pieces for q in _without(p, added)), key=lambda p: p.start)
        pieces = sorted((*pieces, *added), key=lambda p: p.start)
        ledger = Ledger.of(e for p in added for e in p.entries).overlay(ledger)
    damaged = tuple(Path(u.path) for u in unusable if u.why == "damaged")
    table = _table(pieces, series.schema, columns)
    return CachedRows(table=table, ledger=ledger, damaged=damaged), tuple(unusable)


def has_rows(series: Series, span: TimeRange, *, latest_first: bool) -> bool:
    """Whether the series has a row inside ``span``; opens the fewest files that can tell."""
    periods = {series.folder.coarse_of(f.period) for f in series.folder.find(span)}
    for period in sorted(periods, reverse=latest_first):
        part = TimeRange(max(period.start, span.start), min(period.end, span.end))
        if any(first < after for first, after in (p.rows for p in look(series, part).pieces)):
            return True
    return False


def set_aside(series: Series, file: Unusable) -> str | None:
    """Rename a damaged file of the series' own folder; gives its new path.

    Under the lock the file is opened once more: a writer may have replaced it meanwhile. Where
    the folder cannot be written the file stays, and stays a gap.
    """
    folder = series.folder
    period = parse_period(os.path.basename(file.path)[: -len(SUFFIX)])
    if file.why != "damaged" or period is None or os.path.dirname(file.path) != folder.path:
        return None
    with suppress(OSError, CacheUnavailableError), folder.lock(folder.coarse_of(period), _SOON_S):
        found = folder.probe(period)
        if found is not None and isinstance(series.open(found), Unusable):
            return folder.set_aside(file)
    return None


def _parts(piece: Piece, ranges: RangeSet) -> RangeSet:
    return RangeSet.from_pairs([(piece.start, piece.end)]) & ranges


def _without(piece: Piece, added: list[Piece]) -> list[Piece]:
    taken = RangeSet.from_pairs((p.start, p.end) for p in added)
    return [Piece(r.start, r.end, piece.file) for r in RangeSet.of(TimeRange(piece.start, piece.end)) - taken]


def _table(pieces: Iterable[Piece], schema: ChartSchema, columns: Sequence[str] | None) -> pa.Table:
    parts: list[pa.Table] = []
    for piece in pieces:
        first, after = piece.rows
        if first < after:
            parts.append(piece.file.table.slice(first, after - first))
    table = parts[0] if len(parts) == 1 else pa.concat_tables(parts) if parts else empty_table(schema)
    if columns is None:
        return table
    return table.select([schema.index, *(c for c in columns if c != schema.index)])
