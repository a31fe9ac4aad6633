"""Many answers, one table: newer rows replace older ones inside what they vouch for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from attrs import evolve, frozen

from dsm_core.model.coverage import LedgerEntry
from dsm_core.model.time_range import RangeSet
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import empty_table, times_of

__all__ = ["Batch", "merge"]


@frozen(kw_only=True)
class Batch:
    """Conformed rows and the ledger entries that vouch for them.

    ``rank`` tells the order in which batches came; what the cache held is 0. ``is_presumed`` tells
    that the client did not say what its events cover, so that the last of them may still be on
    their way.
    """

    table: pa.Table
    entries: tuple[LedgerEntry, ...]
    rank: int = 0
    is_presumed: bool = False

    @property
    def age(self) -> tuple[int, int, str, str, str]:
        """Sorts older before newer; equal only for batches of one rank, origin and time."""
        rows = [e for e in self.entries if e.state == "rows"]
        newest = max(rows, key=lambda e: e.last_fetched, default=None)
        if newest is None:
            return (self.rank, 0, "", "", "")
        origin = newest.origin
        return (self.rank, newest.last_fetched, newest.source, origin.url or "", origin.sha256 or "")

    @property
    def vouched(self) -> RangeSet:
        """Ranges whose rows it holds."""
        return RangeSet.from_pairs((e.start, e.end) for e in self.entries if e.state == "rows")

    def within(self, ranges: RangeSet) -> Batch:
        """The same rows, vouched for inside ``ranges`` only."""
        entries = [
            e.cut(r.start, r.end)
            for e in self.entries
            for r in RangeSet.from_pairs([(e.start, e.end)]) & ranges
        ]
        return evolve(self, entries=tuple(entries))


def merge(batches: Iterable[Batch], schema: ChartSchema, within: RangeSet) -> pa.Table:
    """One table of the rows inside ``within``, sorted by time, each slot once.

    The order of ``batches`` does not matter, and merging a result again changes nothing. Slices
    are taken without copying.
    """
    pieces: list[tuple[int, pa.Table]] = []
    taken = RangeSet()
    # Rows of equal age cover the same slots with the same content, so their order is immaterial.
    for batch in sorted(batches, key=lambda b: b.age, reverse=True):
        free = (batch.vouched - taken) & within
        pieces += _slices(batch.table, schema, free)
        taken = taken | batch.vouched
    pieces.sort(key=lambda piece: piece[0])
    tables: Sequence[pa.Table] = [table for _, table in pieces]
    return pa.concat_tables(tables) if tables else empty_table(schema)


def _slices(table: pa.Table, schema: ChartSchema, ranges: RangeSet) -> list[tuple[int, pa.Table]]:
    times = times_of(table, schema)
    out = []
    for r in ranges:
        a, b = np.searchsorted(times, (r.start, r.end))
        if a < b:
            out.append((int(times[a]), table.slice(a, b - a)))
    return out
