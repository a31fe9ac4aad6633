"""The entry point: what dsm-binance brings to DSM."""

from __future__ import annotations

from dsm_binance.config import BinanceConfig
from dsm_binance.funding_rest import CoinMFundingRest, UsdsMFundingRest
from dsm_binance.funding_vision import CoinMFundingVision, UsdsMFundingVision
from dsm_binance.markets import LIMITS
from dsm_binance.rest import CoinMKlinesRest, SpotKlinesRest, UsdsMKlinesRest, fetch_server_time
from dsm_binance.symbols import fetch_symbols
from dsm_binance.universe import fetch_universe
from dsm_binance.vision import CoinMKlinesVision, SpotKlinesVision, UsdsMKlinesVision
from dsm_core.plugins import Provider, hookimpl

__all__ = ["dsm_provider"]


@hookimpl
def dsm_provider() -> Provider:
    """Binance spot, USDS-M and COIN-M."""
    return Provider(
        name="binance",
        clients=(
            SpotKlinesVision,
            SpotKlinesRest,
            UsdsMKlinesVision,
            UsdsMKlinesRest,
            CoinMKlinesVision,
            CoinMKlinesRest,
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
