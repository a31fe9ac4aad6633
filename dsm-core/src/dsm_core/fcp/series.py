"""One series with the clients that serve it, in the order of the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
from attrs import frozen

from dsm_core.model.coverage import LedgerEntry
from dsm_core.model.grid import Grid
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins.archive import ArchiveClient
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import times_of

__all__ = ["Series"]


@frozen(kw_only=True)
class Series:
    """A series and its sources.

    Parameters
    ----------
    key, schema
        What is asked for.
    clients
        Every client of the series by source, in order.
    grid
        Where its bars open; None when unknown.
    enforced
        The only source that counts; None for all of them.
    asks
        False when nobody may be asked: offline, or the cache alone.
    """

    key: SeriesKey
    schema: ChartSchema
    clients: Mapping[str, DataClientInterface]
    grid: Grid | None
    enforced: str | None = None
    asks: bool = True

    @property
    def sources(self) -> tuple[DataClientInterface, ...]:
        """Clients that may be asked."""
        if not self.asks:
            return ()
        return tuple(c for name, c in self.clients.items() if self.enforced in (None, name))

    @property
    def restated(self) -> tuple[str, ...]:
        """Columns that the venue may change over all history at once."""
        return tuple(dict.fromkeys(name for client in self.clients.values() for name in client.restated))

    @property
    def live(self) -> DataClientInterface | None:
        """Who has the bar that is open now: the last source that may be asked and is no archive."""
        return next((c for c in reversed(self.sources) if not isinstance(c, ArchiveClient)), None)

    @property
    def keeps_off_grid(self) -> bool:
        """Whether bars may stand off the grid, where no slot begins."""
        return self.grid is not None and any(c.spec.keeps_off_grid for c in self.clients.values())

    def count_off_grid(self, table: pa.Table, entries: Iterable[LedgerEntry]) -> int:
        """How many of the rows stand off the grid, or were moved to it as their entries tell."""
        if self.grid is None or not self.keeps_off_grid:
            return sum(entry.off_grid for entry in entries)
        times = times_of(table, self.schema)
        return int(np.count_nonzero(self.grid.opens(self.grid.indices(times)) != times))

    def counts(self, entry: LedgerEntry) -> bool:
        """Whether an entry tells of rows that belong to the answer."""
        return entry.state == "rows" and self.enforced in (None, entry.source)

    def align(self, ranges: RangeSet) -> RangeSet:
        """Whole slots of ``ranges``; unchanged without a grid."""
        return self.grid.align(ranges) if self.grid else ranges

    def count(self, ranges: RangeSet) -> int | None:
        """Slots that open inside ``ranges``; None without a grid."""
        return self.grid.count_all(ranges) if self.grid else None

    def closed_until(self, now: int) -> int:
        """Where the slots end that have closed at ``now``.

        Without a grid nobody knows when a bar ends: one that opened an interval ago has closed.
        """
        if self.grid is not None:
            return self.grid.closed_until(now)
        return now if self.key.interval is None else now - self.key.interval.longest_ns + 1

    def absent_columns(self, client: DataClientInterface) -> frozenset[str]:
        """Schema columns that a client's source does not have."""
        declared = client.spec.columns
        return frozenset() if declared is None else frozenset(self.schema.column_names) - declared

    def open_slot(self, now: int) -> TimeRange | None:
        """The slot that is open at ``now``; None while the market is closed, or without a grid."""
        return None if self.grid is None else self.grid.slot_at(now)

    def bars_until(self, end: int) -> int:
        """End of the last bar in slots that reach to ``end``: a market's closed time belongs to no bar."""
        return end if self.grid is None else min(end, self.grid.end_of(self.grid.index_of(end - 1)))

    def closed(self, span: TimeRange) -> RangeSet:
        """The part of ``span`` in which the market is closed."""
        return RangeSet() if self.grid is None else self.grid.closed(span)
