"""Putting a cache in order: damaged files set aside, closed periods folded, litter swept."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from dsm_core.cache.admin import problem_of
from dsm_core.cache.damaged import told_key
from dsm_core.cache.documents import sweep_dead
from dsm_core.cache.opened import OPENED
from dsm_core.cache.store import CacheStore
from dsm_core.errors import CacheUnavailableError, CacheWarning, DSMError
from dsm_core.model.series import SeriesKey
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["Repaired", "repair"]

_LEVELS: Final = 5
_NAMELESS: Final = "which series it is cannot be told from its folder, so a call for that series mends it"
_TEMPORARY: Final = re.compile(r"\..+\.[0-9a-f]{16}\.tmp|.+\.json\.[0-9a-f]{16}\.tmp")


@frozen(kw_only=True)
class Repaired:
    """What was done.

    Parameters
    ----------
    set_aside
        Damaged files, under their new names; what they held is wanted from now on.
    folded
        Closed periods whose files were joined.
    swept
        Leftovers of killed writers that were removed.
    left
        What could not be put in order, each with the reason.
    """

    set_aside: tuple[Path, ...] = ()
    folded: int = 0
    swept: int = 0
    left: tuple[tuple[Path, str], ...] = ()


def repair(store: CacheStore, schema_of: Callable[[SeriesKey], ChartSchema], *, now: int) -> Repaired:
    """Put the first cache of a store in order, beside whatever process uses it.

    Parameters
    ----------
    schema_of
        Gives the schema of a series, or raises an error of DSM's where it is not known here.
    now
        UTC nanoseconds; which periods have closed.

    Raises
    ------
    CacheUnavailableError
        When the folder cannot be read or written.
    """
    root = os.path.abspath(store.root)
    work = _Repair(root, store, schema_of, now)
    litter, before = list(_litter(root)), set(store.set_aside())
    work.mend_damaged()
    for folder in _folders(root, 0):
        work.fold(folder)
    return Repaired(
        set_aside=tuple(sorted(set(store.set_aside()) - before)),
        folded=work.folded,
        swept=sum(not os.path.lexists(path) or sweep_dead(path) for path in litter),
        left=tuple(work.left.items()),
    )


@define
class _Repair:
    root: str
    store: CacheStore
    schema_of: Callable[[SeriesKey], ChartSchema]
    now: int
    left: dict[Path, str] = field(factory=dict)
    folded: int = 0

    def mend_damaged(self) -> None:
        """Read what is damaged, as a call would: that sets it aside, and notes what it held."""
        wrong = [path for path, problem in self.store.verify() if problem is not None]
        # Who set a file aside may have been killed before he noted what it held.
        for folder in sorted({path.parent for path in (*wrong, *self.store.set_aside())}):
            mine = [path for path in wrong if path.parent == folder]
            for path in mine:
                # This process may have opened it while it was whole.
                OPENED.drop(str(path))
            self._guarded(folder, mine, self.store.mend)

    def fold(self, folder: Path) -> None:
        """Join what is due in a series' folder; that sweeps it too."""

        def join(key: SeriesKey, schema: ChartSchema) -> None:
            self.folded += self.store.fold(key, schema, now=self.now)

        self._guarded(folder, (), join)

    def _guarded(
        self, folder: Path, files: Iterable[Path], work: Callable[[SeriesKey, ChartSchema], None]
    ) -> None:
        key, why = told_key(str(folder)), ""
        try:
            if key is None:
                why = f"; {_NAMELESS}"
            else:
                with warnings.catch_warnings():
                    # Whoever repairs is told of it by the result.
                    warnings.simplefilter("ignore", CacheWarning)
                    work(key, self.schema_of(key))
        except CacheUnavailableError:
            raise
        except DSMError as error:
            self.left[folder] = error.message
        for path in files:
            # What is wanted may have been noted under the same name.
            with suppress(FileNotFoundError):
                problem = problem_of(self.root, str(path))
                self.left |= {} if problem is None else {path: problem + why}


def _folders(path: str, level: int) -> Iterator[Path]:
    """Folders of series; symbolic links are not followed."""
    if level == _LEVELS:
        yield Path(path)
        return
    with suppress(FileNotFoundError), os.scandir(path) as scan:
        for entry in sorted(scan, key=lambda one: one.name):
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield from _folders(entry.path, level + 1)


def _litter(root: str) -> Iterator[str]:
    """Temporaries of writers, dead and alive."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(folder, name) for name in names if _TEMPORARY.fullmatch(name))
