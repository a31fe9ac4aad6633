"""One size of an archive's objects: which periods, and when each is published."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from dsm_core.model.grid import Grid
from dsm_core.model.time_range import RangeSet, TimeRange

__all__ = ["Granularity"]


def _at_end(end: int) -> int:
    return end


@frozen(kw_only=True)
class Granularity:
    """One size of object: which periods, and when each is published.

    Parameters
    ----------
    name
        Such as ``monthly``.
    grid
        The periods; each is one object.
    published_at
        Earliest UTC nanosecond at which the object of a period that ended at the given one can be
        there; before it the object is not asked for.
    requests
        HTTP requests an object takes, its checksum included.
    size_bytes
        Usual size; None when unknown.
    """

    name: str
    grid: Grid
    published_at: Callable[[int], int] = _at_end
    requests: int = 2
    size_bytes: int | None = None

    def periods(self, ranges: RangeSet) -> Iterator[TimeRange]:
        """Periods that overlap ``ranges``, ascending, each once."""
        done: int | None = None
        for r in ranges:
            start = self.grid.floor(r.start) if done is None else max(self.grid.floor(r.start), done)
            while start < r.end:
                done = self.grid.next(start)
                yield TimeRange(start, done)
                start = done
