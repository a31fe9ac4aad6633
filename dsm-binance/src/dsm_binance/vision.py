"""Klines from the public archive: daily and monthly zips."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dsm_binance.archive import DAILY, MONTHLY, VisionClient
from dsm_binance.markets import COIN_M, SPOT, USDS_M, Market, kline_grid
from dsm_binance.vision_file import read_klines
from dsm_core.model import Interval
from dsm_core.plugins import Answer, ClientSpec, Granularity, Task

__all__ = ["CoinMKlinesVision", "SpotKlinesVision", "UsdsMKlinesVision"]

_MONTHLY_ONLY: Final = frozenset({Interval("3d"), Interval("1w"), Interval("1M")})


class _KlinesVision(VisionClient):
    """Klines of one market from its archive folder."""

    @property
    def stem(self) -> str:
        """Symbol and interval."""
        return f"{self.symbol}-{self.code}"

    def folder(self, granularity: str) -> str:
        """A folder for each interval."""
        return f"{self.market.archive_path}/{granularity}/klines/{self.symbol}/{self.code}/"

    def granularities(self) -> tuple[Granularity, ...]:
        """Months and days; bars of several days stand in monthly files only."""
        return (MONTHLY,) if self.interval in _MONTHLY_ONLY else (MONTHLY, DAILY)

    def parse(self, task: Task, path: Path) -> Answer:
        """Rows of a verified zip."""
        return Answer(read_klines(path, task))


def _spec(market: Market) -> ClientSpec:
    return ClientSpec(
        market_type=market.market_type,
        chart_type="klines",
        source="vision",
        intervals=market.archive_codes,
        grid=kline_grid,
        # After the outage of 2018 bars opened off the grid for two days.
        snap=True,
    )


class SpotKlinesVision(_KlinesVision):
    """Spot klines from the archive."""

    market = SPOT
    spec = _spec(SPOT)


class UsdsMKlinesVision(_KlinesVision):
    """USDS-M klines from the archive."""

    market = USDS_M
    spec = _spec(USDS_M)


class CoinMKlinesVision(_KlinesVision):
    """COIN-M klines from the archive; volume counts contracts."""

    market = COIN_M
    spec = _spec(COIN_M)
