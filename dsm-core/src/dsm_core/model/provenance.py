"""What an answer says of itself: where rows came from and why bars are missing."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import frozen

from dsm_core.model.time_range import from_ns, iso

__all__ = ["FINAL_REASONS", "Failure", "Gap", "Segment"]

FINAL_REASONS: Final = frozenset(
    {"venue_has_none", "market_closed", "not_listed_yet", "delisted", "beyond_history", "withdrawn"}
)


@frozen(kw_only=True)
class Gap:
    """Bars that are missing from ``[start_ns, end_ns)``.

    Parameters
    ----------
    bars
        How many slots; None where the grid is unknown.
    reason
        ``venue_has_none``, ``market_closed``, ``not_listed_yet``, ``delisted``, ``beyond_history``,
        ``withdrawn``, ``not_closed_yet``, ``not_published_yet``, ``source_failed`` or ``not_requested``.
    final
        True when asking again cannot help.
    detail
        The error behind ``source_failed``, or what else explains it.
    """

    start_ns: int
    end_ns: int
    bars: int | None
    reason: str
    final: bool
    detail: str = ""

    @property
    def start_time(self) -> datetime:
        """First missing open, inclusive, UTC."""
        return from_ns(self.start_ns)

    @property
    def end_time(self) -> datetime:
        """End of the gap, exclusive, UTC."""
        return from_ns(self.end_ns)

    def __str__(self) -> str:
        bars = "" if self.bars is None else f", {self.bars} bar{'s' * (self.bars != 1)}"
        sure = "final" if self.final else "not final"
        detail = f": {self.detail}" if self.detail else ""
        return f"{iso(self.start_ns)} to {iso(self.end_ns)}{bars}: {self.reason} ({sure}){detail}"


@frozen(kw_only=True)
class Segment:
    """Rows of ``[start_ns, end_ns)`` that share one origin.

    ``source`` is where they were fetched from first (``vision``, ``rest``), also when this call
    read them from the cache (``from_cache``). ``origin`` is the URL, ``sha256`` that of the file.
    """

    start_ns: int
    end_ns: int
    rows: int
    source: str
    origin: str | None
    sha256: str | None
    fetched_at: datetime
    from_cache: bool

    @property
    def start_time(self) -> datetime:
        """First instant, inclusive, UTC."""
        return from_ns(self.start_ns)

    @property
    def end_time(self) -> datetime:
        """End, exclusive, UTC."""
        return from_ns(self.end_ns)


@frozen(kw_only=True)
class Failure:
    """A source that did not deliver a range; the range moved on to the next source."""

    start_ns: int
    end_ns: int
    source: str
    error: Exception
    url: str | None = None

    def __str__(self) -> str:
        return f"{self.source} for {iso(self.start_ns)} to {iso(self.end_ns)}: {self.error}"
