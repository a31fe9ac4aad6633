"""The archive's objects: which exist by now, and the bytes of each.

A recorded file is served as it is. Everything else is made when it is first asked for, always with the same
bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import md5, sha256
from threading import RLock
from typing import Final

from dsm_binance.emulator.clock import Clock, to_ms
from dsm_binance.emulator.instruments import Market
from dsm_binance.emulator.intervals import DAY_MS, SECOND_MS
from dsm_binance.emulator.paths import ArchivePath
from dsm_binance.emulator.recorded import Row, read_rows
from dsm_binance.emulator.rows import Book, bars_csv, rows_csv
from dsm_binance.emulator.series import Series
from dsm_binance.emulator.store import Store

__all__ = ["CHECKSUM", "Archive", "StoredObject", "archive_key"]

CHECKSUM: Final = ".CHECKSUM"
HEADER: Final = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
_COLUMNS: Final = tuple(HEADER.split(","))
# Spot files went to microseconds on this day; futures files never did.
_MICROS_FROM_MS: Final = to_ms(datetime(2025, 1, 1, tzinfo=UTC))
# The first files with a header row, seen per market; spot files never had one.
_HEADER_FROM_MS: Final[dict[Market, int]] = {
    "um": to_ms(datetime(2022, 5, 1, tzinfo=UTC)),
    "cm": to_ms(datetime(2021, 1, 1, tzinfo=UTC)),
}
# A zip entry's own time would make two builds differ; the format knows none before 1980.
_ENTRY_TIME: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3


@dataclass(frozen=True)
class StoredObject:
    """One object of the bucket."""

    body: bytes
    modified_ms: int

    @property
    def etag(self) -> str:
        """The quoted MD5, as S3 gives it for an object uploaded in one part."""
        return f'"{md5(self.body, usedforsecurity=False).hexdigest()}"'


def archive_key(path: str) -> str:
    """Give a path below the archive's root from a URL, a server path or such a path itself."""
    return path[max(path.find("data/"), 0) :]


