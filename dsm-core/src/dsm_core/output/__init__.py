"""What users are handed: market data, its coverage, and frames made of it."""

from dsm_core.output.market_data import Coverage, MarketData
from dsm_core.output.market_data_set import MarketDataSet

__all__ = ["Coverage", "MarketData", "MarketDataSet"]
