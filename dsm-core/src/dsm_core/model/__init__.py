"""Values that every room speaks: names, intervals, grids, ranges, coverage, requests."""

from dsm_core.model.coverage import Ledger, LedgerEntry, Origin
from dsm_core.model.grid import EpochGrid, Grid, MonthGrid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, DataSource, MarketType, OpenName
from dsm_core.model.provenance import Failure, Gap, Segment
from dsm_core.model.series import SeriesKey
from dsm_core.model.session_grid import SessionGrid
from dsm_core.model.specimen import Specimen
from dsm_core.model.time_range import NS_PER_MS, NS_PER_S, RangeSet, TimeRange, from_ns, iso, to_ns

__all__ = [
    "ChartType",
    "DataSource",
    "EpochGrid",
    "Failure",
    "Gap",
    "Grid",
    "Interval",
    "Ledger",
    "LedgerEntry",
    "MarketType",
    "MonthGrid",
    "NS_PER_MS",
    "NS_PER_S",
    "OpenName",
    "Origin",
    "RangeSet",
    "Segment",
    "SeriesKey",
    "SessionGrid",
    "Specimen",
    "TimeRange",
    "from_ns",
    "grid_for",
    "iso",
    "to_ns",
]
