"""What a cache holds, as a whole: lists, ledgers, checks, and removal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from dsm_core.cache.admin import CachedSeries, SeriesLedger, list_ledgers, list_series, verify_files
from dsm_core.cache.clear import Cleared, clear_documents, clear_series
from dsm_core.cache.damaged import list_damaged, set_aside_files, told_key
from dsm_core.cache.documents import CachedDocument, list_documents
from dsm_core.cache.evict import Pruned, prune
from dsm_core.cache.report import unavailable
from dsm_core.model.series import SeriesKey

__all__ = ["Holdings"]


class Holdings:
    """Everything below the root of a cache.

    Parameters
    ----------
    root
        The cache's folder; it need not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._root = os.path.abspath(root)

    def ls(self) -> list[CachedSeries]:
        """Summary of each series, from what its files tell of themselves."""
        with unavailable(self._root):
            return list_series(self._root)

    def damaged(self) -> list[CachedSeries]:
        """Each series that has files and none that can serve; it is not in :meth:`ls`."""
        with unavailable(self._root):
            return list_damaged(self._root)

    def documents(self) -> list[CachedDocument]:
        """Facts kept beside the series, such as the symbols of a market."""
        with unavailable(self._root):
            return list(list_documents(self._root))

    def ledgers(self, keep: Callable[[SeriesKey], bool] = lambda _: True) -> Iterator[SeriesLedger]:
        """What is known of each series that ``keep`` likes, by path; of the other caches nothing.

        Files tell it of themselves and are not checked; rows are read only to count those of a
        file that several sources filled.

        Raises
        ------
        CacheUnavailableError
            When the folder cannot be read.
        """
        with unavailable(self._root):
            yield from list_ledgers(self._root, keep)

    def verify(self) -> Iterator[tuple[Path, str | None]]:
        """Check every byte of every file: its path, and what is wrong or None."""
        with unavailable(self._root):
            yield from verify_files(self._root)

    def set_aside(self) -> list[Path]:
        """Files that could not serve and were moved out of the way; removing them harms nothing."""
        with unavailable(self._root):
            return [Path(path) for path in set_aside_files(self._root)]

    def nameless(self) -> list[Path]:
        """Those of :meth:`set_aside` of which nobody can tell which series they were.

        Their folders' names were shortened, and no file in them knows the full one any more: no update
        fetches what they held, but a call for the series does.
        """
        return [path for path in self.set_aside() if told_key(str(path.parent)) is None]

    def clear(self, keep: Callable[[SeriesKey], bool] = lambda _: False) -> Cleared:
        """Remove every series that ``keep`` does not like, under the locks that writers take.

        Files set aside go with their series, and so does one that is all damaged. Links are not
        followed, and nothing that the cache did not write is removed.

        Raises
        ------
        CacheUnavailableError
            When a file cannot be removed, or another writer keeps its period too long.
        """
        with unavailable(self._root):
            return clear_series(self._root, keep)

    def clear_documents(self, keep: Callable[[str], bool] = lambda _: False) -> Cleared:
        """Remove every document whose name ``keep`` does not like; what is asked again is fetched anew.

        Raises
        ------
        CacheUnavailableError
            When a file cannot be removed.
        """
        with unavailable(self._root):
            return clear_documents(self._root, keep)

    def prune(
        self, *, max_bytes: int | None = None, unused_since: int | None = None, is_dry: bool = False
    ) -> Pruned:
        """Remove what was used longest ago, files set aside and documents too.

        What a running call of any process uses stays, and so does what a newer DSM wrote. What is removed
        goes with all that was known of it, so it is fetched again when it is asked for.

        Parameters
        ----------
        max_bytes
            Most bytes that may stay; None is no limit.
        unused_since
            UTC nanoseconds; what was used last before goes in any case. Use is recorded to the hour.
        is_dry
            Remove nothing; tell what would go.

        Raises
        ------
        CacheUnavailableError
            When a file cannot be removed, or a folder leads out of the cache.
        """
        with unavailable(self._root):
            return prune(self._root, max_bytes=max_bytes, unused_since=unused_since, is_dry=is_dry)
