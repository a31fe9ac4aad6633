"""What a file held that serves no more: written down as wanted, so that whoever asks next fetches it again.

The file itself, set aside, is the note until then: whoever moved it may be killed before anything is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from attrs import frozen

from dsm_core.cache.file import SUFFIX, CacheFile, Unusable, peek
from dsm_core.cache.folder import RESTATED, SeriesFolder
from dsm_core.cache.period import Period, parse_period
from dsm_core.cache.read import Series
from dsm_core.cache.report import Report
from dsm_core.model.time_range import RangeSet

__all__ = ["Lost", "drop_restated", "find_left", "find_lost", "put_away"]

_LEFT: Final = (".corrupt", RESTATED)


@frozen
class Lost:
    """A file's period, and what the file said of it; None when it does not even say that.

    Nothing is believed of what it says but where to look again.
    """

    period: Period
    told: RangeSet | None

    def ranges(self, now: int) -> RangeSet:
        """Where to look again: all of the period, as far as it has passed, where the file does not say."""
        if self.told is not None:
            return self.told
        end = min(self.period.end, now)
        return RangeSet.from_pairs([(self.period.start, end)] if self.period.start < end else [])

    def noted_at(self, coarse: Period) -> int:
        """As of when the note is written, so that its file is of the same kind; UTC nanoseconds.

        Parameters
        ----------
        coarse
            The closed period that holds this one.
        """
        # At its own end the last fine period would close the coarse one.
        return self.period.end if self.period == coarse else self.period.end - 1


def find_lost(reports: Sequence[Report]) -> list[Lost]:
    """What the damaged files among ``reports`` held, of those that were moved."""
    found = []
    for report in reports:
        name = os.path.basename(report.file.path)
        period = parse_period(name[: -len(SUFFIX)])
        if report.file.why == "damaged" and report.moved_to is not None and period is not None:
            found.append(Lost(period, _told(report.moved_to, period)))
    return found


def find_left(folder: SeriesFolder) -> list[Lost]:
    """What the files held that lie in a series' folder, damaged and set aside, or put away."""
    found = []
    for name in sorted(folder.names()):
        stem, is_file, rest = name.partition(SUFFIX)
        period = parse_period(stem) if is_file and rest.startswith(_LEFT) else None
        if period is not None:
            found.append(Lost(period, _told(os.path.join(folder.path, name), period)))
    return found


def put_away(series: Series) -> None:
    """Move the files of a series out of the way, until others have taken their place.

    What a newer DSM wrote stays.

    Raises
    ------
    CacheUnavailableError
        When another writer keeps a period too long.
    """
    folder = series.folder
    for coarse in sorted({folder.coarse_of(period) for period in folder.periods()}):
        with folder.lock(coarse):
            for found in folder.find_all(coarse):
                with suppress(FileNotFoundError):
                    opened = series.open(found)
                    if isinstance(opened, CacheFile) or opened.why != "newer":
                        folder.move(found.path, RESTATED)


def drop_restated(folder: SeriesFolder) -> None:
    """Remove what was put away."""
    for path in _restated(folder):
        with suppress(FileNotFoundError):
            os.unlink(path)


def _restated(folder: SeriesFolder) -> Iterator[str]:
    for name in folder.names():
        stem, _, rest = name.partition(SUFFIX)
        if rest.startswith(RESTATED) and parse_period(stem) is not None:
            yield os.path.join(folder.path, name)


def _told(path: str, period: Period) -> RangeSet | None:
    try:
        header = peek(path)
    except OSError:
        return None
    return None if isinstance(header, Unusable) else header.ledger.ranges().within(period.span)
