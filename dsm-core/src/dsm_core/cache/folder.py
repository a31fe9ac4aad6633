"""The folder of one series: which files it has, and the steps that replace or remove them.

Files appear by ``os.replace`` and vanish only after what supersedes them is safely on disk.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Final

from attrs import frozen
from filelock import FileLock, Timeout

from dsm_core.cache.disk import patiently, stamp, sync_folder
from dsm_core.cache.file import SUFFIX, Unusable
from dsm_core.cache.opened import OPENED, Version, version_of
from dsm_core.cache.period import Period, PeriodKind, parse_period, period_at, periods_in
from dsm_core.errors import CacheUnavailableError
from dsm_core.model.time_range import TimeRange

__all__ = ["RESTATED", "Found", "SeriesFolder"]

RESTATED: Final = ".restated"
"""Ends the name of a file that was put away, since its venue changed all of its series."""

_MAX_PROBES: Final = 64
_LOCK_TIMEOUT_S: Final = 120.0
_LOCK_POLL_S: Final = 0.005
_TEMPORARY: Final = ".tmp"


@frozen
class Found:
    """A file that exists: where, of which period, in which version, and when it was used last."""

    path: str
    period: Period
    version: Version
    used: int


@frozen
class SeriesFolder:
    """Files of one series below one root.

    Parameters
    ----------
    path
        The folder; it need not exist.
    coarse
        Kind of period that a closed file holds.
    """

    path: str
    coarse: PeriodKind

    def file(self, period: Period) -> str:
        """Path of a period's file."""
        return f"{self.path}{os.sep}{period.name}{SUFFIX}"

    def coarse_of(self, period: Period) -> Period:
        """The coarse period that holds ``period``."""
        return period_at(self.coarse, period.start)

    def find(self, span: TimeRange) -> list[Found]:
        """Files that answer ``span``, by the start of their periods.

        A coarse file is newer than every fine one of its period, so where it is there, those are
        not looked for. Where it is not, it is looked for once more after the fine ones: a fold
        writes it before it removes them, so a look that misses a fine one finds what replaced it.
        """
        coarse = list(islice(periods_in(self.coarse, span), _MAX_PROBES))
        found = [self.probe(p) for p in coarse] if len(coarse) < _MAX_PROBES else []
        if found and None not in found:
            return [f for f in found if f is not None]
        fine = list(islice(periods_in(self.coarse.finer, span), _MAX_PROBES))
        if not found or len(fine) == _MAX_PROBES:
            # For the same reason there are two listings: the second begins after the first one ended.
            listed = {p for p in (*self.periods(), *self.periods()) if p.overlaps(span.start, span.end)}
            fine = [p for p in listed if p.kind != self.coarse]
            coarse = list({self.coarse_of(p) for p in listed})
        return self._probe_all(fine, coarse)

    def find_all(self, coarse: Period) -> list[Found]:
        """Every file of a coarse period, leftovers of a fold cut short among them."""
        return self._probe_all(periods_in(self.coarse.finer, coarse.span), [coarse])

    def _probe_all(self, fine: Iterable[Period], coarse: Iterable[Period]) -> list[Found]:
        found = [f for p in (*fine, *coarse) if (f := self.probe(p)) is not None]
        return sorted(found, key=lambda f: (f.period.start, f.period.kind))

    def probe(self, period: Period) -> Found | None:
        """The file of a period, if there is one."""
        path = self.file(period)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return None
        return Found(path, period, version_of(status), status.st_atime_ns)

    def periods(self) -> list[Period]:
        """Every period that has a file."""
        return [p for p in _periods(self.names()) if p.kind in (self.coarse, self.coarse.finer)]

    def unfolded(self, names: Iterable[str], now: int) -> set[Period]:
        """Closed coarse periods that still have fine files among ``names``."""
        fine = (p for p in _periods(names) if p.kind == self.coarse.finer)
        return {p for p in map(self.coarse_of, fine) if p.end <= now}

    def names(self) -> list[str]:
        """Names of everything in the folder; none when it does not exist."""
        try:
            return os.listdir(self.path)
        except FileNotFoundError:
            return []

    @contextmanager
    def lock(self, coarse: Period, timeout_s: float = _LOCK_TIMEOUT_S) -> Iterator[None]:
        """Be the only writer of a coarse period and its fine ones.

        Raises
        ------
        CacheUnavailableError
            When another writer keeps it too long, or the file system has no locks.
        """
        lock = FileLock(f"{self.path}{os.sep}.{coarse.name}.lock", timeout=timeout_s)
        try:
            lock.acquire(poll_interval=_LOCK_POLL_S)
        except (Timeout, NotImplementedError) as error:
            raise CacheUnavailableError(
                f"The lock of {coarse.name} in {self.path} cannot be had.",
                hint="Another process may hold it, or the file system has no locks.",
                path=self.path,
            ) from error
        try:
            yield
        finally:
            lock.release()

    def replace(self, coarse: Period, period: Period, parts: tuple[memoryview | bytes, ...]) -> str:
        """Put a period's file in place, all or nothing; call it under the lock of ``coarse``."""
        path = self.file(period)
        temporary = f"{self.path}{os.sep}.{coarse.name}.{secrets.token_hex(8)}{_TEMPORARY}"
        try:
            with open(temporary, "xb") as file:
                file.writelines(parts)
                file.flush()
                stamp(file.fileno())
                os.fsync(file.fileno())
            patiently(lambda: os.replace(temporary, path))
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        OPENED.drop(path)
        sync_folder(self.path)
        return path

    def remove(self, path: str) -> None:
        """Remove a superseded file."""
        with suppress(FileNotFoundError):
            patiently(lambda: os.unlink(path))
        OPENED.drop(path)

    def temporaries(self, coarse: Period, names: Iterable[str]) -> list[str]:
        """Temporaries of a coarse period among ``names``.

        A writer holds the lock for as long as it has one, so whoever holds the lock and still
        sees one listed before sees the leftover of a dead writer.
        """
        start = f".{coarse.name}."
        return [f"{self.path}{os.sep}{n}" for n in names if n.startswith(start) and n.endswith(_TEMPORARY)]

    def littered(self, names: Iterable[str]) -> set[Period]:
        """Coarse periods of all temporaries among ``names``."""
        owners = (
            parse_period(n.split(".")[1]) for n in names if n.startswith(".") and n.endswith(_TEMPORARY)
        )
        return {p for p in owners if p is not None and p.kind == self.coarse}

    def set_aside(self, file: Unusable) -> str | None:
        """Rename a file that cannot serve, numbered if need be; None when that is not possible.

        Call it under the lock.
        """
        try:
            return self.move(file.path, ".corrupt" if file.why == "damaged" else f".{file.why}")
        except OSError:
            return None

    def move(self, path: str, suffix: str) -> str | None:
        """Rename a file, its name longer by ``suffix`` and a number if need be; None without a free one.

        Call it under the lock.
        """
        OPENED.drop(path)
        names = (f"{path}{suffix}{number or ''}" for number in range(1000))
        target = next((name for name in names if not os.path.lexists(name)), None)
        if target is not None:
            patiently(lambda: os.rename(path, target))
        return target


def _periods(names: Iterable[str]) -> Iterator[Period]:
    for name in names:
        period = parse_period(name[: -len(SUFFIX)]) if name.endswith(SUFFIX) else None
        if period is not None:
            yield period
