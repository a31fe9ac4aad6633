"""One long request as a row of short ones."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from dsm_core.fcp.call import Call
from dsm_core.fcp.request import Request
from dsm_core.model.grid import grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import from_ns

__all__ = ["chunk_requests"]


def chunk_requests(call: Call, chunk: str) -> Iterator[Request]:
    """Requests of the pieces of ``call``'s range, cut where periods of ``chunk`` begin.

    Raises
    ------
    RequestError
        When ``chunk`` is no interval.
    """
    grid = grid_for(Interval(chunk))
    if call.request.start is None and call.request.last is None:
        # Documents are asked for without a range, and are one piece.
        yield call.request
        return
    span = call.plan().span
    start = None if span is None else span.start
    while span is not None and start is not None and start < span.end:
        end = min(grid.next(start), span.end)
        # Datetimes hold microseconds, finer than any bar: both ends are rounded up to one.
        begin, after = from_ns(start + 999), from_ns(end + 999)
        yield evolve(call.request, start=begin, end=after, last=None, inclusive="left")
        start = end
