"""How trouble with the cache reaches the caller: one warning a file, one error a folder."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from attrs import frozen

from dsm_core.cache.file import Unusable
from dsm_core.errors import CacheUnavailableError, CacheWarning

__all__ = ["Report", "unavailable", "warn"]

_log = logging.getLogger(__name__)
_MAX_TOLD: Final = 10_000
_told: set[tuple[str, int]] = set()


@frozen
class Report:
    """A file that could not serve, and where it was moved, if it was."""

    file: Unusable
    moved_to: str | None = None

    def __str__(self) -> str:
        done = {
            "damaged": "Its range counts as a gap.",
            "newer": "A newer DSM wrote it: it is left alone and its period is not written.",
            "outdated": "Its range counts as a gap until it is written anew.",
        }[self.file.why]
        moved = f" It was set aside as {os.path.basename(self.moved_to)}." if self.moved_to else ""
        return f"Cache file {self.file.path}: {self.file.problem}. {done}{moved}"


def warn(reports: Iterable[Report]) -> None:
    """Issue a :class:`CacheWarning` for each; a file that stays in place is told of once."""
    for report in reports:
        if report.moved_to is None and _is_told(report.file.path):
            continue
        _log.debug("cache_file_unusable path=%s why=%s", report.file.path, report.file.why)
        warnings.warn(str(report), CacheWarning, stacklevel=3)


@contextmanager
def unavailable(root: str) -> Iterator[None]:
    """Turn what the operating system refuses into :class:`CacheUnavailableError`."""
    try:
        yield
    except OSError as error:
        raise CacheUnavailableError(
            f"The cache in {root} cannot be used: {error}.",
            hint="Check space, permissions and what the path is.",
            path=root,
            errno=error.errno,
        ) from error


def _is_told(path: str) -> bool:
    try:
        version = os.stat(path).st_mtime_ns
    except OSError:
        version = 0
    if len(_told) >= _MAX_TOLD:
        _told.clear()
    known = (path, version) in _told
    _told.add((path, version))
    return known
