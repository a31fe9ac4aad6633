"""What the cache holds: a summary of each series, what is known of it, and a check of each file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from attrs import frozen

from dsm_core.cache.disk import open_quietly
from dsm_core.cache.file import SUFFIX, Unusable, decode, peek
from dsm_core.cache.header import Header
from dsm_core.cache.paths import series_folder
from dsm_core.cache.period import Period, parse_period
from dsm_core.model.coverage import Ledger, LedgerEntry
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet

__all__ = [
    "CachedSeries",
    "SeriesLedger",
    "cache_files",
    "list_ledgers",
    "list_series",
    "problem_of",
    "verify_files",
]

_LEVELS: Final = 5
_ATTEMPTS: Final = 5


@frozen(kw_only=True)
class CachedSeries:
    """Summary of one series.

    ``first`` and ``last`` are the index of the first and last row, UTC nanoseconds; None when the
    series has no row. ``bytes`` counts its files as they are on disk.
    """

    key: SeriesKey
    path: Path
    files: int
    rows: int
    bytes: int
    first: int | None
    last: int | None


@frozen(kw_only=True)
class SeriesLedger:
    """Summary of one series, all that is known of it, and how many rows came from which source.

    ``rows_by_source`` leaves out what a newer write superseded, so its sum can be below the
    summary's ``rows`` while the leftovers of a fold cut short are still there.
    """

    summary: CachedSeries
    ledger: Ledger
    rows_by_source: dict[str, int]


def list_series(root: str) -> list[CachedSeries]:
    """Summary of every series, by path, from what the files tell of themselves."""
    found = []
    for folder, paths in groupby(cache_files(root), key=os.path.dirname):
        told = [facts for path in paths if (facts := _told(path)) is not None]
        if told:
            found.append(_summary(folder, told))
    return found


def list_ledgers(root: str, keep: Callable[[SeriesKey], bool]) -> Iterator[SeriesLedger]:
    """Each series that ``keep`` likes, by path, from what its files tell of themselves."""
    for folder, paths in groupby(cache_files(root), key=os.path.dirname):
        found = list(paths)
        for _ in range(_ATTEMPTS):
            try:
                known = _series_ledger(folder, found, keep)
            except FileNotFoundError:
                # A fold replaced what was listed: look again.
                found = list(cache_files(folder, _LEVELS))
                continue
            if known is not None:
                yield known
            break


def verify_files(root: str) -> Iterator[tuple[Path, str | None]]:
    """Every file, with what is wrong with it, or None; nothing is changed."""
    for path in cache_files(root):
        with suppress(FileNotFoundError):
            yield Path(path), problem_of(root, path)


def problem_of(root: str, path: str) -> str | None:
    """What is wrong with one file, or None; ``FileNotFoundError`` when it is gone."""
    with open_quietly(path) as file:
        result = decode(path, pa.py_buffer(file.read()))
    if isinstance(result, Unusable):
        return result.problem
    told = result[0]
    place = os.path.join(root, *series_folder(told.key).split("/"), told.period + SUFFIX)
    return None if path == place else f"it holds {told.period} of {told.key}"


def _told(path: str) -> tuple[Header, int] | None:
    """Header and size of a file; None when it cannot be used or is gone."""
    try:
        header = peek(path)
        return (header, os.stat(path).st_size) if isinstance(header, Header) else None
    except FileNotFoundError:
        return None


def _summary(folder: str, told: list[tuple[Header, int]]) -> CachedSeries:
    headers = [header for header, _ in told]
    return CachedSeries(
        key=headers[0].key,
        path=Path(folder),
        files=len(headers),
        rows=sum(h.rows for h in headers),
        bytes=sum(size for _, size in told),
        first=min((h.first for h in headers if h.first is not None), default=None),
        last=max((h.last for h in headers if h.last is not None), default=None),
    )


@frozen
class _Told:
    """A file's path and period, and what it tells."""

    path: str
    period: Period
    header: Header


def _series_ledger(
    folder: str, paths: Sequence[str], keep: Callable[[SeriesKey], bool]
) -> SeriesLedger | None:
    told: list[_Told] = []
    for path in paths:
        header, period = peek(path), parse_period(os.path.basename(path)[: -len(SUFFIX)])
        if isinstance(header, Unusable) or period is None or header.period != period.name:
            continue
        if not told and not keep(header.key):
            return None
        if not told or header.key == told[0].header.key:
            told.append(_Told(path, period, header))
    if not told:
        return None
    entries: list[LedgerEntry] = []
    rows: dict[str, int] = {}
    for file, mine in _shares(told):
        share = [e for r in mine for e in file.header.ledger.within(r)]
        for source, count in _rows_by_source(file, share, whole=mine.span == file.period.span).items():
            rows[source] = rows.get(source, 0) + count
        entries += share
    summary = _summary(folder, [(file.header, os.stat(file.path).st_size) for file in told])
    return SeriesLedger(summary=summary, ledger=Ledger.of(entries), rows_by_source=rows)


def _shares(files: Sequence[_Told]) -> Iterator[tuple[_Told, RangeSet]]:
    """What each file answers: where periods overlap, the newer write, as for a reader."""
    by_start = sorted(files, key=lambda f: f.period.start)
    if all(a.period.end <= b.period.start for a, b in pairwise(by_start)):
        yield from ((file, RangeSet.of(file.period.span)) for file in by_start)
        return
    taken = RangeSet()
    for file in sorted(files, key=lambda f: (-f.header.generation, -f.period.kind)):
        mine = RangeSet.of(file.period.span)
        yield file, mine - taken
        taken = taken | mine


def _rows_by_source(file: _Told, entries: Sequence[LedgerEntry], *, whole: bool) -> dict[str, int]:
    """Rows of a file by source; its rows are read only where its header cannot tell."""
    vouched = [e for e in entries if e.state == "rows"]
    if whole and len({e.source for e in vouched}) == 1:
        return {vouched[0].source: file.header.rows}
    if not vouched or not file.header.rows:
        return {}
    with open_quietly(file.path) as opened:
        found = decode(file.path, pa.py_buffer(opened.read()))
    if isinstance(found, Unusable):
        return {}
    times = np.asarray(found[1].column(0).combine_chunks().cast(pa.int64()))
    rows: dict[str, int] = {}
    for entry in vouched:
        first, after = np.searchsorted(times, (entry.start, entry.end)).tolist()
        rows[entry.source] = rows.get(entry.source, 0) + after - first
    return rows


def cache_files(root: str, level: int = 0) -> Iterator[str]:
    """Paths of cache files five folders down, sorted; symbolic links are not followed."""
    try:
        with os.scandir(root) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if level < _LEVELS and entry.is_dir(follow_symlinks=False):
            yield from cache_files(entry.path, level + 1)
        elif level == _LEVELS and entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False):
            yield entry.path
