"""The entry point: what dsm-binance brings to DSM."""

from __future__ import annotations

from dsm_binance.config import BinanceConfig
from dsm_binance.funding_rest import CoinMFundingRest, UsdsMFundingRest
from dsm_binance.funding_vision import CoinMFundingVision, UsdsMFundingVision
from dsm_binance.kinds import CHART_SCHEMAS
from dsm_binance.markets import LIMITS
from dsm_binance.rest import KLINES_REST, fetch_server_time
from dsm_binance.symbols import fetch_symbols
from dsm_binance.universe import fetch_universe
from dsm_binance.vision import KLINES_VISION
from dsm_core.plugins import Provider, hookimpl
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["dsm_chart_types", "dsm_provider"]


@hookimpl
def dsm_chart_types() -> list[ChartSchema]:
    """Bars of mark prices, index prices and the premium index."""
    return list(CHART_SCHEMAS)


@hookimpl
def dsm_provider() -> Provider:
    """Binance spot, USDS-M and COIN-M."""
    return Provider(
        name="binance",
        clients=(
            *KLINES_VISION,
            *KLINES_REST,
            UsdsMFundingVision,
            UsdsMFundingRest,
            CoinMFundingVision,
            CoinMFundingRest,
        ),
        config=BinanceConfig,
        sources=("vision", "rest"),
        limits=LIMITS,
        symbols=fetch_symbols,
        universe=fetch_universe,
        server_time=fetch_server_time,
    )
