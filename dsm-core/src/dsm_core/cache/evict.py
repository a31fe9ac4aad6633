"""Making room: what was used longest ago goes first, and nothing that a running call of any process uses.

A file goes with its ledger, so that what it held is unknown from then on, and fetched when it is asked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from attrs import frozen

from dsm_core.cache.damaged import is_set_aside
from dsm_core.cache.disk import check_inside, remove_empty_folders, sync_folder
from dsm_core.cache.documents import files_of, list_documents
from dsm_core.cache.file import SUFFIX, is_newer
from dsm_core.cache.folder import SeriesFolder
from dsm_core.cache.in_use import TOUCH_NS, unmarked
from dsm_core.cache.period import Period, PeriodKind, kind_of_interval, parse_period
from dsm_core.errors import CacheUnavailableError, RequestError
from dsm_core.model.interval import Interval

__all__ = ["Pruned", "prune"]

_LEVELS: Final = 5
_NO_PERIOD: Final = 2**63
_NO_INTERVAL: Final = "all"
# Where it cannot be told what is in use: longer than a call takes, and than a record of use lags behind.
_RECENT_NS: Final = 2 * TOUCH_NS


@frozen(kw_only=True)
class Pruned:
    """What was removed, what stayed although it was due as somebody uses it, and what the cache holds now.

    ``recent`` are those of the removed files that were written or used within the hour: the cache has less
    room than what is being done needs.
    """

    files: int = 0
    bytes: int = 0
    in_use: int = 0
    bytes_left: int = 0
    recent: int = 0


@frozen
class _File:
    path: str
    inode: int
    used: int
    size: int


@frozen
class _Unit:
    """Files that go together, in the order in which they go.

    Where a coarse file has fine ones beside it, they are leftovers of a fold cut short: alone they would be
    believed. ``kind`` is None for a document.
    """

    folder: str
    kind: PeriodKind | None
    coarse: Period | None
    files: tuple[_File, ...]

    @property
    def used(self) -> int:
        """When any of them was used last, UTC nanoseconds."""
        return max(file.used for file in self.files)

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(file.size for file in self.files)

    @property
    def serves(self) -> bool:
        """Whether it is a series' own, and not set aside."""
        return self.kind is not None and any(file.path.endswith(SUFFIX) for file in self.files)

    def turn(self, now: int) -> tuple[int, int, str]:
        """Sorts units by when they go: use is recorded to the hour; within one the oldest period is first."""
        # A clock that was ahead must not make a file the most recently used one for good.
        hour = min(self.used, now) // TOUCH_NS
        return hour, _NO_PERIOD if self.coarse is None else self.coarse.start, self.files[0].path


def prune(
    root: str,
    *,
    max_bytes: int | None = None,
    down_to: int | None = None,
    unused_since: int | None = None,
    is_dry: bool = False,
) -> Pruned:
    """Remove what was used longest ago, until the cache fits ``max_bytes`` and nothing older is left.

    Parameters
    ----------
    max_bytes
        Most bytes that may stay; None is no limit.
    down_to
        Where they are more, remove until so many stay; None is ``max_bytes``.
    unused_since
        UTC nanoseconds; what was used last before goes in any case.
    is_dry
        Remove nothing; tell what would go.

    Raises
    ------
    CacheUnavailableError
        When a folder leads out of ``root``.
    OSError
        When a file cannot be removed.
    """
    now = time.time_ns()
    units = sorted(_units(root), key=lambda unit: unit.turn(now))
    left = sum(unit.size for unit in units)
    goal = left if max_bytes is None or left <= max_bytes else max_bytes if down_to is None else down_to
    files = size = in_use = recent = 0
    for unit in units:
        if left <= goal and (unused_since is None or unit.used >= unused_since):
            continue
        gone = _take(root, unit, now, is_dry=is_dry)
        in_use += len(unit.files) if gone is None else 0
        if gone:
            files, size, left = files + len(unit.files), size + unit.size, left - unit.size
            recent += len(unit.files) if unit.serves and now - unit.used < TOUCH_NS else 0
    return Pruned(files=files, bytes=size, in_use=in_use, bytes_left=left, recent=recent)


