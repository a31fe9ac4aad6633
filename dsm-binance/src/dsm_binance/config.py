"""The ``providers.binance`` section of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import Attribute, field, frozen
from attrs.validators import ge

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


def _with_defaults(endpoints: Mapping[str, tuple[str, ...] | str]) -> dict[str, tuple[str, ...]]:
    given = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in endpoints.items()}
    return {**DEFAULT_ENDPOINTS, **given}


def _check_endpoints(_: object, attribute: Attribute[Any], value: Mapping[str, tuple[str, ...]]) -> None:
    for key, urls in value.items():
        if key not in DEFAULT_ENDPOINTS:
            raise ValueError(f"no endpoint is called {key!r}; there are {', '.join(DEFAULT_ENDPOINTS)}")
        for url in urls:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"{key}: {url!r} is not an http(s) URL")
        if not urls:
            raise ValueError(f"{key}: give at least one URL")


def _check_sources(_: object, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    wrong = [source for source in value if source not in _SOURCES]
    if wrong or not value or len(set(value)) != len(value):
        raise ValueError(f"give each of {', '.join(_SOURCES)} at most once, not {list(value)}")


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

    sources: tuple[str, ...] = field(default=_SOURCES, converter=tuple[str, ...], validator=_check_sources)
    endpoints: Mapping[str, tuple[str, ...]] = field(
        factory=dict, converter=_with_defaults, validator=_check_endpoints
    )
    max_concurrent_downloads: int = field(default=13, validator=ge(1))
