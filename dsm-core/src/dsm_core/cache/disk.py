"""Steps on the disk that know nothing of series: durable folders, safe links, patience on Windows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from dsm_core.errors import CacheUnavailableError

__all__ = ["check_inside", "make_folder", "patiently", "sync_folder"]

_T = TypeVar("_T")
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
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(folder)
        sync_folder(os.path.dirname(folder))


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
