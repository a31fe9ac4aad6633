"""What the cache holds: a summary of each series, and a check of each file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyarrow as pa
from attrs import frozen

from dsm_core.cache.file import SUFFIX, Unusable, decode, peek
from dsm_core.cache.header import Header
from dsm_core.model.series import SeriesKey

__all__ = ["CachedSeries", "list_series", "verify_files"]

_LEVELS = 5


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


def list_series(root: str) -> list[CachedSeries]:
    """Summary of every series, by path, from what the files tell of themselves."""
    found = []
    for folder, paths in groupby(_files(root), key=os.path.dirname):
        told = [facts for path in paths if (facts := _told(path)) is not None]
        if told:
            found.append(_summary(folder, told))
    return found


def verify_files(root: str) -> Iterator[tuple[Path, str | None]]:
    """Every file, with what is wrong with it, or None; nothing is changed."""
    for path in _files(root):
        try:
            with open(path, "rb") as file:
                result = decode(path, pa.py_buffer(file.read()))
        except FileNotFoundError:
            continue
        if isinstance(result, Unusable):
            yield Path(path), result.problem
            continue
        name = os.path.basename(path)[: -len(SUFFIX)]
        told = result[0].period
        yield Path(path), None if told == name else f"it holds {told}"


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


def _files(root: str, level: int = 0) -> Iterator[str]:
    """Paths of cache files five folders down, sorted; symbolic links are not followed."""
    try:
        with os.scandir(root) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if level < _LEVELS and entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path, level + 1)
        elif level == _LEVELS and entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False):
            yield entry.path
