"""Bars of a coarser interval, made of those of a finer one; nothing is fetched.

A bar is made only when every slot of it is accounted for: held, or final in the venue's own words. All
others are gaps of the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
from attrs import evolve, frozen
from numpy.typing import NDArray

from dsm_core.errors import RequestError
from dsm_core.fcp.outcome import Outcome
from dsm_core.model.grid import Grid
from dsm_core.model.interval import Interval
from dsm_core.model.provenance import Gap, Segment
from dsm_core.model.time_range import TimeRange
from dsm_core.output.coarser_grid import Joint, coarser_grid
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import empty_table, times_of

__all__ = ["resample", "resample_outcome"]

# What the venue leaves out of its own coarser bars too; the end of a source's history is no such thing.
_VENUES_OWN: Final = frozenset({"venue_has_none", "market_closed", "not_listed_yet", "delisted", "withdrawn"})
_STRAYS: Final = (
    "bars off the grid stand in it, and nobody knows where they belong; fetch this interval itself"
)
Times = NDArray[np.int64]


def resample(table: pa.Table, schema: ChartSchema, slots: Times) -> pa.Table:
    """Rows joined to bars, each column by the schema's ``agg``.

    Nulls are ignored; where all values of a bar are null, so is the result.

    Parameters
    ----------
    table
        Rows in the schema, sorted.
    slots
        The open of the bar that each row becomes part of, ascending.
    """
    if not len(table):
        return empty_table(schema)
    keyed = table.set_column(0, schema.index, pa.array(slots))
    # First and last are told by the order of the rows, which threads would lose.
    joined = pa.TableGroupBy(keyed, schema.index, use_threads=False).aggregate(
        [(column.name, column.agg) for column in schema.columns]
    )
    names = [schema.index, *(f"{column.name}_{column.agg}" for column in schema.columns)]
    return joined.select(names).rename_columns([schema.index, *schema.column_names]).cast(schema.arrow())


def resample_outcome(outcome: Outcome, interval: Interval) -> Outcome:
    """The outcome as bars of ``interval``.

    Bars that lack a source bar that is not final are gaps with its reason. So are those that the
    range cuts at its ends: ``not_requested``, or ``not_closed_yet``.

    Raises
    ------
    RequestError
        When the rows are no bars, ``interval`` is not a whole multiple of theirs, or a column has no
        ``agg``.
    """
    _check_joinable(outcome.series.schema)
    grid_to = coarser_grid(outcome.series, interval)
    series = evolve(outcome.series, key=evolve(outcome.series.key, interval=interval), grid=grid_to)
    if outcome.span is None:
        return evolve(outcome, series=series)
    return evolve(_Resampling.of(outcome, outcome.span, grid_to).outcome(), series=series)


def _check_joinable(schema: ChartSchema) -> None:
    lone = next((column.name for column in schema.columns if column.agg is None), None)
    if lone is not None:
        raise RequestError(
            f"{schema.name} cannot be resampled: its schema does not say how values of {lone!r} are joined.",
            hint="Fetch the interval from its source, or join the rows yourself.",
            column=lone,
        )


@frozen
class _Resampling:
    """An outcome over the slots of a coarser grid; source and coarser slots are told by number.

    Source slots from ``start`` to before ``closed`` have closed, those to before ``end`` were asked for.
    Of the coarser slots ``whole`` lie inside what has closed; ``edges`` are the first source slot of each
    of them, and of the one after.
    """

    source: Outcome
    joint: Joint
    start: int
    closed: int
    end: int
    whole: Times
    edges: Times

    @classmethod
    def of(cls, outcome: Outcome, span: TimeRange, grid_to: Grid) -> _Resampling:
        grid = outcome.series.grid
        assert grid is not None, "coarser_grid refuses series without a grid"
        joint = Joint(grid, grid_to)
        start, end = (grid.index_of(grid.ceil(t)) for t in (span.start, span.end))
        closed = start + (outcome.expected or 0)
        first, last = joint.coarse_of(np.array([start, max(closed - 1, start)], dtype=np.int64)).tolist()
        touched = np.arange(first, last + 2, dtype=np.int64)
        joint.check(touched)
        edges = joint.firsts(touched)
        # Of the market's closed time alone no bar is made.
        keep = (edges[:-1] >= start) & (edges[1:] <= closed) & (edges[:-1] < edges[1:])
        whole = touched[:-1][keep]
        edges = np.append(edges[:-1][keep], edges[1:][keep][-1:])
        return cls(outcome, joint, start, closed, end, whole, edges)

    def outcome(self) -> Outcome:
        out, grid_to = self.source, self.joint.coarse
        if self.start >= self.end:
            return evolve(out, table=empty_table(out.series.schema), gaps=(), segments=(), expected=0)
        belongs = self._row_bars()
        made, inside = self._inside()
        gaps = _joined([*self._ends(), *inside])
        kept = np.isin(belongs, made)
        rows = out.table.slice(0, len(belongs)).filter(pa.array(kept))
        table = resample(rows, out.series.schema, grid_to.opens(belongs[kept]))
        missing = sum(gap.bars or 0 for gap in gaps if gap.reason != "not_closed_yet")
        return evolve(
            out,
            span=self._span(),
            table=table,
            gaps=gaps,
            segments=tuple(self._segments(made, belongs)),
            expected=len(table) + missing,
        )

    def _span(self) -> TimeRange:
        """From the first coarser bar that was asked for to the end of the last one, closed time included."""
        asked = self.source.span
        assert asked is not None
        first, last = self.joint.coarse_of(np.array([self.start, self.end - 1], dtype=np.int64)).tolist()
        grid_to = self.joint.coarse
        end = max(grid_to.end_of(last), min(asked.end, grid_to.open_of(last + 1)))
        return TimeRange(min(asked.start, grid_to.open_of(first)), end)

    def _row_slots(self) -> tuple[Times, NDArray[np.bool_]]:
        """The source slot of each closed row, and which rows stand off the grid."""
        grid, out = self.joint.fine, self.source
        times = times_of(out.table, out.series.schema)
        slots = grid.indices(times)
        slots = slots[: np.searchsorted(slots, self.closed)]
        return slots, grid.opens(slots) != times[: len(slots)]

    def _row_bars(self) -> Times:
        return self.joint.coarse_of(self._row_slots()[0])

    def _inside(self) -> tuple[Times, list[Gap]]:
        """The bars that can be made, and gaps of the others that lie whole in the request."""
        if not len(self.whole):
            return self.whole, []
        out = self.source
        venues_own = [gap for gap in out.gaps if _is_venues_own(gap)]
        slots, is_stray = self._row_slots()
        rows = np.diff(np.searchsorted(slots[~is_stray], self.edges))
        strays = np.diff(np.searchsorted(slots[is_stray], self.edges))
        absent = np.diff(_counted(self.edges, [self._slots_of(gap) for gap in venues_own]))
        told = strays == 0
        is_complete = told & (rows + absent == np.diff(self.edges))
        others = [gap for gap in out.gaps if not _is_venues_own(gap)]
        gaps = self._left_out(told & ~is_complete, others)
        gaps += self._left_out(is_complete & (rows == 0), venues_own)
        gaps += [self._gap(a, b, "not_requested", _STRAYS) for a, b in _runs(self.whole[~told])]
        return self.whole[is_complete & (rows > 0)], gaps

    def _left_out(self, out: NDArray[np.bool_], causes: Iterable[Gap]) -> list[Gap]:
        """Gaps of the bars marked in ``out``, each with the first of the causes that touch it."""
        gaps, waiting = [], out.copy()
        for cause in causes:
            start, end = self._slots_of(cause)
            first = max(int(np.searchsorted(self.edges, start, side="right")) - 1, 0)
            after = int(np.searchsorted(self.edges, end))
            for a, b in _runs(self.whole[first:after][waiting[first:after]]):
                gaps.append(self._gap(a, b, cause.reason, cause.detail, final=cause.final))
            waiting[first:after] = False
        return gaps

    def _slots_of(self, gap: Gap) -> tuple[int, int]:
        grid = self.joint.fine
        return grid.index_of(grid.ceil(gap.start_ns)), grid.index_of(grid.ceil(gap.end_ns))

    def _gap(self, first: int, after: int, reason: str, detail: str, *, final: bool = False) -> Gap:
        grid_to = self.joint.coarse
        start, end = grid_to.open_of(first), grid_to.end_of(after - 1)
        return Gap(start_ns=start, end_ns=end, bars=after - first, reason=reason, final=final, detail=detail)

    def _ends(self) -> Iterable[Gap]:
        """Bars that the request, or what has closed of it, cuts."""
        at = np.array([self.start, self.closed, self.end - 1], dtype=np.int64)
        head, tail, last = self.joint.coarse_of(at).tolist()
        begins = self.joint.firsts(np.array([head, head + 1, tail], dtype=np.int64)).tolist()
        if begins[0] < self.start and begins[1] <= self.closed:
            yield self._gap(head, head + 1, "not_requested", "the range begins inside this bar")
        is_open, is_cut = self.closed < self.end, begins[2] < self.closed
        if is_cut and not is_open:
            yield self._gap(tail, tail + 1, "not_requested", "the range ends inside this bar")
        elif is_open and (is_cut or self._tells_of_open()):
            yield self._gap(tail, last + 1, "not_closed_yet", "")

    def _tells_of_open(self) -> bool:
        return any(gap.reason == "not_closed_yet" for gap in self.source.gaps)

    def _segments(self, made: Times, belongs: Times) -> Iterable[Segment]:
        """Runs of bars whose first and last source bars have the same origins."""
        segments, grid_to = self.source.segments, self.joint.coarse
        if not len(made) or not segments:
            return
        times = times_of(self.source.table, self.source.series.schema)
        starts = np.array([s.start_ns for s in segments], dtype=np.int64)
        held = np.searchsorted(belongs, made), np.searchsorted(belongs, made, side="right") - 1
        first, last = (np.searchsorted(starts, times[at], side="right") - 1 for at in held)
        joins = (np.diff(first) == 0) & (np.diff(last) == 0) & (np.diff(made) == 1)
        breaks = np.concatenate(([0], np.flatnonzero(~joins) + 1, [len(made)])).tolist()
        for a, b in pairwise(breaks):
            start, end = grid_to.open_of(int(made[a])), grid_to.end_of(int(made[b - 1]))
            yield _mixed(segments[first[a] : last[a] + 1], start, end, b - a)


def _counted(indices: Times, spans: Sequence[tuple[int, int]]) -> Times:
    """How many slots of the sorted, disjoint ``spans`` come before each of ``indices``."""
    if not spans:
        return np.zeros(len(indices), dtype=np.int64)
    ends = np.array(spans, dtype=np.int64)
    before = np.concatenate(([0], np.cumsum(ends[:, 1] - ends[:, 0])))
    counts = np.column_stack((before[:-1], before[1:])).ravel()
    counted: Times = np.rint(np.interp(indices, ends.ravel(), counts)).astype(np.int64)
    return counted


def _is_venues_own(gap: Gap) -> bool:
    return gap.final and gap.reason in _VENUES_OWN


def _runs(numbers: Times) -> Iterable[tuple[int, int]]:
    """First and after-last of each run of consecutive numbers."""
    for run in np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1):
        if len(run):
            yield int(run[0]), int(run[-1]) + 1


def _joined(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """Sorted; neighbours that tell the same are one."""
    out: list[Gap] = []
    for gap in sorted(gaps, key=lambda g: g.start_ns):
        last = out[-1] if out else gap
        told = evolve(gap, start_ns=last.start_ns, end_ns=last.end_ns, bars=last.bars)
        if last.end_ns == gap.start_ns and last == told:
            out[-1] = evolve(last, end_ns=gap.end_ns, bars=(last.bars or 0) + (gap.bars or 0))
        else:
            out.append(gap)
    return tuple(out)


def _mixed(segments: Sequence[Segment], start: int, end: int, rows: int) -> Segment:
    """One segment for bars that were made of rows of all ``segments``."""
    origins = {(s.origin, s.sha256) for s in segments}
    origin, sha256 = origins.pop() if len(origins) == 1 else (None, None)
    return Segment(
        start_ns=start,
        end_ns=end,
        rows=rows,
        source="+".join(dict.fromkeys(s.source for s in segments)),
        origin=origin,
        sha256=sha256,
        fetched_at=max(s.fetched_at for s in segments),
        from_cache=all(s.from_cache for s in segments),
    )
