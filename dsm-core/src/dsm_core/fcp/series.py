"""One series with the clients that serve it, in the order of the protocol."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from dsm_core.model.coverage import LedgerEntry
from dsm_core.model.grid import Grid
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins.archive import ArchiveClient
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.schema.chart_type import ChartSchema

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
    def live(self) -> DataClientInterface | None:
        """Who has the bar that is open now: the last source that may be asked and is no archive."""
        return next((c for c in reversed(self.sources) if not isinstance(c, ArchiveClient)), None)

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
        """End of the last slot that has closed at ``now``."""
        return self.grid.floor(now) if self.grid else now

    def absent_columns(self, client: DataClientInterface) -> frozenset[str]:
        """Schema columns that a client's source does not have."""
        declared = client.spec.columns
        return frozenset() if declared is None else frozenset(self.schema.column_names) - declared

    def open_slot(self, now: int) -> TimeRange | None:
        """The slot that is open at ``now``."""
        return None if self.grid is None else TimeRange(self.grid.floor(now), self.grid.next(now))
