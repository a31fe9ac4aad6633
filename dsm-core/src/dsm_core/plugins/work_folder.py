"""Folders for temporary downloads, locked by the process that lives, so that those of killed ones can go.

The lock is on the folder itself: nothing has to be written, and the system lets go of it however a process
ends. Whoever makes a folder first looks, once per process, for such folders that nobody has locked.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from attrs import define, field

__all__ = ["make_work_folder"]

_PREFIX: Final = "dsm-work-"
_NAME: Final = re.compile(_PREFIX + r"[a-z0-9_]{8}\Z")
_TRIES: Final = 20
_MOST: Final = 100
_UNLOCKED: Final = -1


def make_work_folder() -> tuple[Path, Callable[[], None]]:
    """A new folder of this process in the system's temporary one, and what removes it.

    Raises
    ------
    OSError
        When it cannot be made.
    """
    _SWEEP.once()
    for _ in range(_TRIES):
        path = tempfile.mkdtemp(prefix=_PREFIX)
        descriptor = _lock(path)
        if descriptor is not None:
            return Path(path), partial(_remove, path, descriptor, os.getpid())
    raise FileNotFoundError(errno.ENOENT, "the folder keeps vanishing", path)


def _remove(path: str, descriptor: int, owner: int) -> None:
    # A process that was forked since shares the folder, and does not own it.
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)
    if descriptor != _UNLOCKED:
        with suppress(OSError):
            os.close(descriptor)


@define
class _Sweep:
    """Removes what killed processes left; the first call of a process does."""

    is_done: bool = False
    lock: threading.Lock = field(factory=threading.Lock)

    def once(self) -> None:
        with self.lock:
            if not self.is_done:
                self.is_done = True
                with suppress(OSError):
                    _sweep(tempfile.gettempdir())


_SWEEP: Final = _Sweep()

if sys.platform == "win32":

    def _lock(path: str) -> int | None:
        return _UNLOCKED

    def _sweep(folder: str) -> None:
        """Folders cannot be locked there, so nobody knows which are left."""

else:
    import fcntl

    _FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

    def _lock(path: str) -> int | None:
        """Lock a new folder; None where a sweep was there first."""
        try:
            descriptor = os.open(path, _FLAGS)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:
            # A file system without locks: then no sweep can lock it either, and leaves it alone.
            os.close(descriptor)
            return _UNLOCKED
        os.close(descriptor)
        return None

    def _sweep(folder: str) -> None:
        """Remove this user's work folders that nobody has locked; links are not followed."""
        with os.scandir(folder) as scan:
            left = [e.path for e in scan if _NAME.match(e.name) and e.is_dir(follow_symlinks=False)]
        for path in left[:_MOST]:
            with suppress(OSError):
                _remove_dead(path)

    def _remove_dead(path: str) -> None:
        descriptor = os.open(path, _FLAGS)
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
                return
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever made it between the look and the lock finds it gone, and makes another.
            if os.path.samestat(status, os.lstat(path)):
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)
