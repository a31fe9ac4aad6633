"""One answer becomes a batch: conformed rows, and what the answer vouches for.

Rows vouch for their own slots. Absence is vouched for only by an authoritative source: between
the rows of an answer, or for all of it when it is empty. A ragged edge may be a page that the
venue cut short, so it is left to be asked for alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import numpy as np
import pyarrow as pa
from attrs import evolve, frozen
from numpy.typing import NDArray

from dsm_core.errors import ProtocolChangedError, SchemaMismatchError
from dsm_core.fcp.merge import Batch
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import BEYOND_HISTORY, LedgerEntry, Origin, provisional
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, NS_PER_S, RangeSet, TimeRange, iso, to_ns
from dsm_core.plugins.answer import Answer
from dsm_core.plugins.calling import name_of
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.spec import Rolling
from dsm_core.plugins.task import Task
from dsm_core.schema.conform import Conformed, check_signs, conform, times_of

__all__ = ["Intake", "absence", "check_inside", "take_in"]

_EVER: Final = TimeRange(EARLIEST_NS, LATEST_NS)
# Clocks differ; a record of next week is something else than a record of now.
_AHEAD_NS: Final = 24 * 3600 * NS_PER_S
# Whoever's clock is wrong by more, the venue's or this machine's: an answer without a row tells nothing.
_UNLIKE_NS: Final = 3600 * NS_PER_S


@frozen(kw_only=True)
class Intake:
    """An answer, taken in.

    ``unfinished`` holds rows of slots that have not closed; they are never cached. ``outside``
    counts rows that were not asked for; ``later`` those of them that a source with a rolling history
    gives unasked, since it gives all it has. ``as_of`` is when the venue told it (UTC nanoseconds), at
    the latest now.
    """

    batch: Batch
    unfinished: pa.Table
    rows: int
    as_of: int
    outside: int = 0
    later: int = 0


def take_in(series: Series, client: DataClientInterface, task: Task, answer: Answer, now: int) -> Intake:
    """Conform the rows of ``answer`` and write down what they vouch for; CPU-bound.

    Raises
    ------
    SchemaMismatchError
        When the rows cannot be brought to the schema.
    """
    if series.schema.kind == "documents":
        return _take_in_document(series, client, task, answer, now)
    conformed = _conformed(series, client, task, answer)
    table, times = conformed.table, times_of(conformed.table, series.schema)
    told = _told(series, answer, times, now)
    split = int(np.searchsorted(times, series.closed_until(_made(answer, told))))
    closed = evolve(conformed, table=table.slice(0, split))
    vouched = _vouched(series, task, answer, told)
    if not len(times) and told < now - _UNLIKE_NS:
        vouched = RangeSet()
    is_presumed = series.grid is None and answer.covered is None
    if is_presumed and not split and not client.spec.authoritative and task.url is None:
        # That nothing happened is for an authoritative source to say, or for a whole file.
        vouched = RangeSet()
    entries = tuple(_entries(series, client, answer, closed, vouched, told))
    batch = Batch(table=closed.table, entries=entries, is_presumed=is_presumed)
    # Clients without a grid may ask for a little more than they were told to, and be cut.
    outside = conformed.outside if series.grid is not None else 0
    later = conformed.later if outside and isinstance(client.spec.history, Rolling) else 0
    return Intake(
        batch=batch, unfinished=table.slice(split), rows=split, as_of=told, outside=outside, later=later
    )


def check_inside(task: Task, intake: Intake) -> None:
    """Refuse an answer to another question: rows, and none of them in the range asked for.

    Raises
    ------
    ProtocolChangedError
        The answer is not to be used.
    """
    if intake.outside > intake.later and not intake.rows and not len(intake.unfinished):
        raise ProtocolChangedError(
            f"All {intake.outside} rows lie outside the range {task.span} that was asked for.",
            hint="The answer is not used; ask again later.",
        )


def _take_in_document(
    series: Series, client: DataClientInterface, task: Task, answer: Answer, now: int
) -> Intake:
    """A record vouches for its own time, and from when it was asked for until its time-to-live is over."""
    schema = series.schema
    table = _conformed(series, client, evolve(task, span=_EVER), answer, stamp=now).table
    times = times_of(table, schema)
    if len(times) and int(times[-1]) > now + _AHEAD_NS:
        raise SchemaMismatchError(
            f"{name_of(client)} gave a record of {iso(int(times[-1]))}; it is {iso(now)} now.",
            hint=f"{schema.index} is when the venue gave the record; leave it out for now.",
            column=schema.index,
        )
    table = _given_by(now, table, times)
    times = times_of(table, schema)
    vouched = RangeSet()
    if len(times):
        # Not for what lies between: records that were kept of then would be lost.
        until = min(now + schema.ttl_ns, LATEST_NS)
        vouched = RangeSet.from_pairs([(task.span.start, until), *((t, t + 1) for t in times.tolist())])
    entries = tuple(_rows(client, answer, vouched, now))
    batch = Batch(table=table, entries=entries)
    return Intake(batch=batch, unfinished=table.slice(0, 0), rows=len(table), as_of=now)


def _given_by(now: int, table: pa.Table, times: NDArray[np.int64]) -> pa.Table:
    """The records, the newest stamped ``now`` where the venue's clock, or its zone, is ahead."""
    if not len(times) or times[-1] <= now:
        return table
    stamp = pa.array([now]).cast(table.schema.field(0).type)
    newest = table.slice(len(table) - 1).set_column(0, table.schema.field(0), stamp)
    return pa.concat_tables([table.slice(0, int(np.searchsorted(times, now))), newest])


