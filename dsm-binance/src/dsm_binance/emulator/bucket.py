"""The bucket as a tree that is walked in key order, and only where a listing looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from dsm_binance.emulator.archive import CHECKSUM, Archive
from dsm_binance.emulator.instruments import Market
from dsm_binance.emulator.intervals import ARCHIVE_NAMES, DAY_MS, INTERVALS
from dsm_binance.emulator.kinds import BAR_KINDS, KLINES, BarKind, bar_kind
from dsm_binance.emulator.paths import FOLDERS, FUNDING, ArchivePath, Frequency, has_folder
from dsm_binance.emulator.series import Series
from dsm_core.emulation import Clock, from_ms

__all__ = ["Bucket"]

_FREQUENCIES: Final[tuple[Frequency, ...]] = ("daily", "monthly")
_TYPES: Final = (FUNDING, *BAR_KINDS)
_MONTH: Final = INTERVALS["1M"]
# S3 orders keys by their UTF-8 bytes; "12h/" comes before "1d/".
_INTERVAL_NAMES: Final = sorted(ARCHIVE_NAMES, key=lambda name: f"{name}/")


@dataclass(frozen=True)
class _Branch:
    """One type of data of a market, by the day or month; `base` is its folder."""

    market: Market
    frequency: Frequency
    base: str
    kind: BarKind | None

    def folder(self, symbol: str, interval_name: str) -> str:
        """Give the folder that holds a series' files."""
        return f"{self.base}{symbol}/{interval_name}/" if self.kind else f"{self.base}{symbol}/"


class Bucket:
    """Keys of the archive, each with what it names."""

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive, self._clock = archive, clock

    def walk(self, prefix: str, marker: str = "") -> Iterator[tuple[str, ArchivePath]]:
        """Give keys that start with `prefix` and come after `marker`, ascending."""
        for folder, market in FOLDERS.items():
            for frequency in _FREQUENCIES:
                for its_type in _TYPES:
                    base = f"data/{folder}/{frequency}/{its_type}/"
                    if not _is_off(base, prefix, marker):
                        kind = bar_kind(its_type)
                        yield from self._walk_type(_Branch(market, frequency, base, kind), prefix, marker)

    def _walk_type(self, branch: _Branch, prefix: str, marker: str) -> Iterator[tuple[str, ArchivePath]]:
        archived = self._archive.book.archived(branch.market, branch.kind or KLINES)
        for symbol in sorted(archived, key=lambda name: f"{name}/".encode()):
            for interval_name in _INTERVAL_NAMES if branch.kind else (FUNDING,):
                folder = branch.folder(symbol, interval_name)
                if not _is_off(folder, prefix, marker):
                    keys = self._files(branch, symbol, interval_name, archived[symbol])
                    yield from self._walk_folder(keys, prefix, marker)

    def _walk_folder(
        self, keys: Iterable[ArchivePath], prefix: str, marker: str
    ) -> Iterator[tuple[str, ArchivePath]]:
        for key in keys:
            for path in (key.path, key.path + CHECKSUM):
                if path.startswith(prefix) and path > marker and self._archive.exists(key):
                    yield path, key

    def _files(
        self, branch: _Branch, symbol: str, interval_name: str, series: Series
    ) -> Iterator[ArchivePath]:
        """Every file that a folder could hold by now."""
        kind = branch.kind or KLINES
        if not has_folder(branch.market, branch.frequency, interval_name, kind):
            return
        first = series.listing.listed_ms
        if branch.kind:
            first = ARCHIVE_NAMES[interval_name].floor(first)
        last = min(series.listing.delisted_ms, self._clock.now_ms())
        for date in _days(first, last) if branch.frequency == "daily" else _months(first, last):
            key = ArchivePath.of(branch.market, symbol, interval_name, date, kind)
            if key is not None:
                yield key


def _days(first_ms: int, last_ms: int) -> Iterable[str]:
    for day_ms in range(first_ms - first_ms % DAY_MS, last_ms, DAY_MS):
        yield f"{from_ms(day_ms):%Y-%m-%d}"


def _months(first_ms: int, last_ms: int) -> Iterable[str]:
    month = _MONTH.floor(first_ms)
    while month < last_ms:
        yield f"{from_ms(month):%Y-%m}"
        month = _MONTH.after(month)


def _is_off(folder: str, prefix: str, marker: str) -> bool:
    """Tell whether no key below a folder can both start with `prefix` and come after `marker`."""
    outside = not folder.startswith(prefix) and not prefix.startswith(folder)
    return outside or (folder < marker and not marker.startswith(folder))
