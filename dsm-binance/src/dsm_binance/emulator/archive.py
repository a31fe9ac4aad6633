"""The archive's objects: which exist by now, and the bytes of each.

A recorded file is served as it is. Everything else is made when it is first asked for, always with the same
bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import md5, sha256
from threading import RLock
from typing import Final

from dsm_binance.emulator.funding_book import in_archive
from dsm_binance.emulator.funding_rows import Settlement, funding_csv
from dsm_binance.emulator.intervals import DAY_MS, SECOND_MS
from dsm_binance.emulator.paths import ArchivePath
from dsm_binance.emulator.recorded import Row
from dsm_binance.emulator.rows import Book, bars_csv, rows_csv
from dsm_binance.emulator.series import Series
from dsm_binance.emulator.zip_text import edited_zip, micros_from, zip_bytes
from dsm_core.emulation import Clock, Store, to_ms

__all__ = ["CHECKSUM", "Archive", "StoredObject", "archive_key"]

CHECKSUM: Final = ".CHECKSUM"


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
        series = self.book.series_of(key)
        if series is None or self._clock.now_ms() < self.modified_ms(key):
            return False
        if any(fnmatchcase(key.path, pattern) for pattern in self._missing):
            return False
        if self.book.recordings.file(key.path) is not None:
            return True
        if key.is_funding:
            return in_archive(key.market, key.start_ms) and bool(self._settlements(series, key))
        return self._has_bars(series, key)

    def _has_bars(self, series: Series, key: ArchivePath) -> bool:
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
            New cells by the time that a row begins with and the column's name, as text.
        withdrawn
            Times that begin rows which are no longer there.

        Raises
        ------
        ValueError
            There is no such file, row or column.
        """
        key = ArchivePath.parse(archive_key(path))
        if key is None or not self.exists(key):
            msg = f"no archive file {path!r} to republish; give a path that is served now"
            raise ValueError(msg)
        body = edited_zip(key, self._zip(key).body, changed, {to_ms(at) for at in withdrawn})
        with self._lock:
            self._republished[key.path] = StoredObject(body, self._clock.now_ms())

    def _zip(self, key: ArchivePath) -> StoredObject:
        ready = self.built(key)
        if ready is not None:
            return ready
        body = self._built.get_or_build(key.path, lambda: zip_bytes(key, self._csv(key)))
        return StoredObject(body, self.modified_ms(key))

    def _sidecar(self, key: ArchivePath, stored: StoredObject) -> StoredObject:
        recording = self.book.recordings.file(key.path)
        if recording is not None and recording.sidecar is not None and stored.body is recording.body:
            return StoredObject(recording.sidecar, stored.modified_ms)
        line = f"{sha256(stored.body).hexdigest()}  {key.name}.zip"
        return StoredObject(line.encode(), stored.modified_ms)

    def _csv(self, key: ArchivePath) -> bytes:
        series = self.book.series_of(key)
        assert series is not None
        if key.is_funding:
            return funding_csv(self._settlements(series, key))
        if key.path in self._lacking or self.book.is_recorded(series, key.interval, key.start_ms, key.end_ms):
            return rows_csv(self._rows(series, key), micros_from(key))
        decimals, parts = series.decimals, []
        # A month of second bars at once would take gigabytes.
        step = DAY_MS if key.interval.step_ms == SECOND_MS else key.end_ms - key.start_ms
        for at in range(key.start_ms, key.end_ms, step):
            bars = series.bars(key.interval, at, min(at + step, key.end_ms), self.modified_ms(key))
            parts.append(bars_csv(bars, decimals, micros_from(key)))
        return b"".join(parts)

    def _rows(self, series: Series, key: ArchivePath) -> list[Row]:
        lacking = self._lacking_days(key)
        rows = self.book.rows(series, key.interval, key.start_ms, key.end_ms, self.modified_ms(key))
        return [row for row in rows if int(row[0]) // DAY_MS * DAY_MS not in lacking]

    def _settlements(self, series: Series, key: ArchivePath) -> list[Settlement]:
        lacking = self._lacking_days(key)
        rows = self.book.funding.month(series.listing, key.start_ms)
        return [row for row in rows if row.time_ms // DAY_MS * DAY_MS not in lacking]

    def _lacking_days(self, key: ArchivePath) -> set[int]:
        return {_day_ms(day) for day in self._lacking.get(key.path, ())}


def _day_ms(day: str) -> int:
    return to_ms(datetime.fromisoformat(day).replace(tzinfo=UTC))
