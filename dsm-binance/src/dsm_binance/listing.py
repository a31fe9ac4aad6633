"""The archive's listing: S3 ListObjects pages of keys."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree

from dsm_core.errors import ProtocolChangedError
from dsm_core.plugins import ClientContext

__all__ = ["list_keys", "parse_listing"]

_NS: Final = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_PAGE_BYTES: Final = 8 * 1024 * 1024


async def list_keys(context: ClientContext, prefix: str, *, after: str, until: str) -> list[str]:
    """Keys below ``prefix`` that sort after ``after`` and not after ``until``.

    Raises
    ------
    ProtocolChangedError
        When an answer is no listing, or its pages do not advance.
    """
    keys: list[str] = []
    marker = after
    while True:
        reply = await context.http.get_text(
            "{listing}", {"prefix": prefix, "marker": marker}, max_bytes=_PAGE_BYTES
        )
        page, truncated = parse_listing(reply.text, reply.url)
        keys += [key for key in page if key <= until]
        if not truncated or not page or page[-1] > until:
            return keys
        if page[-1] <= marker:
            raise ProtocolChangedError("The listing does not advance.", url=reply.url)
        marker = page[-1]


def parse_listing(text: str, url: str) -> tuple[list[str], bool]:
    """Keys of one page, and whether more follow.

    Raises
    ------
    ProtocolChangedError
        When the text is no S3 listing.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ProtocolChangedError("The listing is not plain XML.", url=url)
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - entities are refused above
    except ElementTree.ParseError as error:
        raise ProtocolChangedError(f"The listing cannot be read: {error}.", url=url) from error
    if root.tag != f"{_NS}ListBucketResult":
        raise ProtocolChangedError(f"The listing is {root.tag!r}.", url=url)
    keys = [node.text or "" for node in root.iter(f"{_NS}Key")]
    return keys, root.findtext(f"{_NS}IsTruncated") == "true"
