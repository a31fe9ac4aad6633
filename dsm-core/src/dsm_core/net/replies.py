"""What a finished request gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import frozen

from dsm_core.model.time_range import NS_PER_S, to_ns

__all__ = ["Download", "JsonReply", "TextReply"]


@frozen(kw_only=True)
class JsonReply:
    """A parsed JSON answer.

    Parameters
    ----------
    body
        The parsed value.
    headers
        Response headers, names in lower case.
    url
        Where the answer came from, credentials masked.
    status
        HTTP status.
    server_date
        The server's clock when it answered (UTC, whole seconds), where it said so.
    """

    body: Any
    headers: Mapping[str, str]
    url: str
    status: int
    server_date: datetime | None = None

    @property
    def as_of(self) -> int | None:
        """When the server made the answer, by its own clock: for `Answer.as_of`.

        UTC nanoseconds, the end of the second that it told; None where it told none.
        """
        return None if self.server_date is None else to_ns(self.server_date) + NS_PER_S


@frozen(kw_only=True)
class TextReply:
    """A text answer; the fields are those of `JsonReply`, with ``text`` for the body."""

    text: str
    headers: Mapping[str, str]
    url: str
    status: int
    server_date: datetime | None = None


@frozen(kw_only=True)
class Download:
    """A file that arrived whole.

    Parameters
    ----------
    path
        Where it is.
    url
        Where it came from, credentials masked.
    size
        Bytes in the file.
    sha256
        Of the file's bytes, in lower-case hex.
    etag, last_modified
        The response headers as sent, where present.
    """

    path: Path
    url: str
    size: int
    sha256: str
    etag: str | None = None
    last_modified: str | None = None
