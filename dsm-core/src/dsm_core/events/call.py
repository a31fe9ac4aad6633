"""How a call went: its plan, what each source did, and what is missing at the end."""

from __future__ import annotations

import logging
from typing import ClassVar

from attrs import field, frozen

from dsm_core.events.event import Event
from dsm_core.events.scope import current_scope

__all__ = ["GapFound", "Planned", "SegmentDone", "SourceSkipped"]


@frozen(kw_only=True)
class Planned(Event):
    """A plan was made; a range that the cache holds whole needs none.

    Parameters
    ----------
    tasks
        Ranges, each for one source.
    requests
        HTTP requests foreseen, those for the venue's clock included.
    """

    tasks: int
    requests: int


@frozen(kw_only=True)
class SegmentDone(Event):
    """One task of a plan was answered.

    Parameters
    ----------
    source
        Who answered.
    start_ns, end_ns
        The range, UTC nanoseconds; the end is exclusive.
    rows
        Rows of closed bars that came.
    """

    source: str = field(factory=lambda: current_scope().source)
    start_ns: int
    end_ns: int
    rows: int


@frozen(kw_only=True)
class SourceSkipped(Event):
    """A source failed for a range, which moves on to the next source.

    Parameters
    ----------
    source
        Who failed.
    error
        What happened.
    """

    log_level: ClassVar[int] = logging.WARNING

    source: str = field(factory=lambda: current_scope().source)
    error: str


@frozen(kw_only=True)
class GapFound(Event):
    """Bars that no source had.

    Parameters
    ----------
    start_ns, end_ns
        The range, UTC nanoseconds; the end is exclusive.
    reason
        One of the gap reasons, such as ``venue_has_none``.
    final
        Whether asking again is pointless.
    """

    start_ns: int
    end_ns: int
    reason: str
    final: bool
