"""Series whose files are all damaged: what is left of them, told by their folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from dsm_core.cache.admin import CachedSeries, cache_files
from dsm_core.cache.file import SUFFIX, Unusable, peek
from dsm_core.cache.folder import RESTATED
from dsm_core.cache.header import Header
from dsm_core.cache.paths import series_folder, unescape
from dsm_core.cache.period import parse_period
from dsm_core.errors import RequestError
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, MarketType
from dsm_core.model.series import SeriesKey, option_pairs

__all__ = ["folder_key", "is_set_aside", "list_damaged", "set_aside_files", "told_key"]

_LEVELS = 5
_NOTES = (".corrupt", ".newer", ".outdated", RESTATED)


def set_aside_files(root: str) -> Iterator[str]:
    """Files that were damaged, too old or too new, and were moved out of the way."""
    for folder, folders, names in os.walk(root):
        depth = os.path.relpath(folder, root).count(os.sep) + 1
        if depth == _LEVELS:
            folders.clear()
            yield from (os.path.join(folder, n) for n in sorted(names) if is_set_aside(n))
        folders.sort()


def is_set_aside(name: str) -> bool:
    """Whether a file's name says so."""
    period, found, rest = name.partition(SUFFIX)
    return bool(found) and parse_period(period) is not None and rest.startswith(_NOTES)


def list_damaged(root: str) -> list[CachedSeries]:
    """Each series that has files and none that can serve, by path; it has no rows.

    One that a newer DSM wrote is whole, and not among them.
    """
    folders: dict[str, list[str]] = {}
    for path in chain(cache_files(root), set_aside_files(root)):
        folders.setdefault(os.path.dirname(path), []).append(path)
    found = (_damaged(folder, paths) for folder, paths in sorted(folders.items()))
    return [series for series in found if series is not None]


def _damaged(folder: str, paths: list[str]) -> CachedSeries | None:
    sizes = []
    for path in paths:
        try:
            if not (is_set_aside(os.path.basename(path)) or _is_broken(path)):
                return None
            sizes.append(os.stat(path).st_size)
        except FileNotFoundError:
            continue
    key = told_key(folder) or folder_key(folder)
    if key is None or not sizes:
        return None
    return CachedSeries(
        key=key, path=Path(folder), files=len(sizes), rows=0, bytes=sum(sizes), first=None, last=None
    )


def _is_broken(path: str) -> bool:
    told = peek(path)
    return isinstance(told, Unusable) and told.why != "newer"


def told_key(folder: str) -> SeriesKey | None:
    """The series that a folder is for; None where its name was shortened and no file in it knows it any more.

    Files know names in full, those set aside too, but may lie wrong: the folder's path has the last word.
    """
    place = folder.split(os.sep)[-_LEVELS:]
    keys = (*(header.key for header in _headers(folder)), folder_key(folder))
    return next((key for key in keys if key is not None and series_folder(key).split("/") == place), None)


def _headers(folder: str) -> Iterator[Header]:
    with suppress(OSError):
        for name in sorted(os.listdir(folder)):
            if name.endswith(SUFFIX) or is_set_aside(name):
                with suppress(OSError):
                    told = peek(os.path.join(folder, name))
                    if isinstance(told, Header):
                        yield told


def folder_key(folder: str) -> SeriesKey | None:
    """Series of a folder; a symbol too long for a folder's name is given as it stands there."""
    provider, market, chart, symbol, last = folder.split(os.sep)[-_LEVELS:]
    interval, *options = last.split(";")
    try:
        pairs = (pair.split("=", 1) for pair in options)
        return SeriesKey(
            provider=_read(provider),
            market_type=MarketType(_read(market)),
            chart_type=ChartType(_read(chart)),
            symbol=_read(symbol),
            interval=None if interval == "all" else Interval(interval),
            options=option_pairs({_read(name): _read(value) for name, value in pairs}),
        )
    except (RequestError, ValueError):
        return None


def _read(name: str) -> str:
    try:
        return unescape(name)
    except ValueError:
        return name