class Archive:
    """Every object of the archive by its path.

    Parameters
    ----------
    book
        The rows.
    clock
        Which files are out by now.
    missing
        Paths, or patterns of them (``*``), that never got published.
    lacking
        For a zip's path, the days that it lacks although the venue traded.
    slow_lag_months
        How many months later than others multi-day intervals come out.
    cache_bytes
        How many bytes of built zips are kept.
    """

    def __init__(
        self,
        book: Book,
        clock: Clock,
        missing: Iterable[str] = (),
        lacking: Mapping[str, Iterable[str]] | None = None,
        slow_lag_months: int = 1,
        cache_bytes: int = 128_000_000,
    ) -> None:
        self.book = book
        self._clock, self._slow_lag_months = clock, slow_lag_months
        self._missing = [archive_key(path) for path in missing]
        self._lacking = {archive_key(path): frozenset(days) for path, days in (lacking or {}).items()}
        self._built: Store[bytes] = Store(cache_bytes, len)
        self._republished: dict[str, StoredObject] = {}
        self._lock = RLock()

    def find(self, path: str) -> StoredObject | None:
        """Give the object of a path, or ``None`` when there is none (yet)."""
        zip_path = path.removesuffix(CHECKSUM)
        key = ArchivePath.parse(zip_path)
        if key is None or not self.exists(key):
            return None
        stored = self._zip(key)
        return stored if path == zip_path else self._sidecar(key, stored)

    def exists(self, key: ArchivePath) -> bool:
        """Tell whether a file is out; nothing is built for that."""
        series = self.book.series(key.market, key.symbol)
        if series is None or self._clock.now_ms() < self.modified_ms(key):
            return False
        if any(fnmatchcase(key.path, pattern) for pattern in self._missing):
            return False
        if self.book.recordings.file(key.path) is not None:
            return True
        if not series.listing.generated and not self.book.recordings.holds(key):
            return False
        start, end = key.interval.ceil(key.start_ms), key.interval.ceil(key.end_ms)
        if self.book.is_recorded(series, key.interval, start, end):
            return bool(self._rows(series, key))
        return series.trades_between(start, end)

    def modified_ms(self, key: ArchivePath) -> int:
        """Give when a file came out, its first time."""
        return key.published_ms(self._slow_lag_months)

    def built(self, key: ArchivePath) -> StoredObject | None:
        """Give a file only when it need not be made."""
        with self._lock:
            if key.path in self._republished:
                return self._republished[key.path]
        recording = self.book.recordings.file(key.path)
        body = recording.body if recording is not None else self._built.get(key.path)
        return StoredObject(body, self.modified_ms(key)) if body is not None else None

    def republish(
        self,
        path: str,
        changed: Mapping[datetime, Mapping[str, str]] | None = None,
        withdrawn: Iterable[datetime] = (),
    ) -> None:
        """Serve other rows under a path from now on.

        Parameters
        ----------
        path
            The zip, from ``data/`` on.
        changed
            New cells by open time and column name, as text.
        withdrawn
            Open times of bars that are no longer there.

        Raises
        ------
        ValueError
            There is no such file, bar or column.
        """
        key = ArchivePath.parse(archive_key(path))
        if key is None or not self.exists(key):
            msg = f"no archive file {path!r} to republish; give a path that is served now"
            raise ValueError(msg)
        rows = _edit(read_rows(self._zip(key).body), changed, {to_ms(at) for at in withdrawn})
        body = _zip_bytes(key, rows_csv(rows, _micros_from(key)))
        with self._lock:
            self._republished[key.path] = StoredObject(body, self._clock.now_ms())

    def _zip(self, key: ArchivePath) -> StoredObject:
        ready = self.built(key)
        if ready is not None:
            return ready
        body = self._built.get_or_build(key.path, lambda: _zip_bytes(key, self._csv(key)))
        return StoredObject(body, self.modified_ms(key))

    def _sidecar(self, key: ArchivePath, stored: StoredObject) -> StoredObject:
        recording = self.book.recordings.file(key.path)
        if recording is not None and recording.sidecar is not None and stored.body is recording.body:
            return StoredObject(recording.sidecar, stored.modified_ms)
        line = f"{sha256(stored.body).hexdigest()}  {key.name}.zip"
        return StoredObject(line.encode(), stored.modified_ms)

    def _csv(self, key: ArchivePath) -> bytes:
        series = self.book.series(key.market, key.symbol)
        assert series is not None
        if key.path in self._lacking or self.book.is_recorded(series, key.interval, key.start_ms, key.end_ms):
            return rows_csv(self._rows(series, key), _micros_from(key))
        decimals, parts = series.listing.decimals, []
        # A month of second bars at once would take gigabytes.
        step = DAY_MS if key.interval.step_ms == SECOND_MS else key.end_ms - key.start_ms
        for at in range(key.start_ms, key.end_ms, step):
            bars = series.bars(key.interval, at, min(at + step, key.end_ms), self.modified_ms(key))
            parts.append(bars_csv(bars, decimals, _micros_from(key)))
        return b"".join(parts)

    def _rows(self, series: Series, key: ArchivePath) -> list[Row]:
        lacking = {_day_ms(day) for day in self._lacking.get(key.path, ())}
        rows = self.book.rows(series, key.interval, key.start_ms, key.end_ms, self.modified_ms(key))
        return [row for row in rows if int(row[0]) // DAY_MS * DAY_MS not in lacking]


def _edit(
    rows: list[Row], changed: Mapping[datetime, Mapping[str, str]] | None, withdrawn: set[int]
) -> list[Row]:
    """Change and withdraw rows; when told neither, let the first bar have one trade more."""
    by_open = {int(row[0]): row for row in rows}
    cells = {to_ms(at): edits for at, edits in (changed or {}).items()}
    if not cells and not withdrawn:
        cells = {int(rows[0][0]): {"count": str(int(rows[0][8]) + 1)}}
    unknown = (cells.keys() | withdrawn) - by_open.keys()
    if unknown:
        msg = f"no bar opens at {min(unknown)} ms in the file; give open times of its rows"
        raise ValueError(msg)
    for open_ms, edits in cells.items():
        for column, text in edits.items():
            by_open[open_ms][_COLUMNS.index(column)] = text
    return [row for row in rows if int(row[0]) not in withdrawn]


def _zip_bytes(key: ArchivePath, csv: bytes) -> bytes:
    if key.market != "spot" and key.start_ms >= _HEADER_FROM_MS[key.market]:
        csv = f"{HEADER}\n".encode() + csv
    entry = zipfile.ZipInfo(f"{key.name}.csv", _ENTRY_TIME)
    entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, _UNIX
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, csv, compresslevel=1)
    return target.getvalue()


def _micros_from(key: ArchivePath) -> int | None:
    return _MICROS_FROM_MS if key.market == "spot" else None


def _day_ms(day: str) -> int:
    return to_ms(datetime.fromisoformat(day).replace(tzinfo=UTC))
