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
from dsm_core.output.coarser_grid import coarser_grid
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import empty_table, times_of

__all__ = ["resample", "resample_outcome"]

# What the venue leaves out of its own coarser bars too; the end of a source's history is no such thing.
_VENUES_OWN: Final = frozenset({"venue_has_none", "market_closed", "not_listed_yet", "delisted"})
Times = NDArray[np.int64]


def resample(table: pa.Table, schema: ChartSchema, grid_to: Grid, opens: Times | None = None) -> pa.Table:
    """Rows joined to bars of ``grid_to``, each column by the schema's ``agg``.

    Nulls are ignored; where all values of a bar are null, so is the result.

    Parameters
    ----------
    table
        Rows in the schema, sorted.
    grid_to
        Where the new bars open.
    opens
        Only bars that open at these instants; all by default.
    """
    slots = grid_to.opens(grid_to.indices(times_of(table, schema)))
    if opens is not None:
        wanted = np.isin(slots, opens)
        table, slots = table.filter(pa.array(wanted)), slots[wanted]
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
    """An outcome over the slots of a coarser grid.

    ``closed`` is the closed part of the request, as source slots; ``bounds`` are the opens of the
    coarser slots that lie whole inside it, and the end of the last one.
    """

    source: Outcome
    grid: Grid
    grid_to: Grid
    asked: TimeRange | None
    closed: TimeRange | None
    bounds: Times

    @classmethod
    def of(cls, outcome: Outcome, span: TimeRange, grid_to: Grid) -> _Resampling:
        grid = outcome.series.grid
        assert grid is not None, "coarser_grid refuses series without a grid"
        start, asked_end = grid.ceil(span.start), grid.ceil(span.end)
        closed_end = grid.open_of(grid.index_of(start) + (outcome.expected or 0))
        first, end = grid_to.ceil(start), grid_to.floor(closed_end)
        bounds = np.empty(0, dtype=np.int64)
        if first < end:
            bounds = np.append(grid_to.slots(TimeRange(first, end)), end)
        return cls(outcome, grid, grid_to, _range(start, asked_end), _range(start, closed_end), bounds)

    def outcome(self) -> Outcome:
        out = self.source
        if self.asked is None:
            return evolve(out, table=empty_table(out.series.schema), gaps=(), segments=(), expected=0)
        opens, inside = self._inside()
        gaps = _joined([*self._ends(), *inside])
        table = resample(out.table, out.series.schema, self.grid_to, opens)
        span = TimeRange(self.grid_to.floor(self.asked.start), self.grid_to.ceil(self.asked.end))
        missing = sum(gap.bars or 0 for gap in gaps if gap.reason != "not_closed_yet")
        return evolve(
            out,
            span=span,
            table=table,
            gaps=gaps,
            segments=tuple(self._segments(opens)),
            expected=len(table) + missing,
        )

    def _inside(self) -> tuple[Times, list[Gap]]:
        """Opens of the bars that can be made, and gaps of the others that lie whole in the request."""
        if not len(self.bounds):
            return self.bounds, []
        out = self.source
        venues_own = [gap for gap in out.gaps if _is_venues_own(gap)]
        indices = self.grid.indices(self.bounds)
        rows = np.diff(np.searchsorted(times_of(out.table, out.series.schema), self.bounds))
        absent = np.diff(_counted(indices, [self._slots_of(gap) for gap in venues_own]))
        whole = rows + absent == np.diff(indices)
        opens = self.bounds[:-1]
        others = [gap for gap in out.gaps if not _is_venues_own(gap)]
        gaps = [*self._left_out(~whole, others), *self._left_out(whole & (rows == 0), venues_own)]
        return opens[whole & (rows > 0)], gaps

    def _left_out(self, out: NDArray[np.bool_], causes: Iterable[Gap]) -> list[Gap]:
        """Gaps of the bars marked in ``out``, each with the first of the causes that touch it."""
        gaps, waiting = [], out.copy()
        for cause in causes:
            first = max(int(np.searchsorted(self.bounds, cause.start_ns, side="right")) - 1, 0)
            after = int(np.searchsorted(self.bounds, cause.end_ns))
            for a, b in _runs(first + np.flatnonzero(waiting[first:after])):
                start, end = int(self.bounds[a]), int(self.bounds[b])
                gaps.append(evolve(cause, start_ns=start, end_ns=end, bars=b - a))
            waiting[first:after] = False
        return gaps

    def _slots_of(self, gap: Gap) -> tuple[int, int]:
        return self.grid.index_of(self.grid.ceil(gap.start_ns)), self.grid.index_of(
            self.grid.ceil(gap.end_ns)
        )

    def _ends(self) -> list[Gap]:
        """Bars that the request, or what has closed of it, cuts."""
        assert self.asked is not None
        grid, asked = self.grid_to, self.asked
        closed_end = self.closed.end if self.closed else asked.start
        ends: list[tuple[int, int, str, str]] = []
        head, tail = grid.floor(asked.start), grid.floor(closed_end)
        if head < asked.start and grid.next(head) <= closed_end:
            ends.append((head, grid.next(head), "not_requested", "the range begins inside this bar"))
        is_open = closed_end < asked.end
        if tail < closed_end and not is_open:
            ends.append((tail, grid.next(tail), "not_requested", "the range ends inside this bar"))
        elif is_open and (tail < closed_end or self._tells_of_open()):
            ends.append((tail, grid.ceil(asked.end), "not_closed_yet", ""))
        return [
            Gap(start_ns=a, end_ns=b, bars=grid.count(TimeRange(a, b)), reason=why, final=False, detail=text)
            for a, b, why, text in ends
        ]

    def _tells_of_open(self) -> bool:
        return any(gap.reason == "not_closed_yet" for gap in self.source.gaps)

    def _segments(self, opens: Times) -> Iterable[Segment]:
        """Runs of bars whose first and last source bars have the same origins."""
        segments = self.source.segments
        if not len(opens) or not segments:
            return
        times = times_of(self.source.table, self.source.series.schema)
        ends = self.grid_to.opens(self.grid_to.indices(opens) + 1)
        starts = np.array([s.start_ns for s in segments], dtype=np.int64)
        held = np.searchsorted(times, opens), np.searchsorted(times, ends) - 1
        first, last = (np.searchsorted(starts, times[at], side="right") - 1 for at in held)
        joins = (np.diff(first) == 0) & (np.diff(last) == 0) & (ends[:-1] == opens[1:])
        breaks = np.concatenate(([0], np.flatnonzero(~joins) + 1, [len(opens)])).tolist()
        for a, b in pairwise(breaks):
            yield _mixed(segments[first[a] : last[a] + 1], int(opens[a]), int(ends[b - 1]), b - a)


def _range(start: int, end: int) -> TimeRange | None:
    return TimeRange(start, end) if start < end else None


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


def _runs(places: Times) -> Iterable[tuple[int, int]]:
    """First and after-last of each run of consecutive numbers."""
    for run in np.split(places, np.flatnonzero(np.diff(places) != 1) + 1):
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
