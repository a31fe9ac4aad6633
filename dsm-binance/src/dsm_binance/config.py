"""The ``providers.binance`` section of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen
from attrs.validators import ge

from dsm_core.config import endpoints_field, sources_field

__all__ = ["BinanceConfig", "DEFAULT_ENDPOINTS"]

DEFAULT_ENDPOINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "vision": ("https://data.binance.vision",),
    "listing": ("https://s3-ap-northeast-1.amazonaws.com/data.binance.vision",),
    # The last one serves market data only, also where the trading hosts answer 451.
    "spot": (
        "https://api.binance.com",
        "https://api-gcp.binance.com",
        "https://api1.binance.com",
        "https://api2.binance.com",
        "https://api3.binance.com",
        "https://api4.binance.com",
        "https://data-api.binance.vision",
    ),
    "um": ("https://fapi.binance.com",),
    "cm": ("https://dapi.binance.com",),
}
_SOURCES: Final = ("vision", "rest")


@frozen(kw_only=True)
class BinanceConfig:
    """How Binance is reached.

    Parameters
    ----------
    sources
        Which sources are asked, in this order.
    endpoints
        URLs by endpoint key; those left out keep their default. A list is failed over.
    max_concurrent_downloads
        Archive files in flight at once.
    """

    sources: tuple[str, ...] = sources_field(_SOURCES)
    endpoints: Mapping[str, tuple[str, ...]] = endpoints_field(DEFAULT_ENDPOINTS)
    max_concurrent_downloads: int = field(default=13, validator=ge(1))
