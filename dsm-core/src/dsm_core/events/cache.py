"""What the cache held and what it was given."""

from __future__ import annotations

from attrs import frozen

from dsm_core.events.event import Event

__all__ = ["CacheHit", "CacheWritten"]


@frozen(kw_only=True)
class CacheHit(Event):
    """The cache knows something of the range: rows, or that there are none.

    Parameters
    ----------
    rows
        Rows that were read.
    """

    rows: int


@frozen(kw_only=True)
class CacheWritten(Event):
    """A cache file was replaced.

    Parameters
    ----------
    path
        Of the file.
    rows
        Rows in it.
    bytes_written
        Its size.
    """

    path: str
    rows: int
    bytes_written: int
