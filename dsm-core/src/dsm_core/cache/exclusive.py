"""One caller at a time for a series, over all tasks and processes; readers and writers take no notice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from filelock import FileLock, Timeout

from dsm_core.cache.disk import make_folder
from dsm_core.cache.report import unavailable
from dsm_core.net import current_deadline

__all__ = ["exclusive"]

_NAME: Final = ".exclusive.lock"
_LOOK_S: Final = 0.05


@asynccontextmanager
async def exclusive(root: str, folder: str) -> AsyncIterator[None]:
    """Hold the lock of a series' folder; made where it is missing.

    Raises
    ------
    CacheUnavailableError
        When the folder cannot be written.
    SourceTimeoutError
        When another holds it until the call's deadline.
    """
    with unavailable(root):
        make_folder(folder)
        # A descriptor of its own, so that tasks of one process exclude each other too.
        lock = FileLock(os.path.join(folder, _NAME), timeout=0, thread_local=False)
        while True:
            try:
                lock.acquire()
                break
            except Timeout:
                current_deadline().check()
                await asyncio.sleep(_LOOK_S)
    try:
        yield
    finally:
        lock.release()
