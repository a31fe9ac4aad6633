"""The archive over HTTP: ranges, conditional requests, and S3's answer for what is not there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate
from typing import Final

from dsm_binance.emulator.archive import CHECKSUM, Archive, StoredObject
from dsm_binance.emulator.replies import no_such_key
from dsm_core.emulation import Reply

__all__ = ["answer_object"]

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_ZIP, _TEXT = "application/zip", "binary/octet-stream"


def answer_object(archive: Archive, path: str, headers: Mapping[str, str]) -> Reply:
    """Answer a GET of an archive path."""
    stored = archive.find(path)
    if stored is None:
        return no_such_key(path)
    kind = _TEXT if path.endswith(CHECKSUM) else _ZIP
    sent = {
        "ETag": stored.etag,
        "Last-Modified": formatdate(stored.modified_ms / 1000, usegmt=True),
        "Accept-Ranges": "bytes",
        "Server": "AmazonS3",
        "X-Cache": "Miss from cloudfront",
    }
    if _is_unchanged(stored, headers.get("If-None-Match", "")):
        return Reply(304, b"", kind, sent)
    asked = headers.get("Range", "")
    if not asked or headers.get("If-Range", stored.etag) != stored.etag:
        return Reply(200, stored.body, kind, sent)
    return _part(stored, asked, kind, sent)


def _is_unchanged(stored: StoredObject, if_none_match: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or stored.etag in tags


def _part(stored: StoredObject, asked: str, kind: str, sent: dict[str, str]) -> Reply:
    """Answer a request for one range; what cannot be read as one gives the whole, as RFC 9110 says."""
    match = _RANGE.fullmatch(asked.strip())
    size = len(stored.body)
    if match is None or not (match[1] or match[2]):
        return Reply(200, stored.body, kind, sent)
    first = int(match[1]) if match[1] else max(size - int(match[2]), 0)
    last = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
    if first >= size or first > last:
        return Reply(416, b"", kind, {**sent, "Content-Range": f"bytes */{size}"})
    sent["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Reply(206, stored.body[first : last + 1], kind, sent)
