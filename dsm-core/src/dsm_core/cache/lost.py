"""What a damaged file held: written down as wanted, so that it is fetched again by whoever asks next."""

from __future__ import annotations

import os
from collections.abc import Sequence

from attrs import frozen

from dsm_core.cache.file import SUFFIX, Unusable, peek
from dsm_core.cache.period import Period, parse_period
from dsm_core.cache.report import Report
from dsm_core.model.time_range import RangeSet

__all__ = ["Lost", "find_lost"]


@frozen
class Lost:
    """A damaged file's period, and what the file said of it; None when it does not even say that.

    Nothing is believed of what it says but where to look again.
    """

    period: Period
    told: RangeSet | None


def find_lost(reports: Sequence[Report]) -> list[Lost]:
    """What the damaged files among ``reports`` held, of those that were moved."""
    found = []
    for report in reports:
        name = os.path.basename(report.file.path)
        period = parse_period(name[: -len(SUFFIX)])
        if report.file.why == "damaged" and report.moved_to is not None and period is not None:
            found.append(Lost(period, _told(report.moved_to, period)))
    return found


def _told(path: str, period: Period) -> RangeSet | None:
    try:
        header = peek(path)
    except OSError:
        return None
    return None if isinstance(header, Unusable) else header.ledger.ranges().within(period.span)
