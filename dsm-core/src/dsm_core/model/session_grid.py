"""Grids of exchange sessions: bars that count from each session's open, and none while it is closed."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dsm_core.errors import InvalidRangeError
from dsm_core.model.grid import Grid, Times
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, NS_PER_S, RangeSet, TimeRange

__all__ = ["SessionGrid"]

# Nobody is told what a market does before its first known session or after the last one.
_BEFORE: Final = EARLIEST_NS - 1
_AFTER: Final = LATEST_NS
_DAY_NS: Final = 86_400 * NS_PER_S


class SessionGrid(Grid):
    """Slots of one length that count from the start of each session.

    A session's last bar may be shorter. Before the first session and after the last one there is no
    bar; a calendar ends somewhere, so give one that reaches beyond what is asked for.

    Parameters
    ----------
    starts, ends
        Sessions ``[start, end)``, int64 UTC nanoseconds, ascending, none inside another. The bars of a
        daily grid may be labelled otherwise than their session starts: then ``starts`` are the labels,
        and each end is after its label and not after the next one.
    step
        Length of a bar in nanoseconds; None for one bar a session.

    Raises
    ------
    InvalidRangeError
        When sessions are empty, overlap or are not ascending; the message names the first such one.

    Examples
    --------
    >>> import numpy as np
    >>> hour = 3600 * 10**9
    >>> grid = SessionGrid(np.array([9 * hour]), np.array([12 * hour]), 2 * hour)
    >>> [(t // hour, end // hour) for t, end in zip(grid.opens(np.arange(2)), grid.ends(np.arange(2)))]
    [(np.int64(9), np.int64(11)), (np.int64(11), np.int64(12))]
    """

    def __init__(self, starts: Times, ends: Times, step: int | None = None) -> None:
        self._starts = np.asarray(starts, dtype=np.int64)
        self._ends = np.asarray(ends, dtype=np.int64)
        _check(self._starts, self._ends)
        lengths = self._ends - self._starts
        self._step = int(lengths.max(initial=1)) if step is None else step
        counts = np.ones_like(lengths) if step is None else -(-lengths // step)
        self._firsts = np.concatenate(([0], np.cumsum(counts)))
        self._total = int(self._firsts[-1])
        self._busy_until = self._ends if step else self._labelled_until()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SessionGrid)
            and self._step == other._step
            and np.array_equal(self._starts, other._starts)
            and np.array_equal(self._ends, other._ends)
        )

    def __hash__(self) -> int:
        return hash((self._step, self._total, self._starts.tobytes()[:64]))

    def index_of(self, t: int) -> int:
        """See :class:`~dsm_core.model.grid.Grid`."""
        return int(self.indices(np.array([t], dtype=np.int64))[0])

    def open_of(self, index: int) -> int:
        """See :class:`~dsm_core.model.grid.Grid`."""
        return int(self.opens(np.array([index], dtype=np.int64))[0])

    def end_of(self, index: int) -> int:
        """See :class:`~dsm_core.model.grid.Grid`."""
        return int(self.ends(np.array([index], dtype=np.int64))[0])

    def indices(self, times: Times) -> Times:
        """See :class:`~dsm_core.model.grid.Grid`; -1 before the first session."""
        session = np.searchsorted(self._starts, times, side="right") - 1
        known = np.maximum(session, 0)
        inside = self._firsts[known] + (times - self._starts[known]) // self._step if self._total else times
        last = self._firsts[known + 1] - 1 if self._total else times
        found = np.where(session < 0, -1, np.minimum(inside, last))
        return np.where(times >= _AFTER, self._total, found)

    def opens(self, indices: Times) -> Times:
        """See :class:`~dsm_core.model.grid.Grid`; far past and far future where no session is known."""
        if not self._total:
            return np.where(indices < 0, _BEFORE, _AFTER)
        known = np.clip(indices, 0, self._total - 1)
        session = self._sessions(known)
        inside = self._starts[session] + (known - self._firsts[session]) * self._step
        return np.where(indices < 0, _BEFORE, np.where(indices >= self._total, _AFTER, inside))

    def ends(self, indices: Times) -> Times:
        """See :class:`~dsm_core.model.grid.Grid`."""
        opens = self.opens(indices)
        if not self._total:
            return opens
        session = self._sessions(np.clip(indices, 0, self._total - 1))
        inside = np.minimum(opens + self._step, self._ends[session])
        return np.where((indices < 0) | (indices >= self._total), opens, inside)

    def ends_session(self, times: Times) -> NDArray[np.bool_]:
        """See :class:`~dsm_core.model.grid.Grid`."""
        return np.isin(times, self._ends)

    def closed(self, span: TimeRange) -> RangeSet:
        """See :class:`~dsm_core.model.grid.Grid`."""
        first = np.searchsorted(self._busy_until, span.start, side="right")
        after = np.searchsorted(self._starts, span.end)
        pairs = zip(self._starts[first:after].tolist(), self._busy_until[first:after].tolist(), strict=True)
        return RangeSet.of(span) - RangeSet.from_pairs(pairs)

    def _labelled_until(self) -> Times:
        """A bar labelled by its day stands for the whole of it, a longer one for all up to the next."""
        after = np.append(self._starts[1:], self._ends[-1:])
        days: Times = -(-self._ends // _DAY_NS) * _DAY_NS
        return np.where(self._ends - self._starts > _DAY_NS, after, days)

    def _sessions(self, indices: Times) -> Times:
        return np.searchsorted(self._firsts, indices, side="right") - 1


def _check(starts: Times, ends: Times) -> None:
    if starts.shape != ends.shape or starts.ndim != 1:
        raise InvalidRangeError("starts and ends differ in length.", hint="Give one end for each start.")
    empty, crossed = ends <= starts, np.append(starts[1:] < ends[:-1], False)
    if not (empty | crossed).any():
        return
    bad = int(np.argmax(empty | crossed))
    what = "is empty" if empty[bad] else "reaches into the next one"
    raise InvalidRangeError(
        f"Session {bad}, from {starts[bad]} to {ends[bad]} ns, {what}.",
        hint="Give sessions in ascending order, none inside another.",
    )
