"""A file of another program, read once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from attrs import frozen

from dsm_core.errors import RequestError

__all__ = ["SourceFile"]


@frozen(eq=False)
class SourceFile:
    """A file to be imported; ``data`` and ``sha256`` are of the same bytes.

    ``written_ns`` is when it was last written, UTC nanoseconds.
    """

    path: Path
    data: bytes
    sha256: str
    written_ns: int

    @classmethod
    def read(cls, path: Path) -> SourceFile:
        """Read it.

        Raises
        ------
        RequestError
            When it cannot be read or is empty.
        """
        try:
            data, written_ns = path.read_bytes(), path.stat().st_mtime_ns
        except OSError as error:
            raise RequestError(f"{path} cannot be read: {error.strerror}.", path=path) from error
        if not data:
            raise RequestError(f"{path} is empty.", hint="There is nothing to import.", path=path)
        return cls(path, data, hashlib.sha256(data).hexdigest(), written_ns)

    def refusal(self, what: str, hint: str | None = None) -> RequestError:
        """Error that says what is wrong with it."""
        return RequestError(f"{self.path}: {what}.", hint=hint, path=self.path)
