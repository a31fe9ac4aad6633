"""Recorded archive files: served byte for byte, and read so that REST tells the same rows.

A folder is laid out as ``{market}/{kind}/{symbol}/{interval}/{symbol}-{interval}-{date}.zip``, where the kind
is ``klines``, ``markPriceKlines``, ``indexPriceKlines`` or ``premiumIndexKlines``, and
``{market}/fundingRate/{symbol}/{symbol}-fundingRate-{month}.zip``, with the ``.CHECKSUM`` files beside them;
the form of the date tells daily from monthly.
"""

from __future__ import annotations

import io
import re
import zipfile
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from dsm_binance.emulator.instruments import Listing, Market
from dsm_binance.emulator.kinds import BAR_KINDS, INDEX, KLINES, BarKind, bar_kind, pair_of
from dsm_binance.emulator.paths import ArchivePath
from dsm_core.emulation import from_ms

__all__ = ["RECORDED", "Recording", "Recordings", "Row", "read_rows"]

RECORDED: Final = Path(__file__).parent / "recorded"
"""A small recorded set that the package carries; its ``ORIGIN.md`` says where each file is from."""

Row = list[str]
"""The twelve cells of a bar as text, times in milliseconds."""

_PATH: Final = re.compile(
    rf"(?:^|/)(spot|um|cm)/(?:daily/|monthly/)?({'|'.join(BAR_KINDS)})/([^/]+)/([^/]+)/\3-\4-([0-9-]+)\.zip$"
)
_FUNDING_PATH: Final = re.compile(
    r"(?:^|/)(um|cm)/(?:monthly/)?fundingRate/([^/]+)/\2-(fundingRate)-([0-9-]+)\.zip$"
)
# Thirteen digits are milliseconds until 2286; sixteen are microseconds.
_MICROSECONDS: Final = 10**14


def read_rows(body: bytes) -> list[Row]:
    """Give the rows of a zipped kline CSV, ascending, times in milliseconds, other cells as written."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    rows = [line.split(",") for line in text.splitlines() if line[:1].isdigit()]
    for row in rows:
        for cell in (0, 6):
            if int(row[cell]) >= _MICROSECONDS:
                row[cell] = str(int(row[cell]) // 1000)
    return sorted(rows, key=lambda row: int(row[0]))


@dataclass(frozen=True)
class Recording:
    """One recorded archive file."""

    key: ArchivePath
    file: Path

    @cached_property
    def body(self) -> bytes:
        """The zip as it was recorded."""
        return self.file.read_bytes()

    @cached_property
    def sidecar(self) -> bytes | None:
        """The ``.CHECKSUM`` beside it, if there is one."""
        beside = self.file.with_name(self.file.name + ".CHECKSUM")
        return beside.read_bytes() if beside.exists() else None

    @cached_property
    def rows(self) -> list[Row]:
        """Its rows."""
        return read_rows(self.body)

    @cached_property
    def opens(self) -> list[int]:
        """The open times of its rows, in milliseconds."""
        return [int(row[0]) for row in self.rows]

    def between(self, start_ms: int, end_ms: int) -> list[Row]:
        """Give its rows that open in ``[start_ms, end_ms)``."""
        return self.rows[bisect_left(self.opens, start_ms) : bisect_left(self.opens, end_ms)]


class Recordings:
    """Every recorded file of some folders.

    Raises
    ------
    FileNotFoundError
        A folder does not exist, or holds no file of the layout above.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._by_path: dict[str, Recording] = {}
        self._by_series: dict[tuple[Market, BarKind, str, str], list[Recording]] = {}
        self._funding: dict[tuple[Market, str, int], Recording] = {}
        for folder in folders:
            self._read(Path(folder))
        for found in self._by_series.values():
            found.sort(key=lambda recording: (recording.key.start_ms, -recording.key.end_ms))

    def file(self, path: str) -> Recording | None:
        """Give the recording of an archive path."""
        return self._by_path.get(path)

    def funding(self, market: Market, symbol: str, month_ms: int) -> Recording | None:
        """Give the recording of a month's funding rates."""
        return self._funding.get((market, symbol, month_ms))

    def covering(
        self, market: Market, kind: BarKind, name: str, interval: str, start_ms: int, end_ms: int
    ) -> list[Recording]:
        """Give the recordings of a series whose periods overlap a range, in order, none inside another.

        The `name` is a symbol; of index prices it is a pair.
        """
        found: list[Recording] = []
        reached = start_ms
        for recording in self._by_series.get((market, kind, name, interval), ()):
            key = recording.key
            if key.start_ms < end_ms and key.end_ms > reached:
                found.append(recording)
                reached = key.end_ms
        return found

    def holds(self, key: ArchivePath) -> bool:
        """Tell whether the whole period of an archive file was recorded, be it in other files."""
        at, name = key.start_ms, _name(key)
        for recording in self.covering(key.market, key.kind, name, key.interval.name, at, key.end_ms):
            if recording.key.start_ms > at:
                return False
            at = recording.key.end_ms
        return at >= key.end_ms

    def symbols(self) -> set[tuple[Market, str]]:
        """Give every recorded symbol with its market."""
        return {(recording.key.market, _contract(recording.key)) for recording in self._by_path.values()}

    def listing(self, market: Market, symbol: str) -> Listing:
        """Give a listing that trades only what was recorded, from the first recorded period on."""
        first_ms = min(
            recording.key.start_ms
            for recording in self._by_path.values()
            if (recording.key.market, _contract(recording.key)) == (market, symbol)
        )
        return Listing(symbol, market, listed_at=from_ms(first_ms), generated=False)

    def _read(self, folder: Path) -> None:
        found = 0
        for file in sorted(folder.rglob("*.zip")):
            key = _told(file.as_posix())
            if key is not None:
                self._add(Recording(key, file))
                found += 1
        if not found:
            expected = "spot/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12.zip"
            msg = f"no recorded klines or funding rates under {folder}; expected e.g. {expected}"
            raise FileNotFoundError(msg)

    def _add(self, recording: Recording) -> None:
        key = recording.key
        self._by_path[key.path] = recording
        if key.is_funding:
            self._funding[key.market, key.symbol, key.start_ms] = recording
        else:
            series = (key.market, key.kind, _name(key), key.interval.name)
            self._by_series.setdefault(series, []).append(recording)


def _told(path: str) -> ArchivePath | None:
    funding = _FUNDING_PATH.search(path)
    if funding is not None:
        market, symbol, what, month = funding.groups()
        return ArchivePath.of(market, symbol, what, month)
    match = _PATH.search(path)
    if match is None:
        return None
    market, kind, symbol, interval, date = match.groups()
    return ArchivePath.of(market, symbol, interval, date, bar_kind(kind) or KLINES)


def _name(key: ArchivePath) -> str:
    """Whose rows a file holds: a symbol's, or a pair's."""
    return pair_of(key.symbol) if key.kind == INDEX else key.symbol


def _contract(key: ArchivePath) -> str:
    """The symbol that a file makes known; where it names but a pair, that is the perpetual contract."""
    is_pair = key.market == "cm" and key.kind == INDEX and "_" not in key.symbol
    return f"{key.symbol}_PERP" if is_pair else key.symbol
