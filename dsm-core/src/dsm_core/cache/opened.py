"""Opened files of this process: each version of a file is read and checked once."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Final

from dsm_core.cache.file import CacheFile, Unusable, load
from dsm_core.cache.period import Period
from dsm_core.model.series import SeriesKey
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["OPENED", "OpenedFiles", "Version", "version_of"]

Version = tuple[int, int, int]
_MAX_FILES: Final = 2048
_MAX_HEAP_BYTES: Final = 64 * 1024 * 1024


def version_of(status: os.stat_result) -> Version:
    """What changes when a file is replaced: inode, size, time of change."""
    return status.st_ino, status.st_size, status.st_mtime_ns


class OpenedFiles:
    """The most recently used files, open and checked; at most one version of each path.

    Parameters
    ----------
    max_files
        How many are kept.
    max_heap_bytes
        How much memory the small ones, which are read and not mapped, may hold.
    """

    def __init__(self, max_files: int = _MAX_FILES, max_heap_bytes: int = _MAX_HEAP_BYTES) -> None:
        self._max_files = max_files
        self._max_heap_bytes = max_heap_bytes
        self.reset()

    def reset(self) -> None:
        """Forget all files, with a new lock: a fork may have copied a lock that nobody will release."""
        self._lock = threading.Lock()
        self._files: OrderedDict[str, tuple[Version, CacheFile]] = OrderedDict()
        self._heap_bytes = 0

    def get(
        self, path: str, version: Version, period: Period, key: SeriesKey, schema: ChartSchema
    ) -> CacheFile | Unusable:
        """The file in that version, opened now or before.

        Raises
        ------
        FileNotFoundError
            When it vanished.
        """
        with self._lock:
            known = self._files.get(path)
            if known is not None and known[0] == version:
                self._files.move_to_end(path)
        if known is not None and known[0] == version and _serves(known[1], key, schema):
            return known[1]
        found = load(path, period, key, schema)
        if isinstance(found, CacheFile):
            self._keep(path, version, found)
        return found

    def drop(self, path: str) -> None:
        """Forget a path that was replaced or removed."""
        with self._lock:
            self._forget(path)

    def _keep(self, path: str, version: Version, file: CacheFile) -> None:
        with self._lock:
            self._forget(path)
            self._files[path] = (version, file)
            self._heap_bytes += file.heap_bytes
            while len(self._files) > self._max_files or self._heap_bytes > self._max_heap_bytes:
                self._forget(next(iter(self._files)))

    def _forget(self, path: str) -> None:
        known = self._files.pop(path, None)
        if known is not None:
            self._heap_bytes -= known[1].heap_bytes


def _serves(file: CacheFile, key: SeriesKey, schema: ChartSchema) -> bool:
    return (file.header.key is key or file.header.key == key) and (
        file.schema is schema or file.schema == schema
    )


OPENED: Final = OpenedFiles()
"""The one of this process; every store shares it."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=OPENED.reset)
