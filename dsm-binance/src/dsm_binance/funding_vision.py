"""Funding rates from the public archive: monthly zips, the only record of past intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dsm_binance.archive import MONTHLY, VisionClient, frequency
from dsm_binance.csv_member import read_csv, refusal, to_ns
from dsm_binance.funding_rest import check_rate_type
from dsm_binance.funding_rows import Settlements, regular, rounded
from dsm_binance.markets import COIN_M, USDS_M, Market
from dsm_binance.mending import inside_period
from dsm_core.model import NS_PER_MS, RangeSet
from dsm_core.plugins import Answer, ClientSpec, Granularity, Task

__all__ = ["CoinMFundingVision", "UsdsMFundingVision"]

_LONGEST_HOURS: Final = 24
# One an hour is the most that was seen, and an extra one now and then.
_MOST_ROWS: Final = 2 * 31 * 24
_TYPES: Final = {
    "calc_time": pa.int64(),
    "funding_interval_hours": pa.int64(),
    "last_funding_rate": pa.float64(),
}


class _FundingVision(VisionClient):
    """Funding rates of one market from its archive folder."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._all = check_rate_type(options.get("rate_type", "regular")) == "all"

    def stem(self, size: Granularity) -> str:
        """Symbol and kind."""
        return f"{self.symbol}-fundingRate"

    def folder(self, size: Granularity) -> str:
        """One folder for each symbol."""
        return f"{self.market.archive_path}/{frequency(size)}/fundingRate/{self.symbol}/"

    def granularities(self) -> tuple[Granularity, ...]:
        """Months only."""
        return (MONTHLY,)

    def plan(self, ranges: RangeSet, now: int, skip: frozenset[str] = frozenset()) -> tuple[Task, ...]:
        """Months; none for ``rate_type="all"``, since the files do not tell the type."""
        return () if self._all else super().plan(ranges, now, skip)

    def parse(self, task: Task, path: Path) -> Answer:
        """Rows of a verified zip, and where no settlement can be missing between them."""
        table = read_csv(path, task, tuple(_TYPES), _TYPES, _MOST_ROWS)
        times_ms = rounded(to_ns(np.asarray(table.column("calc_time")), task) // NS_PER_MS)
        order = np.argsort(times_ms, kind="stable")
        hours = np.asarray(table.column("funding_interval_hours"))
        if len(hours) and not (hours.min() >= 1 and hours.max() <= _LONGEST_HOURS):
            raise refusal(task, f"an interval of {int(hours.min())} to {int(hours.max())} hours is none")
        # Two rows of one minute are a regular settlement and a special one, which comes second.
        first = order[np.concatenate(([True], np.diff(times_ms[order]) != 0))] if len(order) else order
        first = first[regular(times_ms[first], hours[first])]
        own = inside_period(table.take(pa.array(first)), times_ms[first] * NS_PER_MS, task)
        settlements = Settlements(
            symbol=self.symbol,
            times_ms=own.times // NS_PER_MS,
            hours=own.table.column("funding_interval_hours").to_pylist(),
            rates=own.table.column("last_funding_rate").combine_chunks(),
        )
        covered = settlements.gapless(task.span.start, task.span.end)
        return Answer(settlements.table(), covered=covered, mended=own.what)


def _spec(market: Market) -> ClientSpec:
    return ClientSpec(
        market_type=market.market_type,
        chart_type="funding_rate",
        source="vision",
        options=frozenset({"rate_type"}),
    )


class UsdsMFundingVision(_FundingVision):
    """USDS-M funding rates from the archive."""

    market = USDS_M
    spec = _spec(USDS_M)


class CoinMFundingVision(_FundingVision):
    """COIN-M funding rates from the archive."""

    market = COIN_M
    spec = _spec(COIN_M)
