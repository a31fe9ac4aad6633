"""One answer becomes a batch: conformed rows, and what the answer vouches for.

Rows vouch for their own slots. Absence is vouched for only by an authoritative source: between
the rows of an answer, or for all of it when it is empty. A ragged edge may be a page that the
venue cut short, so it is left to be asked for alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import numpy as np
import pyarrow as pa
from attrs import evolve, frozen

from dsm_core.fcp.merge import Batch
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import LedgerEntry, Origin
from dsm_core.model.time_range import RangeSet, TimeRange, to_ns
from dsm_core.plugins.answer import Answer
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task
from dsm_core.schema.conform import Conformed, conform, times_of

__all__ = ["Intake", "absence", "take_in"]


@frozen(kw_only=True)
class Intake:
    """An answer, taken in.

    ``unfinished`` holds rows of slots that have not closed; they are never cached. ``outside``
    counts rows that were not asked for.
    """

    batch: Batch
    unfinished: pa.Table
    rows: int
    outside: int = 0


def take_in(series: Series, client: DataClientInterface, task: Task, answer: Answer, now: int) -> Intake:
    """Conform the rows of ``answer`` and write down what they vouch for; CPU-bound.

    Raises
    ------
    SchemaMismatchError
        When the rows cannot be brought to the schema.
    """
    conformed = conform(
        answer.rows,
        series.schema,
        grid=series.grid,
        snap=client.spec.snap,
        absent=series.absent_columns(client),
        span=task.span,
    )
    table, times = conformed.table, times_of(conformed.table, series.schema)
    split = int(np.searchsorted(times, series.closed_until(_as_of(answer.origin, now))))
    closed = evolve(conformed, table=table.slice(0, split))
    entries = tuple(_entries(series, client, answer, closed, _vouched(series, task, answer, now), now))
    batch = Batch(table=closed.table, entries=entries)
    # Clients without a grid may ask for a little more than they were told to, and be cut.
    outside = conformed.outside if series.grid is not None else 0
    return Intake(batch=batch, unfinished=table.slice(split), rows=split, outside=outside)


def absence(client: DataClientInterface, ranges: RangeSet, reason: str, now: int) -> tuple[LedgerEntry, ...]:
    """Provisional entries that say: nothing is there."""
    return tuple(
        LedgerEntry(
            start=r.start,
            end=r.end,
            state="provisional",
            source=str(client.source),
            first_fetched=now,
            last_fetched=now,
            reason=reason,
        )
        for r in ranges
    )


def _as_of(origin: Origin | None, now: int) -> int:
    """When the bytes were made: a bar that closed later was unfinished in them."""
    if origin is None or origin.last_modified is None:
        return now
    try:
        return min(now, to_ns(parsedate_to_datetime(origin.last_modified)))
    except ValueError:
        return now


def _vouched(series: Series, task: Task, answer: Answer, now: int) -> RangeSet:
    closed = RangeSet.from_pairs([(task.span.start, min(task.span.end, series.closed_until(now)))])
    return closed if answer.covered is None else answer.covered & closed


def _entries(
    series: Series,
    client: DataClientInterface,
    answer: Answer,
    conformed: Conformed,
    vouched: RangeSet,
    now: int,
) -> Iterator[LedgerEntry]:
    times = times_of(conformed.table, series.schema)
    if series.grid is None:
        yield from _rows(client, answer, vouched, now)
        return
    runs = series.grid.runs(times)
    moved = runs & series.grid.runs(conformed.off_grid)
    yield from _rows(client, answer, runs - moved, now)
    for entry in _rows(client, answer, moved, now):
        yield evolve(entry, off_grid=series.grid.count(TimeRange(entry.start, entry.end)))
    if not client.spec.authoritative or answer.cursor is not None:
        return
    span = runs.span
    if span is not None:
        vouched = vouched & RangeSet.of(span)
    yield from absence(client, series.align(vouched) - runs, "venue_has_none", now)


def _rows(client: DataClientInterface, answer: Answer, ranges: RangeSet, now: int) -> Iterator[LedgerEntry]:
    for r in ranges:
        yield LedgerEntry(
            start=r.start,
            end=r.end,
            state="rows",
            source=str(client.source),
            first_fetched=now,
            last_fetched=now,
            origin=answer.origin or Origin(),
        )
