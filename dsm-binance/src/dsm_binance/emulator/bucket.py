"""The bucket as a tree that is walked in key order, and only where a listing looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from dsm_binance.emulator.archive import CHECKSUM, Archive
from dsm_binance.emulator.clock import Clock, from_ms
from dsm_binance.emulator.intervals import ARCHIVE_NAMES, DAY_MS, INTERVALS
from dsm_binance.emulator.paths import FOLDERS, ArchivePath, Frequency, has_folder

__all__ = ["Bucket"]

_FREQUENCIES: Final[tuple[Frequency, ...]] = ("daily", "monthly")
_MONTH: Final = INTERVALS["1M"]
# S3 orders keys by their UTF-8 bytes; "12h/" comes before "1d/".
_INTERVAL_NAMES: Final = sorted(ARCHIVE_NAMES, key=lambda name: f"{name}/")


class Bucket:
    """Keys of the archive, each with what it names."""

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive, self._clock = archive, clock

    def walk(self, prefix: str, marker: str = "") -> Iterator[tuple[str, ArchivePath]]:
        """Give keys that start with `prefix` and come after `marker`, ascending."""
        for folder, market in FOLDERS.items():
            for frequency in _FREQUENCIES:
                base = f"data/{folder}/{frequency}/klines/"
                if _is_off(base, prefix, marker):
                    continue
                symbols = [listing.symbol for listing in self._archive.book.listings(market)]
                for symbol in sorted(symbols, key=lambda name: f"{name}/".encode()):
                    yield from self._walk_symbol(f"{base}{symbol}/", prefix, marker)

    def _walk_symbol(self, base: str, prefix: str, marker: str) -> Iterator[tuple[str, ArchivePath]]:
        if _is_off(base, prefix, marker):
            return
        for interval_name in _INTERVAL_NAMES:
            folder = f"{base}{interval_name}/"
            if not _is_off(folder, prefix, marker):
                yield from self._walk_folder(folder, prefix, marker)

    def _walk_folder(self, folder: str, prefix: str, marker: str) -> Iterator[tuple[str, ArchivePath]]:
        for key in self._files(folder):
            for path in (key.path, key.path + CHECKSUM):
                if path.startswith(prefix) and path > marker and self._archive.exists(key):
                    yield path, key

    def _files(self, folder: str) -> Iterator[ArchivePath]:
        """Every file that a folder could hold by now."""
        *_, frequency, _, symbol, interval_name, _ = folder.split("/")
        market = next(market for name, market in FOLDERS.items() if folder.startswith(f"data/{name}/"))
        series = self._archive.book.series(market, symbol)
        daily = frequency == "daily"
        if series is None or not has_folder(market, "daily" if daily else "monthly", interval_name):
            return
        first = ARCHIVE_NAMES[interval_name].floor(series.listing.listed_ms)
        last = min(series.listing.delisted_ms, self._clock.now_ms())
        for date in _days(first, last) if daily else _months(first, last):
            key = ArchivePath.of(market, symbol, interval_name, date)
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