def _units(root: str) -> Iterator[_Unit]:
    for folder, kind, files in _series_files(root, 0):
        yield from _of_series(folder, kind, files)
    for held in list_documents(root):
        with suppress(FileNotFoundError):
            found = tuple(_file(path, os.stat(path)) for path in reversed(files_of(held)))
            yield _Unit(os.path.dirname(held.path), None, None, found)


def _of_series(folder: str, kind: PeriodKind, files: dict[str, _File]) -> Iterator[_Unit]:
    whole: dict[str, list[_File]] = {}
    for name, file in files.items():
        period = parse_period(name.partition(SUFFIX)[0])
        if period is None or period.kind < kind:
            # Not one of the cache's own.
            continue
        coarse = SeriesFolder(folder, kind).coarse_of(period)
        if name.endswith(SUFFIX) and f"{coarse.name}{SUFFIX}" in files:
            # The coarse one goes last: its name is the shortest.
            whole.setdefault(coarse.name, []).append(file)
        else:
            yield _Unit(folder, kind, coarse, (file,))
    for name, found in whole.items():
        found.sort(key=lambda file: -len(file.path))
        yield _Unit(folder, kind, parse_period(name), tuple(found))


def _series_files(path: str, level: int) -> Iterator[tuple[str, PeriodKind, dict[str, _File]]]:
    """Each series' folder with its kind of period and its files; symbolic links are not followed."""
    kind = _kind_of(path) if level == _LEVELS else None
    if level == _LEVELS and kind is None:
        return
    files: dict[str, _File] = {}
    with suppress(FileNotFoundError), os.scandir(path) as scan:
        for entry in scan:
            if kind is None and entry.is_dir(follow_symlinks=False):
                yield from _series_files(entry.path, level + 1)
            elif kind is not None and (entry.name.endswith(SUFFIX) or is_set_aside(entry.name)):
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        files[entry.name] = _file(entry.path, os.lstat(entry.path))
    if kind is not None and files:
        yield path, kind, files


def _kind_of(folder: str) -> PeriodKind | None:
    name = os.path.basename(folder).partition(";")[0]
    with suppress(RequestError, ValueError):
        return kind_of_interval(None if name == _NO_INTERVAL else Interval(name))
    return None


def _file(path: str, status: os.stat_result) -> _File:
    return _File(path, status.st_ino, max(status.st_atime_ns, status.st_mtime_ns), status.st_size)


def _take(root: str, unit: _Unit, now: int, *, is_dry: bool) -> bool | None:
    """Remove a unit; None when it stays as it is in use, False when it was no longer what it was."""
    check_inside(root, unit.folder)
    try:
        with unmarked(root) as no_crowd, unmarked(unit.folder) as is_free:
            is_recent = is_free is None and now - unit.used < _RECENT_NS
            if no_crowd is False or is_free is False or is_recent:
                return None
            if is_dry:
                return not _is_newer(unit)
            if unit.kind is None or unit.coarse is None:
                return _remove(root, unit)
            folder = SeriesFolder(unit.folder, unit.kind)
            # A writer that holds the lock uses it, and is not waited for.
            with suppress(CacheUnavailableError), folder.lock(unit.coarse, timeout_s=0):
                return _remove(root, unit, folder)
            return None
    except FileNotFoundError:
        return False


def _remove(root: str, unit: _Unit, folder: SeriesFolder | None = None) -> bool:
    if any(_file(f.path, os.stat(f.path)) != f for f in unit.files) or _is_newer(unit):
        return False
    *others, last = (file.path for file in unit.files)
    remove = os.unlink if folder is None else folder.remove
    for path in others:
        remove(path)
    if others:
        sync_folder(unit.folder)
    remove(last)
    if folder is not None and unit.coarse is not None:
        _remove_lock(folder, unit.coarse)
    remove_empty_folders(root, unit.folder)
    return True


def _remove_lock(folder: SeriesFolder, coarse: Period) -> None:
    """Remove the lock of a coarse period that has nothing left, while it is held."""
    lock = f".{coarse.name}.lock"
    # Names of fine periods, temporaries and files set aside begin with that of the coarse one.
    if not any(n.startswith((coarse.name, f".{coarse.name}.")) and n != lock for n in folder.names()):
        with suppress(OSError):
            os.unlink(os.path.join(folder.path, lock))


def _is_newer(unit: _Unit) -> bool:
    return unit.kind is not None and any(is_newer(f.path) for f in unit.files if f.path.endswith(SUFFIX))
