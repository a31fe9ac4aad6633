"""Steps on the disk that know nothing of series: durable folders, safe links, patience on Windows."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Final, TypeVar

from dsm_core.errors import CacheUnavailableError

__all__ = [
    "check_inside", "check_regular", "make_folder", "open_quietly", "patiently", "remove_empty_folders",
    "stamp", "sync_folder",
]  # fmt: skip

_T = TypeVar("_T")
_BY_DESCRIPTOR: Final = os.utime in os.supports_fd
_TRIES: Final = 100
_PAUSE_S: Final = 0.01


def patiently(step: Callable[[], _T]) -> _T:
    """Do a step; on Windows again while another process has the file open for a moment."""
    if sys.platform == "win32":
        for _ in range(_TRIES):
            with suppress(PermissionError):
                return step()
            time.sleep(_PAUSE_S)
    return step()


def stamp(descriptor: int) -> None:
    """Set a file's times to the nanosecond, where the platform can.

    Its file system's clock may tick every few milliseconds only. A file that takes the place and the freed
    inode of another of the same size within one tick would look like that one to who knows files by those.
    """
    if _BY_DESCRIPTOR:
        now = time.time_ns()
        os.utime(descriptor, ns=(now, now))


def sync_folder(path: str) -> None:
    """Make the names in a folder durable, where the platform can."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: str) -> None:
    """Make a folder and those above it, their names durable."""
    for left in reversed(range(_TRIES)):
        if os.path.isdir(path):
            return
        try:
            _make(path)
            return
        except FileNotFoundError:
            # One above it was empty, and another process removed it before the next was made in it.
            if not left:
                raise


def _make(path: str) -> None:
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(folder)
        sync_folder(os.path.dirname(folder))


def remove_empty_folders(root: str, path: str) -> None:
    """Remove a folder and those above it that are empty now, but for the root."""
    while path != root and os.path.dirname(path) != path:
        try:
            os.rmdir(path)
        except OSError:
            # Something else is in it: a file of the user's, or a writer that has just begun anew.
            return
        path = os.path.dirname(path)
        with suppress(OSError):
            sync_folder(path)


def check_regular(path: str, status: os.stat_result) -> None:
    """Refuse what is no file: reading a pipe may never end.

    Raises
    ------
    OSError
        Naming it.
    """
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "This is no regular file", path)


def open_quietly(path: str) -> BinaryIO:
    """Open a file to look at it, which is no use of it: where the system can, its access time stays."""
    check_regular(path, os.stat(path))
    if sys.platform == "linux":
        with suppress(PermissionError):
            return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOATIME), "rb")
    return open(path, "rb")


def check_inside(root: str, path: str) -> None:
    """Refuse a folder that a symbolic link leads out of ``root``.

    Raises
    ------
    CacheUnavailableError
        Remove the link; to read another cache too, name it in ``read_from``.
    """
    above = os.path.join(os.path.realpath(root), "")
    real = os.path.realpath(path)
    if not os.path.normcase(real).startswith(os.path.normcase(above)):
        raise CacheUnavailableError(
            f"{path} leads out of the cache folder, to {real}.",
            hint="Remove the link; name other caches in read_from.",
            path=path,
        )
