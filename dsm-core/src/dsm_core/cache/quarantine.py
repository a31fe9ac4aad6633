"""Quarantine: bad objects of archives, kept as evidence beside the cache, a small JSON with each.

Bounded in number and bytes; the oldest go first. Nothing here is ever read as data, and no name in it
comes from an archive.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal

import xxhash
from attrs import asdict, evolve, frozen
from filelock import FileLock, Timeout

from dsm_core.cache.disk import check_inside, make_folder, patiently
from dsm_core.cache.report import unavailable
from dsm_core.errors import CacheUnavailableError
from dsm_core.model.specimen import Specimen
from dsm_core.model.time_range import from_ns

__all__ = ["Outcome", "Quarantine", "Quarantined"]

Outcome = Literal["refused", "mended"]

_FOLDER: Final = ".quarantine"
_ID: Final = re.compile(r"[0-9a-f]{16}\Z")
_FACTS, _OBJECT, _LOCK = ".json", ".object", ".lock"
_LOCK_S: Final = 10.0
_LONGEST: Final = 500
# A day of one-second bars is some MB; what is larger than all of it leaves its facts only.
_MOST: Final = 100
_MOST_BYTES: Final = 256 * 1024**2


@frozen(kw_only=True)
class Quarantined:
    """One object that was set aside.

    Parameters
    ----------
    id
        Sixteen hexadecimal digits that stand for URL and bytes.
    number
        Grows with each that is set aside; the smallest goes first.
    outcome
        ``refused``, or ``mended``: its rows were used after something was put right.
    reason, error
        What was wrong, and the error's type.
    url
        Where it came from.
    sha256, stated_sha256
        Of the bytes that came, and as the archive publishes it; None where there is none.
    size, etag, last_modified
        As the server gave them.
    client, series
        Who asked for it, and for what.
    first_seen, last_seen
        ISO texts, UTC; by the venue's clock where a call had to ask for it, else by this machine's.
    times
        How often these bytes came from there.
    object
        File name beside the facts; None when it was too large to keep.
    """

    id: str
    number: int
    outcome: Outcome
    reason: str
    error: str
    url: str
    sha256: str
    stated_sha256: str | None
    size: int
    etag: str | None
    last_modified: str | None
    client: str
    series: str
    first_seen: str
    last_seen: str
    times: int = 1
    object: str | None = None


class Quarantine:
    """The folder of evidence of one cache.

    Parameters
    ----------
    root
        The cache's folder; made when something is set aside.
    most
        Objects at most.
    most_bytes
        Bytes of them together at most.
    max_bytes
        Of the whole cache, where that is bounded: evidence takes a tenth of it at most.
    """

    def __init__(
        self, root: Path, *, most: int = _MOST, most_bytes: int = _MOST_BYTES, max_bytes: int | None = None
    ) -> None:
        self._root = os.path.abspath(root)
        self._most = most
        self._most_bytes = most_bytes if max_bytes is None else min(most_bytes, max_bytes // 10)
        self.folder = Path(self._root) / _FOLDER

    def keep(
        self, specimen: Specimen, *, outcome: Outcome, reason: str, error: str = "", now: int
    ) -> Quarantined:
        """Set an object aside; the same bytes of the same URL once.

        Parameters
        ----------
        now
            UTC nanoseconds.

        Raises
        ------
        CacheUnavailableError
            When the folder cannot be written, or another process holds it too long.
        """
        with self._locked():
            found = self.ls()
            number = 1 + max((one.number for one in found), default=0)
            new = _facts_of(specimen, outcome, reason, error, from_ns(now).isoformat(), number)
            known = next((one for one in found if one.id == new.id), None)
            if known is not None:
                new = evolve(new, first_seen=known.first_seen, times=known.times + 1)
            new = evolve(new, object=self._keep_object(specimen.path, new))
            self._put(f"{new.id}{_FACTS}", json.dumps(asdict(new), indent=1).encode())
            self._bound([*(one for one in found if one.id != new.id), new])
        return new

    def ls(self) -> list[Quarantined]:
        """What was set aside, the oldest first; facts that cannot be read are left out.

        Raises
        ------
        CacheUnavailableError
            When the folder cannot be read.
        """
        with unavailable(self._root):
            found = (self.get(name.removesuffix(_FACTS)) for name in self._names() if name.endswith(_FACTS))
            return sorted((one for one in found if one is not None), key=lambda one: one.number)

    def get(self, name: str) -> Quarantined | None:
        """The object of an id; None when there is none."""
        if not _ID.match(name):
            return None
        with suppress(
            FileNotFoundError, NotADirectoryError, ValueError, TypeError, AttributeError, RecursionError
        ):
            told: Any = json.loads((self.folder / f"{name}{_FACTS}").read_text("utf-8"))
            told = Quarantined(**told)
            own = told.object in (None, f"{name}{_OBJECT}") and isinstance(told.number, int)
            return told if own and told.id == name else None
        return None

    def path_of(self, one: Quarantined) -> Path | None:
        """Where the object's bytes lie; None when they were too large to keep."""
        return None if one.object is None else self.folder / one.object

    def clear(self, ids: Collection[str] | None = None) -> int:
        """Remove those of ``ids``, or all; gives how many there were.

        Raises
        ------
        CacheUnavailableError
            When one cannot be removed.
        """
        if not self.folder.is_dir():
            return 0
        with self._locked():
            meant = {name[:16] for name in self._names() if ids is None or name[:16] in ids}
            gone = sum(one.id in meant for one in self.ls())
            for name in meant:
                self._remove(name)
        return gone

    def _names(self) -> list[str]:
        """Names of our own making; links are not followed."""
        try:
            with os.scandir(self.folder) as scan:
                found = [entry.name for entry in scan if entry.is_file(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(n for n in found if _ID.match(n[:16]) and n[16:] in (_FACTS, _OBJECT))

    def _keep_object(self, path: Path, new: Quarantined) -> str | None:
        if new.size > self._most_bytes:
            return None
        name = f"{new.id}{_OBJECT}"
        target = self.folder / name
        if not (target.is_file() and target.stat().st_size == new.size):
            temporary = self.folder / f"{name}.tmp"
            shutil.copyfile(path, temporary)
            patiently(lambda: os.replace(temporary, target))
        return name

    def _put(self, name: str, data: bytes) -> None:
        temporary = self.folder / f"{name}.tmp"
        temporary.write_bytes(data)
        patiently(lambda: os.replace(temporary, self.folder / name))

    def _bound(self, found: list[Quarantined]) -> None:
        """Let the oldest go until what is left keeps both bounds, and what nobody can read at once."""
        for left in self.folder.glob("*.tmp"):
            # Of a process that was killed: whoever holds the lock has none now.
            left.unlink(missing_ok=True)
        kept = {one.id for one in found}
        for name in {name[:16] for name in self._names()} - kept:
            self._remove(name)
        sizes = [one.size if one.object else 0 for one in found]
        for one, size in zip(list(found), list(sizes), strict=True):
            if len(found) <= self._most and sum(sizes) <= self._most_bytes:
                return
            self._remove(one.id)
            found.remove(one)
            sizes.remove(size)

    def _remove(self, name: str) -> None:
        for suffix in (_OBJECT, _FACTS):
            path = self.folder / f"{name}{suffix}"
            with suppress(FileNotFoundError):
                patiently(path.unlink)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with unavailable(self._root):
            make_folder(str(self.folder))
            check_inside(self._root, str(self.folder))
            lock = FileLock(self.folder / _LOCK, timeout=_LOCK_S)
            try:
                lock.acquire()
            except (Timeout, NotImplementedError) as error:
                raise CacheUnavailableError(
                    f"The lock of {self.folder} cannot be had.",
                    hint="Another process may hold it, or the file system has no locks.",
                    path=str(self.folder),
                ) from error
            try:
                yield
            finally:
                lock.release()


def _facts_of(
    specimen: Specimen, outcome: Outcome, reason: str, error: str, seen: str, number: int
) -> Quarantined:
    origin = specimen.origin
    url, sha256 = origin.url or "", origin.sha256 or ""
    return Quarantined(
        id=xxhash.xxh3_64_hexdigest(f"{url}\n{sha256}".encode()),
        number=number,
        outcome=outcome,
        reason=_plain(reason),
        error=error,
        url=_plain(url),
        sha256=sha256,
        stated_sha256=specimen.stated,
        size=origin.size or 0,
        etag=origin.etag,
        last_modified=origin.last_modified,
        client=specimen.client,
        series=specimen.series,
        first_seen=seen,
        last_seen=seen,
    )


def _plain(text: str) -> str:
    """One line of printable text: what an archive wrote may stand in it."""
    line = " ".join(text.split())[:_LONGEST]
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
