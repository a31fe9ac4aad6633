"""The three markets: their names, intervals, paths, page sizes and weights.

Source: Binance spot REST documentation and the USDS-M and COIN-M kline pages, read July and
August 2026; archive paths from the public-data README.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from attrs import frozen

from dsm_core.model import EpochGrid, Grid, Interval, MarketType, grid_for
from dsm_core.net import Limit

__all__ = ["COIN_M", "FUNDING_POOL", "LIMITS", "MARKETS", "SPOT", "USDS_M", "Market", "kline_grid"]

_FUTURES_INTERVALS: Final = tuple(
    Interval(text)
    for text in "1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M".split()  # noqa: SIM905
)
# The archive and REST differ in one name: months are 1mo there, for case-blind file systems.
_ARCHIVE_CODES: Final = {Interval("1M"): "1mo"}
_DAY_NS: Final = 86_400 * 10**9

FUNDING_POOL: Final = "funding"
LIMITS: Final = (
    Limit("spot", capacity=6000, window_s=60.0, header="x-mbx-used-weight-1m"),
    # One pool for USDS-M and COIN-M since 2026-06-30.
    Limit("futures", capacity=2400, window_s=60.0, header="x-mbx-used-weight-1m"),
    # fundingRate and fundingInfo share 500 requests in 5 minutes.
    Limit(FUNDING_POOL, capacity=500, window_s=300.0),
)


def kline_grid(interval: Interval) -> Grid:
    """Binance's grid: 3-day bars open where the epoch day modulo 3 is 1, weeks on Monday."""
    if interval == Interval("3d"):
        return EpochGrid(3 * _DAY_NS, _DAY_NS)
    return grid_for(interval)


def _spot_weight(rows: int) -> int:
    return 2


def _futures_weight(rows: int) -> int:
    for most, weight in ((99, 1), (499, 2), (1000, 5)):
        if rows <= most:
            return weight
    return 10


@frozen(kw_only=True)
class Market:
    """Facts of one market.

    Parameters
    ----------
    market_type
        Its name in DSM.
    endpoint
        Key of its REST hosts.
    api_path
        Prefix of its REST paths.
    archive_path
        Its folder in the archive.
    intervals
        Bars it has.
    page_rows
        Most rows per weight: on futures 499 rows cost 2, 1000 cost 5, 1500 cost 10.
    max_span_s
        Longest window of one request.
    weight
        Cost of a page of so many rows.
    pool
        Its rate limit.
    """

    market_type: MarketType
    endpoint: str
    api_path: str
    archive_path: str
    intervals: tuple[Interval, ...] = _FUTURES_INTERVALS
    page_rows: int = 499
    max_span_s: float | None = None
    weight: Callable[[int], int] = _futures_weight
    pool: str = "futures"

    @property
    def rest_codes(self) -> dict[Interval, str]:
        """REST code of each interval."""
        return {i: str(i) for i in self.intervals}

    @property
    def archive_codes(self) -> dict[Interval, str]:
        """Archive code of each interval."""
        return {i: _ARCHIVE_CODES.get(i, str(i)) for i in self.intervals}

    def url(self, method: str) -> str:
        """URL of a REST method, with the endpoint key in braces."""
        return f"{{{self.endpoint}}}{self.api_path}/{method}"


SPOT: Final = Market(
    market_type=MarketType.SPOT,
    endpoint="spot",
    api_path="/api/v3",
    archive_path="data/spot",
    intervals=(Interval("1s"), *_FUTURES_INTERVALS),
    page_rows=1000,
    weight=_spot_weight,
    pool="spot",
)
USDS_M: Final = Market(
    market_type=MarketType.FUTURES_USDT,
    endpoint="um",
    api_path="/fapi/v1",
    archive_path="data/futures/um",
)
COIN_M: Final = Market(
    market_type=MarketType.FUTURES_COIN,
    endpoint="cm",
    api_path="/dapi/v1",
    archive_path="data/futures/cm",
    # A window of more than 200 days is refused, and older rows are dropped from the front.
    max_span_s=200 * 86_400.0,
)
MARKETS: Final = MappingProxyType({m.market_type: m for m in (SPOT, USDS_M, COIN_M)})
