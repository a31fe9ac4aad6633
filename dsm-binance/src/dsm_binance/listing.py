"""The archive's listing: S3 ListObjects pages of keys."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree

from attrs import frozen

from dsm_core.errors import ProtocolChangedError
from dsm_core.plugins import ClientContext

__all__ = ["Page", "list_folders", "list_keys", "list_page", "parse_listing"]

_NS: Final = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_PAGE_BYTES: Final = 8 * 1024 * 1024


@frozen(kw_only=True)
class Page:
    """One answer: keys, folders, and where the next one starts."""

    keys: list[str]
    folders: list[str]
    truncated: bool
    next_marker: str


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
        page = await _ask(context, prefix, marker=marker)
        keys += [key for key in page.keys if key <= until]
        if not page.truncated or not page.keys or page.keys[-1] > until:
            return keys
        marker = _advanced(marker, page.keys[-1])


async def list_folders(context: ClientContext, prefix: str) -> list[str]:
    """Names of the folders right below ``prefix``."""
    names: list[str] = []
    marker = ""
    while True:
        page = await _ask(context, prefix, marker=marker, delimiter="/")
        names += [folder.removeprefix(prefix).rstrip("/") for folder in page.folders]
        if not page.truncated or not page.next_marker:
            return names
        marker = _advanced(marker, page.next_marker)


async def list_page(context: ClientContext, prefix: str, *, most: int) -> list[str]:
    """The first ``most`` keys below ``prefix``."""
    return (await _ask(context, prefix, **{"max-keys": most})).keys


async def _ask(context: ClientContext, prefix: str, **params: str | int) -> Page:
    reply = await context.http.get_text(
        "{listing}", {"prefix": prefix, **{k: v for k, v in params.items() if v != ""}}, max_bytes=_PAGE_BYTES
    )
    return parse_listing(reply.text, reply.url)


def _advanced(before: str, now: str) -> str:
    if now <= before:
        raise ProtocolChangedError(
            "The listing does not advance.", hint="Look for a new release of dsm-binance."
        )
    return now


def parse_listing(text: str, url: str) -> Page:
    """One page of a listing.

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
    return Page(
        keys=[node.text or "" for node in root.iter(f"{_NS}Key")],
        folders=[node.findtext(f"{_NS}Prefix") or "" for node in root.iter(f"{_NS}CommonPrefixes")],
        truncated=root.findtext(f"{_NS}IsTruncated") == "true",
        next_marker=root.findtext(f"{_NS}NextMarker") or "",
    )
