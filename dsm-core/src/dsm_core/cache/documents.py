"""Small JSON documents beside the series: facts that may be looked up again when they are old."""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from dsm_core.cache.disk import check_inside, open_quietly, patiently, sync_folder
from dsm_core.cache.in_use import MARKS, mark_used
from dsm_core.cache.paths import escape, unescape
from dsm_core.cache.report import unavailable

__all__ = ["CachedDocument", "DocumentStore", "StoredDocument", "files_of", "list_documents", "sweep_dead"]

_SUFFIX: Final = ".json"
_LEFT: Final = re.compile(r"\.[0-9a-f]{16}\.tmp\Z")
_LEVELS: Final = 4
# No write takes that long. Documents have no lock: who writes last wins.
_DEAD_NS: Final = 3600 * 10**9


@frozen
class StoredDocument:
    """A document and when it was fetched, UTC nanoseconds."""

    body: Any
    fetched: int


@frozen(kw_only=True)
class CachedDocument:
    """A document on disk.

    Parameters
    ----------
    name
        Its parts with slashes between them: ``binance/spot/universe/symbols``.
    path, bytes
        Where it is, and its size.
    fetched
        When its facts were looked up, UTC nanoseconds.
    """

    name: str
    path: Path
    bytes: int
    fetched: int


@frozen
class DocumentStore:
    """Documents below the root of a cache.

    Parameters
    ----------
    root
        The cache's folder.
    """

    root: Path

    def read(self, parts: Sequence[str]) -> StoredDocument | None:
        """The document of that name; None when there is none, or it cannot be read."""
        with suppress(OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            path = self._path(parts)
            status = os.stat(path)
            # Anything else may never end.
            if not stat.S_ISREG(status.st_mode):
                return None
            held = json.loads(Path(path).read_text(encoding="utf-8"))
            mark_used(path, status.st_atime_ns)
            return StoredDocument(held["body"], int(held["fetched"]))
        return None

    def write(self, parts: Sequence[str], body: Any, *, fetched: int) -> None:
        """Put a document in place, all or nothing.

        Raises
        ------
        CacheUnavailableError
            When the folder cannot be written.
        """
        path = self._path(parts)
        root, folder = str(self.root), os.path.dirname(path)
        with unavailable(root), MARKS.using_made(root, folder):
            check_inside(root, folder)
            temporary = f"{path}.{secrets.token_hex(8)}.tmp"
            try:
                with open(temporary, "x", encoding="utf-8") as file:
                    json.dump({"fetched": fetched, "body": body}, file)
                    file.flush()
                    os.fsync(file.fileno())
                patiently(lambda: os.replace(temporary, path))
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
            sync_folder(folder)
            for left in _leftovers(path):
                sweep_dead(left)

    def _path(self, parts: Sequence[str]) -> str:
        return os.path.join(self.root, *(escape(part, keep="lower") for part in parts)) + _SUFFIX


def list_documents(root: str) -> Iterator[CachedDocument]:
    """Every document, by path; files of other make and links are passed over."""
    for folder, folders, names in os.walk(root):
        depth = 0 if folder == root else os.path.relpath(folder, root).count(os.sep) + 1
        folders[:] = sorted(folders) if depth + 1 < _LEVELS else []
        for name in sorted(n for n in names if n.endswith(_SUFFIX)):
            found = _document(root, os.path.join(folder, name))
            if found is not None:
                yield found


def files_of(held: CachedDocument) -> list[str]:
    """The document's own file, and what writers that were killed left of it."""
    return [str(held.path), *_leftovers(str(held.path))]


def sweep_dead(path: str, *, however_young: bool = False) -> bool:
    """Remove a temporary that no live writer can have; whether it was one.

    Parameters
    ----------
    however_young
        It is known that nobody writes there.
    """
    with suppress(OSError):
        if however_young or time.time_ns() - os.stat(path).st_mtime_ns > _DEAD_NS:
            os.unlink(path)
            return True
    return False


def _leftovers(path: str) -> list[str]:
    """Temporaries of a document, of live writers too."""
    folder, name = os.path.split(path)
    with suppress(FileNotFoundError):
        left = (n for n in sorted(os.listdir(folder)) if n.startswith(name))
        return [os.path.join(folder, n) for n in left if _LEFT.fullmatch(n[len(name) :])]
    return []


def _document(root: str, path: str) -> CachedDocument | None:
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        # A link is not followed, and a pipe would never end.
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open_quietly(path) as file:
            body = file.read()
        held = json.loads(body)
        parts = os.path.relpath(path, root).removesuffix(_SUFFIX).split(os.sep)
        if isinstance(held, dict) and held.keys() == {"fetched", "body"}:
            name = "/".join(map(unescape, parts))
            return CachedDocument(name=name, path=Path(path), bytes=len(body), fetched=int(held["fetched"]))
    return None
