"""S3's ListObjects, versions 1 and 2, as XML.

Sizes and ETags are those of the objects. Making every file for one page could take seconds, though: once a
page has made `BUILT_ROWS` rows, a file that nobody has downloaded yet is listed with an estimated size and
without an ETag.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final
from xml.sax.saxutils import escape

from dsm_binance.emulator.archive import CHECKSUM, Archive
from dsm_binance.emulator.bucket import Bucket
from dsm_binance.emulator.intervals import DAY_MS
from dsm_binance.emulator.paths import ArchivePath
from dsm_binance.emulator.replies import XML
from dsm_core.emulation import Reply, from_ms

__all__ = ["BUILT_ROWS", "answer_listing"]

BUILT_ROWS: Final = 100_000
# Minute bars deflate to about this many bytes each, beside the zip's own.
_ROW_BYTES: Final = 58
_ZIP_BYTES: Final = 250
_MOST_KEYS: Final = 1_000
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass
class _Page:
    """One page of keys and rolled-up prefixes."""

    contents: list[tuple[str, ArchivePath]] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    truncated: bool = False

    def __len__(self) -> int:
        return len(self.contents) + len(self.prefixes)


def answer_listing(archive: Archive, bucket: Bucket, query: Mapping[str, str]) -> Reply:
    """Answer a listing request with XML, or with S3's error for arguments that it refuses."""
    second = query.get("list-type") == "2"
    try:
        most = min(int(query.get("max-keys") or _MOST_KEYS), _MOST_KEYS)
        marker = _token_key(query) if second else query.get("marker", "")
    except ValueError:
        return _invalid("Provided max-keys or continuation-token is not valid")
    if most < 0:
        return _invalid("Argument maxKeys must be an integer between 0 and 2147483647")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    page = _read_page(bucket, prefix, delimiter, marker, most)
    head = _head_2(query, page) if second else _head_1(marker, delimiter, page)
    body = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        f'<ListBucketResult xmlns="{_NAMESPACE}"><Name>data.binance.vision</Name>',
        _tag("Prefix", prefix),
        *head,
        _tag("MaxKeys", str(most)),
        _tag("Delimiter", delimiter) if delimiter else "",
        _tag("IsTruncated", str(page.truncated).lower()),
        *_contents(archive, page),
        *(f"<CommonPrefixes>{_tag('Prefix', rolled)}</CommonPrefixes>" for rolled in page.prefixes),
        "</ListBucketResult>",
    ]
    return Reply(200, "".join(body).encode(), XML)


def _read_page(bucket: Bucket, prefix: str, delimiter: str, marker: str, most: int) -> _Page:
    page = _Page()
    for rolled, key, named in _entries(bucket, prefix, delimiter, marker):
        if len(page) == most:
            page.truncated = most > 0
            break
        if rolled:
            page.prefixes.append(key)
        else:
            page.contents.append((key, named))
        page.last = key
    return page


def _entries(
    bucket: Bucket, prefix: str, delimiter: str, marker: str
) -> Iterator[tuple[bool, str, ArchivePath]]:
    """Keys and, with a delimiter, each group of keys below one; a group is left as soon as it shows a key."""
    after = marker
    while True:
        found = next(iter(bucket.walk(prefix, after)), None)
        if found is None:
            return
        path, named = found
        cut = path.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            yield from _plain(bucket, prefix, delimiter, after)
            return
        rolled = path[: cut + len(delimiter)]
        if rolled > marker:
            yield True, rolled, named
        # The least text that is greater than every key below the group.
        after = rolled[:-1] + chr(ord(rolled[-1]) + 1)


def _plain(
    bucket: Bucket, prefix: str, delimiter: str, after: str
) -> Iterator[tuple[bool, str, ArchivePath]]:
    """The keys of a folder itself; archive folders hold files or folders, never both."""
    for path, named in bucket.walk(prefix, after):
        if not delimiter or delimiter not in path[len(prefix) :]:
            yield False, path, named


def _head_1(marker: str, delimiter: str, page: _Page) -> list[str]:
    following = _tag("NextMarker", page.last) if page.truncated and delimiter else ""
    return [_tag("Marker", marker), following]


def _head_2(query: Mapping[str, str], page: _Page) -> list[str]:
    head = [_tag("KeyCount", str(len(page)))]
    for name, argument in (("ContinuationToken", "continuation-token"), ("StartAfter", "start-after")):
        if argument in query:
            head.append(_tag(name, query[argument]))
    if page.truncated:
        head.append(_tag("NextContinuationToken", urlsafe_b64encode(page.last.encode()).decode()))
    return head


def _token_key(query: Mapping[str, str]) -> str:
    token = query.get("continuation-token")
    return urlsafe_b64decode(token).decode() if token else query.get("start-after", "")


def _contents(archive: Archive, page: _Page) -> Iterator[str]:
    rows_left = BUILT_ROWS
    for _, group in groupby(page.contents, key=lambda entry: entry[1].path):
        entries = list(group)
        key = entries[0][1]
        rows = _rows_of(key)
        if archive.built(key) is None and rows <= rows_left:
            rows_left -= rows
            archive.find(key.path)
        yield from (_content(archive, path, key) for path, _ in entries)


def _content(archive: Archive, path: str, key: ArchivePath) -> str:
    stored = archive.find(path) if archive.built(key) is not None else None
    if stored is not None:
        size, etag, modified_ms = len(stored.body), _tag("ETag", stored.etag), stored.modified_ms
    else:
        size = len(f"{'0' * 64}  {key.name}.zip") if path.endswith(CHECKSUM) else _estimate(key)
        etag, modified_ms = "", archive.modified_ms(key)
    return (
        f"<Contents>{_tag('Key', path)}{_tag('LastModified', _instant(from_ms(modified_ms)))}{etag}"
        f"{_tag('Size', str(size))}{_tag('StorageClass', 'STANDARD')}</Contents>"
    )


def _rows_of(key: ArchivePath) -> int:
    return -(-(key.end_ms - key.start_ms) // (key.interval.step_ms or 28 * DAY_MS))


def _estimate(key: ArchivePath) -> int:
    return _rows_of(key) * _ROW_BYTES + _ZIP_BYTES


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text, {chr(34): '&quot;'})}</{name}>"


def _invalid(message: str) -> Reply:
    body = '<?xml version="1.0" encoding="UTF-8"?>\n<Error>' + _tag("Code", "InvalidArgument")
    return Reply(400, (body + _tag("Message", message) + "</Error>").encode(), XML)
