"""A body to a file: whole and hashed, or not there at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from pathlib import Path
from typing import BinaryIO

from dsm_core.errors import ProtocolChangedError, ServerError
from dsm_core.net.limits import Runner
from dsm_core.net.replies import Download
from dsm_core.net.settings import MIB
from dsm_core.net.wire import Answer

__all__ = ["save"]


async def save(answer: Answer, to: Path, run: Runner, max_bytes: int) -> Download:
    """Write the body beside ``to`` and move it there when it is complete."""
    _check_announced(answer, max_bytes)
    part = _PartFile(to)
    try:
        async for chunk in answer.chunks(MIB):
            size = await run(part.write, chunk)
            if size > max_bytes:
                message = f"The file is longer than the {max_bytes} bytes allowed for it."
                raise ProtocolChangedError(message, status=answer.status, **answer.about)
        _check_length(answer)
        size, sha256 = await run(part.finish)
    finally:
        part.discard()
    headers = answer.headers
    return Download(
        path=to,
        url=answer.url,
        size=size,
        sha256=sha256,
        etag=headers.get("etag"),
        last_modified=headers.get("last-modified"),
    )


def _announced(answer: Answer) -> int | None:
    text = answer.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _check_announced(answer: Answer, max_bytes: int) -> None:
    announced = _announced(answer)
    if announced is not None and announced > max_bytes:
        message = f"The file has {announced} bytes; at most {max_bytes} are allowed for it."
        raise ProtocolChangedError(message, status=answer.status, **answer.about)


def _check_length(answer: Answer) -> None:
    announced = _announced(answer)
    if announced is not None and announced != answer.bytes_received:
        message = f"The body has {answer.bytes_received} bytes where {announced} were announced."
        raise ServerError(message, status=answer.status, **answer.about)


class _PartFile:
    """The temporary file; its methods may run in any thread, `discard` even beside the others."""

    def __init__(self, to: Path) -> None:
        self._to = to
        self._path = to.with_name(f".{to.name[:100]}.{os.getpid()}-{secrets.token_hex(6)}.part")
        self._lock = threading.Lock()
        self._sha256 = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._size = 0
        self._done = False

    def write(self, chunk: bytes) -> int:
        """Append; give the size so far."""
        with self._lock:
            if not self._done:
                self._open().write(chunk)
                self._sha256.update(chunk)
                self._size += len(chunk)
            return self._size

    def finish(self) -> tuple[int, str]:
        """Move the file to its place; give its size and hash."""
        with self._lock:
            if not self._done:
                self._open().close()
                self._path.replace(self._to)
                self._done = True
            return self._size, self._sha256.hexdigest()

    def discard(self) -> None:
        """Leave nothing behind unless the file is finished."""
        with self._lock:
            if not self._done and self._file is not None:
                self._file.close()
                self._path.unlink(missing_ok=True)
            self._done = True

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._to.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb")
        return self._file
