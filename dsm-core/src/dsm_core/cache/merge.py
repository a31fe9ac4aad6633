"""New answers laid over what a file holds: pure, no disk.

Inside what an answer vouches for with rows, its rows replace the old ones; outside, the old ones
stay; an absence removes nothing. Only an answer that takes the place of an object's older edition
frees what that one brought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from dsm_core.cache.period import Period
from dsm_core.cache.read import Piece
from dsm_core.errors import SchemaMismatchError
from dsm_core.model.coverage import Ledger, LedgerEntry, Origin
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import empty_table, times_of

__all__ = ["CacheBatch", "Change", "Content", "changes_by_period", "check_rows", "merged"]


@frozen(kw_only=True)
class CacheBatch:
    """One answer to be cached.

    Parameters
    ----------
    table
        Rows in the exact schema, sorted and unique; those outside the entries are ignored.
    entries
        What the answer vouches for; disjoint.
    replaces
        Older editions of the same object. Rows that came from them go, and rows of other origin stay;
        the entries must reach over all that the editions brought.
    has_grid
        Whether each slot that is vouched for has a row. Where nobody knows the slots, an entry with rows
        vouches for all of its range, also for the part that is cut off into a period without any.
    """

    table: pa.Table
    entries: tuple[LedgerEntry, ...]
    replaces: frozenset[Origin] = frozenset()
    has_grid: bool = True


@frozen
class Change:
    """A batch and those of its entries, cut, that fall into one period."""

    table: pa.Table
    times: NDArray[np.int64]
    entries: tuple[LedgerEntry, ...]
    replaces: frozenset[Origin] = frozenset()
    freed: RangeSet = field(factory=RangeSet)
    is_whole: bool = False

    def within(self, period: Period) -> Change:
        """The part that falls into ``period``."""
        cut = (e.cut(period.start, period.end) for e in self.entries if period.overlaps(e.start, e.end))
        return evolve(self, entries=tuple(cut))


@frozen
class Content:
    """What a file is to hold."""

    table: pa.Table
    times: NDArray[np.int64]
    ledger: Ledger


def changes_by_period(
    batches: Iterable[CacheBatch], schema: ChartSchema, periods_of: Callable[[TimeRange], Iterable[Period]]
) -> dict[Period, list[Change]]:
    """Batches cut at period borders, in the order they came."""
    changes: dict[Period, list[Change]] = {}
    for batch in batches:
        times = times_of(batch.table, schema)
        counts = _counts(times, batch.entries).tolist() if batch.entries else []
        cut: dict[tuple[Period, bool], list[LedgerEntry]] = {}
        for entry, rows in zip(batch.entries, counts, strict=True):
            is_whole = rows > 0 and not batch.has_grid
            for period in periods_of(TimeRange(entry.start, entry.end)):
                cut.setdefault((period, is_whole), []).append(entry.cut(period.start, period.end))
        for (period, is_whole), entries in cut.items():
            change = Change(batch.table, times, tuple(entries), batch.replaces, is_whole=is_whole)
            changes.setdefault(period, []).append(change)
    return changes


def merged(
    target: Period,
    old: Sequence[Piece],
    changes: Sequence[Change],
    schema: ChartSchema,
    always: bool = False,
) -> Content | None:
    """Content of ``target``'s file after ``changes``.

    Parameters
    ----------
    old
        What answers the period now, cut to it.
    always
        Give the content also when nothing changes; else that is None.
    """
    before = Ledger.of(e for p in old for e in p.entries)
    known, inside = before, []
    for change in changes:
        known, part = _freeing(known, change.within(target))
        inside.append(_telling(part, old, schema))
    after = known.overlay(e for c in inside for e in c.entries)
    replaced = [_row_ranges(c) | c.freed for c in inside]
    if after == before and not any(replaced) and not always:
        return None
    table = _rows(target, old, inside, replaced, schema)
    return Content(table, times_of(table, schema), after)


def _freeing(known: Ledger, change: Change) -> tuple[Ledger, Change]:
    """The ledger without the editions that a change replaces, and the change beside what stays."""
    if not change.replaces:
        return known, change

    def is_gone(entry: LedgerEntry) -> bool:
        return entry.state == "rows" and entry.origin in change.replaces

    freed = known.ranges(is_gone)
    held = known.ranges(lambda e: e.state == "rows") - freed
    entries = tuple(
        e.cut(r.start, r.end) for e in change.entries for r in RangeSet.from_pairs([(e.start, e.end)]) - held
    )
    left = Ledger.of(e for e in known if not is_gone(e))
    return left, evolve(change, entries=entries, freed=freed)


def _telling(change: Change, old: Sequence[Piece], schema: ChartSchema) -> Change:
    """Without the entries that claim rows and have none; cuts at borders leave such.

    Events are different: no row inside a vouched range is what the source said.
    """
    if schema.kind != "bars" or change.is_whole or not change.entries:
        return change
    counts = _counts(change.times, change.entries)
    for piece in old:
        counts = counts + _counts(piece.file.times[slice(*piece.rows)], change.entries)
    kept = (e for e, n in zip(change.entries, counts.tolist(), strict=True) if n or e.state != "rows")
    return evolve(change, entries=tuple(kept))


def _counts(times: NDArray[np.int64], entries: Sequence[LedgerEntry]) -> NDArray[np.int64]:
    bounds = np.array([(e.start, e.end) for e in entries], dtype=np.int64)
    places: NDArray[np.int64] = np.searchsorted(times, bounds.ravel()).reshape(-1, 2)
    return places[:, 1] - places[:, 0]


def _row_ranges(change: Change) -> RangeSet:
    return RangeSet.from_pairs((e.start, e.end) for e in change.entries if e.state == "rows")


def _rows(
    target: Period,
    old: Sequence[Piece],
    changes: Sequence[Change],
    replaced: Sequence[RangeSet],
    schema: ChartSchema,
) -> pa.Table:
    """Rows of all sources, the latest change first served."""
    free = RangeSet.of(target.span)
    parts: list[tuple[int, pa.Table]] = []
    for change, ranges in zip(reversed(changes), reversed(replaced), strict=True):
        parts += _slices(change.table, change.times, free & _row_ranges(change))
        free = free - ranges
    for piece in old:
        mine = RangeSet.from_pairs([(piece.start, piece.end)])
        parts += _slices(piece.file.table, piece.file.times, free & mine)
    if not parts:
        return empty_table(schema)
    parts.sort(key=lambda part: part[0])
    return pa.concat_tables([table for _, table in parts]).combine_chunks()


def _slices(table: pa.Table, times: NDArray[np.int64], ranges: RangeSet) -> list[tuple[int, pa.Table]]:
    if not ranges or not len(times):
        return []
    bounds = np.array([(r.start, r.end) for r in ranges], dtype=np.int64)
    places = np.searchsorted(times, bounds)
    return [(int(times[a]), table.slice(a, b - a)) for a, b in places.tolist() if a < b]


def check_rows(batch: CacheBatch, schema: ChartSchema) -> None:
    """Refuse what cannot be kept.

    Raises
    ------
    SchemaMismatchError
        When the table is not in the schema, sorted and unique. Events with a key may share times.
    """
    times = times_of(batch.table, schema) if batch.table.schema.equals(schema.arrow()) else None
    least = 0 if schema.key else 1
    if times is None or not (times[1:] - times[:-1] >= least).all():
        raise SchemaMismatchError(
            f"Rows to be cached are not in the schema {schema.name}, sorted and unique.",
            hint="Bring them through conform() first.",
        )
