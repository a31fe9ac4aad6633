"""DSM: complete, verified market data from cache, archive and REST through one call.

Public names are loaded when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsm_core._version import __version__
from dsm_core.lazy import loader

if TYPE_CHECKING:
    from dsm_core.aio import AsyncDataSourceManager
    from dsm_core.audit import Audit
    from dsm_core.config import DSMConfig
    from dsm_core.errors import DSMError
    from dsm_core.factory import DataClientFactory
    from dsm_core.fcp.plan import Plan
    from dsm_core.fcp.refreshed import Refreshed
    from dsm_core.fcp.upkeep import Updated
    from dsm_core.lineage import Manifest
    from dsm_core.manager import DataSourceManager
    from dsm_core.model.interval import Interval
    from dsm_core.model.names import ChartType, DataSource, MarketType
    from dsm_core.model.provenance import Gap, Segment
    from dsm_core.model.series import SeriesKey
    from dsm_core.one_call import get
    from dsm_core.output.delivery import Prefetched
    from dsm_core.output.market_data import Coverage, MarketData
    from dsm_core.output.market_data_set import MarketDataSet
    from dsm_core.plugins.interface import DataClientInterface
    from dsm_core.plugins.registry import DataProvider
    from dsm_core.progress import show_progress

__all__ = [
    "AsyncDataSourceManager",
    "Audit",
    "ChartType",
    "Coverage",
    "DSMConfig",
    "DSMError",
    "DataClientFactory",
    "DataClientInterface",
    "DataProvider",
    "DataSource",
    "DataSourceManager",
    "Gap",
    "Interval",
    "Manifest",
    "MarketData",
    "MarketDataSet",
    "MarketType",
    "Plan",
    "Prefetched",
    "Refreshed",
    "Segment",
    "SeriesKey",
    "Updated",
    "__version__",
    "get",
    "show_progress",
]

_HOMES = {
    "AsyncDataSourceManager": "aio",
    "Audit": "audit",
    "ChartType": "model.names",
    "Coverage": "output.market_data",
    "DSMConfig": "config",
    "DSMError": "errors",
    "DataClientFactory": "factory",
    "DataClientInterface": "plugins.interface",
    "DataProvider": "plugins.registry",
    "DataSource": "model.names",
    "DataSourceManager": "manager",
    "Gap": "model.provenance",
    "Interval": "model.interval",
    "Manifest": "lineage",
    "MarketData": "output.market_data",
    "MarketDataSet": "output.market_data_set",
    "SeriesKey": "model.series",
    "Updated": "fcp.upkeep",
    "MarketType": "model.names",
    "Plan": "fcp.plan",
    "Prefetched": "output.delivery",
    "Refreshed": "fcp.refreshed",
    "Segment": "model.provenance",
    "get": "one_call",
    "show_progress": "progress",
}

__getattr__ = loader(__name__, _HOMES, globals())


def __dir__() -> list[str]:
    return sorted(__all__)
