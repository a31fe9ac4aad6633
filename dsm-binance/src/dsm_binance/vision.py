"""Bars from the public archive: daily and monthly zips of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from dsm_binance.archive import DAILY, MONTHLY, VisionClient, alias, frequency, named_after
from dsm_binance.kinds import INDEX_PRICE, MARK_PRICE, PREMIUM_INDEX, TRADES, KlineKind
from dsm_binance.markets import COIN_M, SPOT, USDS_M, Market, kline_grid
from dsm_binance.vision_file import read_klines
from dsm_core.model import Interval
from dsm_core.plugins import Answer, ClientSpec, Granularity, Task

__all__ = [
    "CoinMIndexPriceVision",
    "CoinMKlinesVision",
    "CoinMMarkPriceVision",
    "CoinMPremiumIndexVision",
    "KLINES_VISION",
    "SpotKlinesVision",
    "UsdsMIndexPriceVision",
    "UsdsMKlinesVision",
    "UsdsMMarkPriceVision",
    "UsdsMPremiumIndexVision",
]

_MONTHLY_ONLY: Final = frozenset({Interval("3d"), Interval("1w"), Interval("1M")})


class _KlinesVision(VisionClient):
    """Bars of one kind and market from their archive folder."""

    kind: ClassVar[KlineKind]

    def __init_subclass__(cls, *, market: Market | None = None, kind: KlineKind = TRADES) -> None:
        super().__init_subclass__()
        if market is not None:
            cls.market, cls.kind, cls.by_pair = market, kind, kind.by_pair
            cls.spec = _spec(market, kind)

    def stem(self, size: Granularity) -> str:
        """Symbol and interval."""
        return f"{named_after(size, self.symbol)}-{self.code}"

    def folder(self, size: Granularity) -> str:
        """A folder for each interval."""
        name = named_after(size, self.symbol)
        return f"{self.market.archive_path}/{frequency(size)}/{self.kind.method}/{name}/{self.code}/"

    def granularities(self) -> tuple[Granularity, ...]:
        """Months and days; bars of several days stand in monthly files only."""
        sizes = (MONTHLY,) if self.interval in _MONTHLY_ONLY else (MONTHLY, DAILY)
        if not self.kind.by_pair or self.market is not COIN_M:
            return sizes
        # Index files of COIN-M were seen under the pair's name and under its perpetual contract's.
        return tuple(each for size in sizes for each in (size, alias(size, f"{self.symbol}_PERP")))

    def parse(self, task: Task, path: Path) -> Answer:
        """Rows of a verified zip."""
        assert self.grid is not None, "bars of the archive stand on a grid"
        return read_klines(path, task, self.kind, self.grid.count(task.span))


def _spec(market: Market, kind: KlineKind) -> ClientSpec:
    return ClientSpec(
        market_type=market.market_type,
        chart_type=kind.chart_type,
        source="vision",
        intervals=market.archive_codes,
        grid=kline_grid,
        # After the outage of 2018 bars opened off the grid for two days.
        snap=True,
    )


class SpotKlinesVision(_KlinesVision, market=SPOT):
    """Spot klines from the archive."""


class UsdsMKlinesVision(_KlinesVision, market=USDS_M):
    """USDS-M klines from the archive."""


class CoinMKlinesVision(_KlinesVision, market=COIN_M):
    """COIN-M klines from the archive; volume counts contracts."""


class UsdsMMarkPriceVision(_KlinesVision, market=USDS_M, kind=MARK_PRICE):
    """USDS-M bars of mark prices from the archive."""


class CoinMMarkPriceVision(_KlinesVision, market=COIN_M, kind=MARK_PRICE):
    """COIN-M bars of mark prices from the archive."""


class UsdsMIndexPriceVision(_KlinesVision, market=USDS_M, kind=INDEX_PRICE):
    """USDS-M bars of a pair's index price from the archive."""


class CoinMIndexPriceVision(_KlinesVision, market=COIN_M, kind=INDEX_PRICE):
    """COIN-M bars of a pair's index price from the archive."""


class UsdsMPremiumIndexVision(_KlinesVision, market=USDS_M, kind=PREMIUM_INDEX):
    """USDS-M bars of the premium index from the archive."""


class CoinMPremiumIndexVision(_KlinesVision, market=COIN_M, kind=PREMIUM_INDEX):
    """COIN-M bars of the premium index from the archive."""


KLINES_VISION: Final = (
    SpotKlinesVision,
    UsdsMKlinesVision,
    CoinMKlinesVision,
    UsdsMMarkPriceVision,
    CoinMMarkPriceVision,
    UsdsMIndexPriceVision,
    CoinMIndexPriceVision,
    UsdsMPremiumIndexVision,
    CoinMPremiumIndexVision,
)
