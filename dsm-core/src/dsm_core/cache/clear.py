"""Removing whole series, one period at a time, so that no writer is caught half way; and documents."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from attrs import frozen

from dsm_core.cache.admin import CachedSeries, list_series
from dsm_core.cache.damaged import is_set_aside, list_damaged
from dsm_core.cache.disk import check_inside, remove_empty_folders
from dsm_core.cache.documents import files_of, list_documents, sweep_dead
from dsm_core.cache.file import SUFFIX, is_newer
from dsm_core.cache.folder import SeriesFolder
from dsm_core.cache.in_use import unmarked
from dsm_core.cache.period import Period, kind_of_interval, parse_period
from dsm_core.model.series import SeriesKey

__all__ = ["Cleared", "clear_documents", "clear_series"]

_LOCK = ".lock"


@frozen(kw_only=True)
class Cleared:
    """What was removed: how many series and documents, their files (set aside ones too) and bytes.

    ``newer`` counts files that a newer DSM wrote: they were left where they are.
    """

    series: int = 0
    documents: int = 0
    files: int = 0
    bytes: int = 0
    newer: int = 0


def clear_series(root: str, keep: Callable[[SeriesKey], bool]) -> Cleared:
    """Remove every series that ``keep`` does not like, its folder too; one that is all damaged as well.

    Raises
    ------
    CacheUnavailableError
        When a folder leads out of ``root``, or another writer keeps a period too long.
    """
    series = files = size = newer = 0
    for held in (*list_series(root), *list_damaged(root)):
        if keep(held.key):
            continue
        check_inside(root, str(held.path))
        removed, left = _remove(held)
        series, files, size = series + 1, files + len(removed), size + sum(removed)
        newer += left
        _tidy(root, str(held.path))
    return Cleared(series=series, files=files, bytes=size, newer=newer)


def clear_documents(root: str, keep: Callable[[str], bool]) -> Cleared:
    """Remove every document whose name ``keep`` does not like, with what its writers left.

    Raises
    ------
    CacheUnavailableError
        When a folder leads out of ``root``.
    """
    documents = files = size = 0
    for held in list_documents(root):
        if keep(held.name):
            continue
        folder = str(held.path.parent)
        check_inside(root, folder)
        documents, size = documents + 1, size + held.bytes
        with suppress(FileNotFoundError), unmarked(folder) as is_free:
            own, *left = files_of(held)
            with suppress(FileNotFoundError):
                os.unlink(own)
                files += 1
            # A live writer's temporary is its own.
            files += sum(sweep_dead(path, however_young=bool(is_free)) for path in left)
        _tidy(root, folder)
    return Cleared(documents=documents, files=files, bytes=size)


def _remove(held: CachedSeries) -> tuple[list[int], int]:
    """Remove a series' files period by period; gives the size of each, and how many a newer DSM wrote."""
    folder = SeriesFolder(str(held.path), kind_of_interval(held.key.interval))
    sizes: list[int] = []
    newer = 0
    for coarse in sorted(_periods(folder)):
        with folder.lock(coarse):
            for name in _of_period(folder, coarse):
                path = os.path.join(folder.path, name)
                if path.endswith(SUFFIX) and is_newer(path):
                    newer += 1
                    continue
                with suppress(FileNotFoundError):
                    sizes.append(os.lstat(path).st_size)
                folder.remove(path)
            # Removed while it is held: whoever waits for it finds the name gone, and makes a new one.
            with suppress(OSError):
                os.unlink(os.path.join(folder.path, f".{coarse.name}{_LOCK}"))
    return sizes, newer


def _periods(folder: SeriesFolder) -> set[Period]:
    return {coarse for name in folder.names() if (coarse := _coarse_of(folder, name)) is not None}


def _of_period(folder: SeriesFolder, coarse: Period) -> list[str]:
    mine = (n for n in folder.names() if not n.endswith(_LOCK) and _coarse_of(folder, n) == coarse)
    return list(mine)


def _coarse_of(folder: SeriesFolder, name: str) -> Period | None:
    """The coarse period whose lock guards a file; None for a file that is not the cache's own."""
    if name.startswith("."):
        # Locks and temporaries are named after the coarse period itself.
        period = parse_period(name.split(".")[1])
        return period if period is not None and period.kind == folder.coarse else None
    if not (name.endswith(SUFFIX) or is_set_aside(name)):
        return None
    period = parse_period(name.partition(SUFFIX)[0])
    return None if period is None or period.kind < folder.coarse else folder.coarse_of(period)


def _tidy(root: str, path: str) -> None:
    """Remove what is empty now, unless somebody is at work there."""
    with suppress(FileNotFoundError), unmarked(path) as is_free:
        if is_free is not False:
            remove_empty_folders(root, path)
