"""Small JSON documents beside the series: facts that may be looked up again when they are old."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from dsm_core.cache.disk import check_inside, make_folder, patiently, sync_folder
from dsm_core.cache.paths import escape
from dsm_core.cache.report import unavailable

__all__ = ["DocumentStore", "StoredDocument"]


@frozen
class StoredDocument:
    """A document and when it was fetched, UTC nanoseconds."""

    body: Any
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
        with suppress(OSError, ValueError, KeyError, TypeError):
            held = json.loads(Path(self._path(parts)).read_text(encoding="utf-8"))
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
        with unavailable(str(self.root)):
            make_folder(os.path.dirname(path))
            check_inside(str(self.root), os.path.dirname(path))
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
            sync_folder(os.path.dirname(path))

    def _path(self, parts: Sequence[str]) -> str:
        return os.path.join(self.root, *(escape(part, keep="lower") for part in parts)) + ".json"
