"""Archive paths: what they name, which period they hold, and when the venue publishes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Literal

from dsm_binance.emulator.instruments import Market
from dsm_binance.emulator.intervals import ARCHIVE_NAMES, DAY_MS, HOUR_MS, INTERVALS, MINUTE_MS, Interval
from dsm_binance.emulator.kinds import BAR_KINDS, KLINES, BarKind, bar_kind
from dsm_core.emulation import to_ms

__all__ = ["FOLDERS", "FUNDING", "ArchivePath", "Frequency", "has_folder"]

Frequency = Literal["daily", "monthly"]

FOLDERS: Final[dict[str, Market]] = {"futures/cm": "cm", "futures/um": "um", "spot": "spot"}
"""The folder of each market below ``data/``, in the order of a listing."""

FUNDING: Final = "fundingRate"
"""What stands in funding paths in place of an interval."""

_PATH: Final = re.compile(
    rf"data/(?P<folder>spot|futures/um|futures/cm)/(?:daily|monthly)/(?P<kind>{'|'.join(BAR_KINDS)}|fundingRate)/"
    r"(?P<symbol>[^/]+)/(?:[^/]+/)?(?P=symbol)-(?P<interval>[0-9a-zA-Z]+)-(?P<date>[0-9-]+)\.zip"
)
# What lies between two settlements unless a contract says otherwise; how a funding file's rows are guessed.
_USUAL_FUNDING: Final = INTERVALS["8h"]
_MONTH: Final = INTERVALS["1M"]
# The hour at which new files were seen to appear.
_PUBLISHED_AT_MS: Final = 8 * HOUR_MS + 40 * MINUTE_MS


@dataclass(frozen=True)
class ArchivePath:
    """What one zip of the archive holds: what a series has in ``[start_ms, end_ms)``.

    That is bars of a kind by their open time, or funding rates, which have `FUNDING` for `interval_name`.
    """

    market: Market
    frequency: Frequency
    symbol: str
    interval: Interval
    interval_name: str
    date: str
    start_ms: int
    end_ms: int
    kind: BarKind = KLINES

    @classmethod
    def parse(cls, path: str) -> ArchivePath | None:
        """Give what a path below the archive's root names, or ``None`` for what the archive never has."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        kind = bar_kind(match["kind"]) or KLINES
        key = cls.of(FOLDERS[match["folder"]], match["symbol"], match["interval"], match["date"], kind)
        return key if key is not None and key.path == path else None

    @classmethod
    def of(
        cls, market: str, symbol: str, interval_name: str, date: str, kind: BarKind = KLINES
    ) -> ArchivePath | None:
        """Give the path of a symbol, an interval by its archive name (or `FUNDING`), and a day or month."""
        folder = next((its_market for its_market in FOLDERS.values() if its_market == market), None)
        start_ms = _date_ms(date)
        if (
            folder is None
            or start_ms is None
            or not has_folder(folder, _frequency(date), interval_name, kind)
        ):
            return None
        interval = ARCHIVE_NAMES.get(interval_name, _USUAL_FUNDING)
        end_ms = start_ms + DAY_MS if len(date) == 10 else _MONTH.after(start_ms)
        return cls(folder, _frequency(date), symbol, interval, interval_name, date, start_ms, end_ms, kind)

    @property
    def is_funding(self) -> bool:
        """Whether it holds funding rates."""
        return self.interval_name == FUNDING

    @cached_property
    def name(self) -> str:
        """The file's name without its suffix."""
        return f"{self.symbol}-{self.interval_name}-{self.date}"

    @cached_property
    def path(self) -> str:
        """The path below the archive's root."""
        folder = next(folder for folder, market in FOLDERS.items() if market == self.market)
        within = (
            f"{FUNDING}/{self.symbol}"
            if self.is_funding
            else f"{self.kind}/{self.symbol}/{self.interval_name}"
        )
        return f"data/{folder}/{self.frequency}/{within}/{self.name}.zip"

    def published_ms(self, slow_lag_months: int) -> int:
        """Give when the file appears: the next day, or the first Monday of the month after.

        Multi-day intervals come `slow_lag_months` months later still.
        """
        if self.frequency == "daily":
            return self.end_ms + _PUBLISHED_AT_MS
        slow = self.interval.step_ms == 0 or self.interval.step_ms > DAY_MS
        month = _MONTH.shift(self.end_ms, slow_lag_months if slow else 0)
        return INTERVALS["1w"].ceil(month) + _PUBLISHED_AT_MS


def has_folder(market: Market, frequency: Frequency, interval_name: str, kind: BarKind = KLINES) -> bool:
    """Tell whether the archive has an interval's folder, or that of `FUNDING`.

    There are 1s bars on spot alone, bars of other prices on futures alone, multi-day bars by the month, and
    futures' funding rates by the month.
    """
    if kind != KLINES and market == "spot":
        return False
    if interval_name == FUNDING:
        return market != "spot" and frequency == "monthly"
    interval = ARCHIVE_NAMES.get(interval_name)
    if interval is None or (interval_name == "1s" and market != "spot"):
        return False
    return frequency == "monthly" or 0 < interval.step_ms <= DAY_MS


def _frequency(date: str) -> Frequency:
    return "daily" if len(date) == 10 else "monthly"


def _date_ms(date: str) -> int | None:
    """Read ``YYYY-MM-DD`` or ``YYYY-MM``, exactly."""
    text = date if len(date) == 10 else f"{date}-01"
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    if day.strftime("%Y-%m-%d") != text:
        return None
    return to_ms(day)
