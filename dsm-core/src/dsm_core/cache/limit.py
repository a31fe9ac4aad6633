"""The cache's limit, kept by whoever writes: after a write, now and then, the oldest goes."""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
from contextlib import suppress
from typing import Final

from filelock import FileLock, Timeout

from dsm_core.cache.evict import Pruned, prune
from dsm_core.errors import CacheUnavailableError, CacheWarning
from dsm_core.model.wording import counted, size_text

__all__ = ["SizeLimit"]

_log = logging.getLogger(__name__)
_LOCK: Final = ".evict.lock"
# Room is made for some writes to come, as each look counts every file.
_TARGET: Final = 0.9
_STEP: Final = 64
_LOOK_AGAIN_S: Final = 300.0


class SizeLimit:
    """Most bytes of one cache.

    Parameters
    ----------
    root
        The cache's folder.
    max_bytes
        Most bytes of its files; None is no limit.
    """

    def __init__(self, root: str, max_bytes: int | None) -> None:
        self._root = root
        self._max = max_bytes
        self._lock = threading.Lock()
        self._held: int | None = None
        self._written = 0
        self._looked = 0.0
        self._is_stuck = False
        self._recent = 0
        self._has_warned = False

    def add(self, size: int) -> None:
        """Note that a file of so many bytes was written."""
        if self._max is not None:
            with self._lock:
                self._written += size

    def keep(self, *, is_idle: bool = False) -> Pruned | None:
        """Make room where it is due; gives what was done, None when nothing was.

        It never fails: a cache that is too large answers all the same.

        Parameters
        ----------
        is_idle
            Whether what was in use a moment ago no longer is.
        """
        if self._max is None or not self._begin(self._max, is_idle=is_idle):
            return None
        done = None
        lock = FileLock(os.path.join(self._root, _LOCK), timeout=0, thread_local=False)
        # Somebody else who makes room just now does it for all.
        with suppress(Timeout, OSError, NotImplementedError, CacheUnavailableError), lock:
            done = prune(self._root, max_bytes=self._max, down_to=int(self._max * _TARGET))
        if done is not None:
            _log.debug("cache_pruned files=%d bytes=%d left=%d", done.files, done.bytes, done.bytes_left)
            with self._lock:
                self._held = done.bytes_left
                self._recent += done.recent
                # What is left is used by other processes: looking again helps when something was written.
                self._is_stuck = is_idle and done.bytes_left > self._max
        return done

    def tell(self) -> str | None:
        """What had to go although it was used a moment ago, since this was asked last; None without any.

        The first time it is a :class:`CacheWarning` too.
        """
        with self._lock:
            recent, self._recent = self._recent, 0
            held, is_first = self._held or 0, bool(recent) and not self._has_warned
            self._has_warned = self._has_warned or is_first
        if not recent or self._max is None:
            return None
        problem = (
            f"The cache has too little room: {counted(recent, 'file')} written or used within the hour "
            f"had to go, as cache.max_size is {size_text(self._max)}; {size_text(held)} are held. "
            "Raise it, or ask for less at a time."
        )
        if is_first:
            warnings.warn(problem, CacheWarning, stacklevel=3)
        return problem

    def _begin(self, most: int, *, is_idle: bool) -> bool:
        """Whether it is time to look; notes that it is being done."""
        now = time.monotonic()
        with self._lock:
            held = self._held
            is_over = held is not None and held + self._written > most
            if not self._written and (self._is_stuck or not (is_idle and is_over)):
                return False
            if held is not None and now - self._looked < _LOOK_AGAIN_S:
                # Over the limit after a look: the rest is in use, and looking counts every file.
                is_due = is_idle or held <= most or self._written >= most // _STEP
                if not (is_over and is_due):
                    return False
            self._held, self._looked, self._written = most, now, 0
            return True
