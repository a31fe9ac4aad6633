"""Klines from the public archive: daily and monthly zips with published checksums."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote, unquote

from dsm_binance.listing import list_keys
from dsm_binance.markets import COIN_M, SPOT, USDS_M, Market, kline_grid
from dsm_binance.symbols import check_symbol
from dsm_binance.vision_file import read_klines
from dsm_core.errors import ChecksumMismatchError
from dsm_core.model import EpochGrid, Interval, MonthGrid, TimeRange, from_ns, to_ns
from dsm_core.plugins import Answer, ArchiveClient, ClientSpec, Granularity, Task

__all__ = ["CoinMKlinesVision", "SpotKlinesVision", "UsdsMKlinesVision"]

_DAY_NS: Final = 86_400 * 10**9
_HOUR_NS: Final = 3600 * 10**9
# Files appear next day about 08:40 UTC; asking from 8 h on costs at most one early 404.
_PUBLISHED_AFTER_NS: Final = 8 * _HOUR_NS
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_MONTHLY_ONLY: Final = frozenset({Interval("3d"), Interval("1w"), Interval("1M")})


def _first_monday(month_end: int) -> int:
    """Monthly files appear on the first Monday after the month."""
    day = from_ns(month_end)
    return to_ns(day + timedelta(days=(calendar.MONDAY - day.weekday()) % 7)) + _PUBLISHED_AFTER_NS


_MONTHLY: Final = Granularity(name="monthly", grid=MonthGrid(), published_at=_first_monday)
_DAILY: Final = Granularity(
    name="daily", grid=EpochGrid(_DAY_NS), published_at=lambda end: end + _PUBLISHED_AFTER_NS
)


class _KlinesVision(ArchiveClient):
    """Klines of one market from its archive folder."""

    market: ClassVar[Market]

    @classmethod
    def check_symbol(cls, symbol: str) -> None:
        """Refuse a symbol that does not have the market's form."""
        super().check_symbol(symbol)
        check_symbol(symbol, cls.market)

    def granularities(self) -> tuple[Granularity, ...]:
        """Months and days; bars of several days stand in monthly files only."""
        return (_MONTHLY,) if self.interval in _MONTHLY_ONLY else (_MONTHLY, _DAILY)

    def object_url(self, granularity: Granularity, period: TimeRange) -> str:
        """Address of a zip, the symbol percent-encoded."""
        date = from_ns(period.start).strftime("%Y-%m" if granularity.name == "monthly" else "%Y-%m-%d")
        return f"{{vision}}/{quote(self._folder(granularity.name))}{quote(self._stem)}-{date}.zip"

    async def expected_sha256(self, url: str) -> str | None:
        """First word of the CHECKSUM file beside the zip."""
        reply = await self.context.http.get_text(url + ".CHECKSUM")
        words = reply.text.split()
        digest = words[0].lower() if words else ""
        if not _SHA256.match(digest):
            raise ChecksumMismatchError(
                f"{reply.url} holds no SHA-256: {reply.text[:80]!r}.",
                hint="The file is not used.",
                url=reply.url,
            )
        return digest

    def parse(self, task: Task, path: Path) -> Answer:
        """Rows of a verified zip."""
        return Answer(read_klines(path, task))

    async def published(self, span: TimeRange) -> frozenset[str] | None:
        """Names of the zips inside ``span``, from the bucket's listing."""
        names: set[str] = set()
        for size in self.granularities():
            prefix = self._folder(size.name)
            form = "%Y-%m" if size.name == "monthly" else "%Y-%m-%d"
            first = from_ns(size.grid.floor(max(span.start, 0))).strftime(form)
            last = from_ns(min(span.end - 1, to_ns(datetime(2200, 1, 1, tzinfo=UTC)))).strftime(form)
            keys = await list_keys(
                self.context,
                prefix,
                after=f"{prefix}{self._stem}-{first}",
                until=f"{prefix}{self._stem}-{last}.zip",
            )
            names.update(quote(unquote(key).rpartition("/")[2]) for key in keys if key.endswith(".zip"))
        return frozenset(names)

    @property
    def _stem(self) -> str:
        return f"{self.symbol}-{self.code}"

    def _folder(self, granularity: str) -> str:
        return f"{self.market.archive_path}/{granularity}/klines/{self.symbol}/{self.code}/"


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
