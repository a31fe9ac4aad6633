"""What is in use: marks that end with their process, and when a file was last read.

A call marks the folder of its series by a shared lock on the folder itself, so that there is nothing to
write, to sweep, or to be left by a killed process. Whoever evicts needs the exclusive lock of the folder.
Readers and writers never wait for it.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from attrs import define

from dsm_core.cache.disk import make_folder

__all__ = ["MARKS", "TOUCH_NS", "Marks", "mark_used", "unmarked"]

TOUCH_NS: Final = 3600 * 10**9
"""How far the recorded last use of a file may lag behind."""

# Whether times can be set by descriptor.
_BY_DESCRIPTOR: Final = os.utime in os.supports_fd
_MOST: Final = 128
_MOST_REFUSED: Final = 100_000
_TRIES: Final = 100
_PAUSE_S: Final = 0.001
_refused: set[str] = set()


def mark_used(path: str, last_used: int) -> None:
    """Record that a file is read now, where the record is older than :data:`TOUCH_NS`.

    The record is the file's access time, set by hand as many file systems keep none. The time of change
    stays. Where that is not allowed, the system's own record has to do.
    """
    now = time.time_ns()
    if abs(now - last_used) < TOUCH_NS or path in _refused:
        return
    try:
        _set_used(path, now)
    except FileNotFoundError:
        return
    except OSError:
        # Another user's file, or a disk that is read-only: it will not be allowed the next time either.
        if len(_refused) < _MOST_REFUSED:
            _refused.add(path)


def _set_used(path: str, now: int) -> None:
    if not _BY_DESCRIPTOR:
        os.utime(path, ns=(now, os.stat(path).st_mtime_ns))
        return
    # By descriptor: the path may mean another file by then, whose time of change is another.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.utime(descriptor, ns=(now, os.fstat(descriptor).st_mtime_ns))
    finally:
        os.close(descriptor)


@define
class _Mark:
    place: str
    users: int = 0
    descriptor: int | None = None

    def take(self) -> None:
        if self.descriptor is None:
            self.descriptor = _shared(self.place)

    def give_up(self) -> None:
        if self.descriptor is not None:
            with suppress(OSError):
                os.close(self.descriptor)
            self.descriptor = None


class Marks:
    """Folders that this process uses; those of other processes are seen through their locks."""

    def __init__(self) -> None:
        self._marks: dict[str, _Mark] = {}
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Forget all, after a fork: the marks are the parent's, and last as long as it wants."""
        marks, self._marks, self._lock = self._marks, {}, threading.Lock()
        for mark in marks.values():
            mark.give_up()

    @property
    def is_idle(self) -> bool:
        """Whether this process uses nothing."""
        return not self._marks

    @contextmanager
    def using(self, root: str, folder: str) -> Iterator[None]:
        """Keep evictors of every process away from a folder; one that does not exist has nothing to keep.

        Where very many are in use at once, the whole of ``root`` is marked for the rest of them, so that
        descriptors do not run out.
        """
        mark = self._enter(root, folder)
        try:
            yield
        finally:
            self._leave(mark)

    @contextmanager
    def using_made(self, root: str, folder: str) -> Iterator[None]:
        """The same, of a folder that is made where it is missing.

        Raises
        ------
        OSError
            When it cannot be made.
        """
        for _ in range(_TRIES):
            make_folder(folder)
            with self.using(root, folder):
                # Before it was marked, somebody may have found it empty and removed it.
                if os.path.isdir(folder):
                    yield
                    return
        raise FileNotFoundError(errno.ENOENT, "the folder keeps vanishing", folder)

    def _enter(self, root: str, folder: str) -> _Mark:
        with self._lock:
            is_crowded = folder not in self._marks and len(self._marks) >= _MOST
            place = root if is_crowded else folder
            mark = self._marks.setdefault(place, _Mark(place))
            mark.users += 1
            # Whoever found no folder before is covered from now on too.
            mark.take()
            return mark

    def _leave(self, mark: _Mark) -> None:
        with self._lock:
            mark.users -= 1
            if not mark.users:
                mark.give_up()
                if self._marks.get(mark.place) is mark:
                    del self._marks[mark.place]


MARKS: Final = Marks()
"""Those of this process; every store shares them."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=MARKS.reset)


if sys.platform == "win32":

    def _shared(folder: str) -> int | None:
        return None

    @contextmanager
    def unmarked(folder: str) -> Iterator[bool | None]:
        """Whether nobody uses a folder, and nobody can begin to; None where that cannot be told."""
        yield None

else:
    import fcntl

    def _shared(folder: str) -> int | None:
        """Descriptor that holds the shared lock; None where there is no folder, or it cannot be locked."""
        for _ in range(_TRIES):
            try:
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                return None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.stat(folder)):
                    return descriptor
            except BlockingIOError:
                # Somebody evicts this very moment, which takes as long as removing a file.
                time.sleep(_PAUSE_S)
            except FileNotFoundError:
                pass
            except OSError:
                os.close(descriptor)
                return None
            os.close(descriptor)
        return None

    @contextmanager
    def unmarked(folder: str) -> Iterator[bool | None]:
        """Whether nobody uses a folder, and nobody can begin to; None where that cannot be told."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free: bool | None = True
            except BlockingIOError:
                free = False
            except OSError:
                # A file system without locks, such as some network ones.
                free = None
            yield free
        finally:
            os.close(descriptor)