def _conformed(
    series: Series, client: DataClientInterface, task: Task, answer: Answer, stamp: int | None = None
) -> Conformed:
    margin = _margin(client)
    try:
        conformed = conform(
            answer.rows,
            series.schema,
            grid=series.grid,
            strays=client.spec.strays,
            ends_of=_ends_of(client),
            absent=series.absent_columns(client),
            span=TimeRange(task.span.start - margin, task.span.end + margin),
            stamp=stamp,
        )
        check_signs(conformed.table, sorted(client.spec.not_negative))
    except SchemaMismatchError as error:
        details = {**error.details, "client": type(client).__name__, "provider": client.provider}
        raise SchemaMismatchError(
            f"{name_of(client)} gave rows that do not fit: {error.message}", hint=error.hint, **details
        ) from error
    return _cut(conformed, task.span, series) if margin else conformed


def _cut(conformed: Conformed, span: TimeRange, series: Series) -> Conformed:
    """Without the rows beside the span, which were asked for on purpose and count for nothing."""
    a, b = np.searchsorted(times_of(conformed.table, series.schema), (span.start, span.end))
    off_grid = conformed.off_grid
    inside = off_grid[(off_grid >= span.start) & (off_grid < span.end)]
    return evolve(conformed, table=conformed.table.slice(a, b - a), off_grid=inside)


def _margin(client: DataClientInterface) -> int:
    """Nanoseconds beside a page in which rows are no answer to another question; ends are rounded freely."""
    return 0 if client.interval is None else 2 * client.spec.overlap * client.interval.longest_ns


def _ends_of(client: DataClientInterface) -> int | None:
    """The interval in nanoseconds where the client's rows are stamped with their end."""
    if client.stamp == "start" or client.interval is None:
        return None
    return client.interval.longest_ns


def absence(client: DataClientInterface, ranges: RangeSet, reason: str, now: int) -> tuple[LedgerEntry, ...]:
    """Provisional entries that say: nothing is there."""
    return provisional(ranges, str(client.source), reason, now)


def _told(series: Series, answer: Answer, times: NDArray[np.int64], now: int) -> int:
    """When the venue told it: by its own clock, where that is behind this machine's and can be true."""
    told = answer.as_of
    if told is None or told >= now:
        return now
    # No venue knows bars that open after now; sessions may be labelled by a date that is about to begin.
    ahead = 0 if series.key.interval is None else series.key.interval.longest_ns
    is_true = told >= EARLIEST_NS and not (len(times) and times[-1] >= told + ahead)
    return told if is_true else now


def _made(answer: Answer, told: int) -> int:
    """When the bytes were made: a bar that closed later was unfinished in them."""
    if answer.origin is None or answer.origin.last_modified is None:
        return told
    try:
        made = parsedate_to_datetime(answer.origin.last_modified)
        # An offset of -0000 is read as none.
        return min(told, to_ns(made if made.tzinfo else made.replace(tzinfo=UTC)))
    except (ValueError, OverflowError):
        return told


def _vouched(series: Series, task: Task, answer: Answer, told: int) -> RangeSet:
    closed = RangeSet.from_pairs([(task.span.start, min(task.span.end, series.closed_until(told)))])
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
        yield from _rows(client, answer, client.surely_held(vouched, now), now)
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
    absent = series.align(vouched) - runs
    # A bar at the edge of a rolling history may have been there when it was asked for.
    sure = client.surely_held(absent, now)
    yield from absence(client, sure, "venue_has_none", now)
    yield from absence(client, absent - sure, BEYOND_HISTORY, now)


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
