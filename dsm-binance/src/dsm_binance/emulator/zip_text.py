"""The text inside archive zips: header, rows, edits of them, and the zip around it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from dsm_binance.emulator.funding_rows import FUNDING_HEADER, read_funding
from dsm_binance.emulator.instruments import Market
from dsm_binance.emulator.paths import ArchivePath
from dsm_binance.emulator.recorded import Row, read_rows
from dsm_binance.emulator.rows import rows_csv
from dsm_core.emulation import to_ms

__all__ = ["edited_zip", "micros_from", "zip_bytes"]

_KLINES_HEADER: Final = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
# Spot files went to microseconds on this day; futures files never did.
_MICROS_FROM_MS: Final = to_ms(datetime(2025, 1, 1, tzinfo=UTC))
# The first kline files with a header row, seen per market; spot files never had one.
_HEADER_FROM_MS: Final[dict[Market, int]] = {
    "um": to_ms(datetime(2022, 5, 1, tzinfo=UTC)),
    "cm": to_ms(datetime(2021, 1, 1, tzinfo=UTC)),
}
# A zip entry's own time would make two builds differ; the format knows none before 1980.
_ENTRY_TIME: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3


def zip_bytes(key: ArchivePath, csv: bytes) -> bytes:
    """Give the zip of some CSV rows, with the header that files of that time have."""
    if key.is_funding or (key.market != "spot" and key.start_ms >= _HEADER_FROM_MS[key.market]):
        csv = f"{_header(key)}\n".encode() + csv
    entry = zipfile.ZipInfo(f"{key.name}.csv", _ENTRY_TIME)
    entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, _UNIX
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, csv, compresslevel=1)
    return target.getvalue()


def edited_zip(
    key: ArchivePath, body: bytes, changed: Mapping[datetime, Mapping[str, str]] | None, withdrawn: set[int]
) -> bytes:
    """Give a file with rows changed and withdrawn; when told neither, its first row changes a little.

    Raises
    ------
    ValueError
        There is no such row or column.
    """
    rows = _funding_cells(body) if key.is_funding else read_rows(body)
    cells = {to_ms(at): edits for at, edits in (changed or {}).items()}
    if not cells and not withdrawn:
        cells = {int(rows[0][0]): _small_change(rows[0])}
    unknown = (cells.keys() | withdrawn) - {int(row[0]) for row in rows}
    if unknown:
        what = "settlement" if key.is_funding else "bar opens"
        msg = f"no {what} at {min(unknown)} ms in the file; give times that its rows begin with"
        raise ValueError(msg)
    columns = _header(key).split(",")
    for row in rows:
        for column, text in cells.get(int(row[0]), {}).items():
            row[columns.index(column)] = text
    kept = [row for row in rows if int(row[0]) not in withdrawn]
    return zip_bytes(key, rows_csv(kept, micros_from(key)))


def micros_from(key: ArchivePath) -> int | None:
    """Give since when a file's times are in microseconds; ``None`` is never."""
    return _MICROS_FROM_MS if key.market == "spot" else None


def _header(key: ArchivePath) -> str:
    return FUNDING_HEADER if key.is_funding else _KLINES_HEADER


def _funding_cells(body: bytes) -> list[Row]:
    return [[str(row.time_ms), str(row.hours), row.rate] for row in read_funding(body)]


def _small_change(row: Row) -> dict[str, str]:
    """One trade more, or the other sign."""
    if len(row) == len(FUNDING_HEADER.split(",")):
        return {"last_funding_rate": row[2].removeprefix("-") if row[2][0] == "-" else f"-{row[2]}"}
    return {"count": str(int(row[8]) + 1)}
