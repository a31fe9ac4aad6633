"""One long request as a row of short ones."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from dsm_core.errors import RequestError
from dsm_core.fcp.call import Call
from dsm_core.fcp.request import Request
from dsm_core.model.grid import grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import from_ns

__all__ = ["chunk_requests", "comes_whole"]


def comes_whole(call: Call) -> bool:
    """Whether all of ``call`` must be in the cache before its pieces are read: they are of one history.

    Raises
    ------
    RequestError
        When they are, and there is no cache.
    """
    if call.series.restated and call.store is None:
        raise RequestError(
            f"{call.series.key} may be restated while it is read in pieces.",
            hint="Read it with the cache switched on, or in one piece.",
        )
    return bool(call.series.restated) and not call.is_answered


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
