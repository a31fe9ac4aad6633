"""What the acceptance tests share: managers over an emulated venue, and a second opinion on its files."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import define, field

from dsm_binance.emulator import Emulator, RequestRecord
from dsm_binance.emulator.intervals import INTERVALS
from dsm_core import AsyncDataSourceManager, DataSourceManager, MarketData

DATA = Path(__file__).parent.parent / "data" / "binance"
VISION = DATA / "vision"
NOW = datetime(2024, 6, 15, 12, 0, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
COLUMNS = [
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_asset_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
]
UTC_NS = pd.DatetimeTZDtype("ns", "UTC")
DTYPES = dict.fromkeys(COLUMNS, "float64") | {"close_time": UTC_NS, "count": "int64"}
FOLDERS = {"spot": "spot", "um": "futures/um", "cm": "futures/cm"}
Cells = Sequence[str]


def utc(year: int, month: int = 1, day: int = 1, *clock: int) -> datetime:
    return datetime(year, month, day, *clock, tzinfo=UTC)


def ns(moment: datetime) -> int:
    return (moment - utc(1970)) // timedelta(microseconds=1) * 1000


@define
class Desk:
    """Makes managers of one test and closes them."""

    tmp_path: Path
    stack: ExitStack = field(factory=ExitStack)

    def settings(self, venue: Emulator | Mapping[str, Any], **config: Any) -> dict[str, Any]:
        endpoints = venue.endpoints if isinstance(venue, Emulator) else dict(venue)
        known = endpoints.get("vision") or endpoints.get("spot")
        assert known is not None
        base = (known if isinstance(known, str) else known[0]).rpartition("/")[0]
        # A key left out would stand for the real venue.
        everywhere = {key: f"{base}/{key}" for key in ("vision", "listing", "spot", "um", "cm")}
        http = {"state_dir": str(self.tmp_path / "limits")} | config.pop("http", {})
        return {
            "http": http,
            "providers": {"binance": {"endpoints": everywhere | endpoints} | config.pop("binance", {})},
            **config,
        }

    def _given(self, venue: Any, given: dict[str, Any]) -> dict[str, Any]:
        config = self.settings(venue, **given.pop("config", {}))
        clock = venue.clock.now if isinstance(venue, Emulator) else (lambda: NOW)
        return {"cache_dir": self.tmp_path / "cache", "config": config, "clock": clock} | given

    def manager(self, venue: Any, market: str = "spot", **given: Any) -> DataSourceManager:
        made = DataSourceManager(market, **self._given(venue, given))
        return self.stack.enter_context(made)

    def async_manager(self, venue: Any, market: str = "spot", **given: Any) -> AsyncDataSourceManager:
        return AsyncDataSourceManager(market, **self._given(venue, given))


Venues = Callable[..., Emulator]


def check_frame(frame: pd.DataFrame) -> None:
    """The exact shape that every answer has."""
    assert list(frame.columns) == COLUMNS
    assert {c: frame[c].dtype for c in COLUMNS} == DTYPES
    assert frame.index.name == "open_time"
    assert frame.index.dtype == UTC_NS
    assert frame.index.is_monotonic_increasing
    assert frame.index.is_unique


def step_ms(interval: str) -> int:
    return int(interval[:-1]) * {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[interval[-1]]


def parse_zip(path: Path, interval: str) -> pd.DataFrame:
    """A second opinion on an archive file: csv and Decimal, a row at a time."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    return frame_of(list(csv.reader(io.StringIO(text))), interval)


def frame_of(rows: Iterable[Cells], interval: str) -> pd.DataFrame:
    """Frame of raw rows: times to ms, every bar in the slot that holds it, the one on the grid first."""
    step = step_ms(interval)
    slots: dict[int, tuple[bool, list[Any]]] = {}
    for row in rows:
        if not row[0].isdigit():
            continue
        opened, closed = (int(t) // (1000 if len(t) == 16 else 1) for t in (row[0], row[6]))
        slot, on_grid = opened - opened % step, opened % step == 0
        if slot in slots and slots[slot][0] and not on_grid:
            continue
        numbers = [float(Decimal(cell)) for cell in row]
        values = [*numbers[1:6], closed * 1_000_000, numbers[7], int(row[8]), *numbers[9:11]]
        slots[slot] = (on_grid, values)
    index = pd.to_datetime([slot * 1_000_000 for slot in sorted(slots)], utc=True).as_unit("ns")
    frame = pd.DataFrame([slots[s][1] for s in sorted(slots)], columns=COLUMNS, index=index)
    frame["close_time"] = pd.to_datetime(frame["close_time"], utc=True).astype(UTC_NS)
    frame.index.name = "open_time"
    return frame


def assert_equal(frame: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(frame, expected, check_exact=True, check_freq=False)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_rows(start: datetime, count: int, interval: str = "1h", *, micros: bool = False) -> list[list[str]]:
    """Plain rows as the archive writes them, whose prices tell their place."""
    step, factor = step_ms(interval), 1000 if micros else 1
    first = int(start.timestamp() * 1000)
    rows = []
    for i in range(count):
        opened = (first + i * step) * factor
        closed = opened + step * factor - 1
        low, high = 100 + i, 110 + i
        prices = [f"{low + 2}.10000000", f"{high}.00000000", f"{low}.00000000", f"{low + 5}.20000000"]
        amounts = ["3.5", str(closed), "350.25", "7", "1.25", "125.5", "0"]
        rows.append([str(opened), *prices, *amounts])
    return rows


def write_zip(
    folder: Path, key: str, rows: Sequence[Cells] | bytes, *, member: str | None = None, head: bool = False
) -> Path:
    """An archive file of ours: ``key`` is ``spot/BTCUSDT/1h/2024-01-01``."""
    market, symbol, interval, date = key.split("/")
    stem = f"{symbol}-{interval}-{date}"
    path = folder / market / "klines" / symbol / interval / f"{stem}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    body = rows if isinstance(rows, bytes) else "".join(",".join(row) + "\n" for row in rows).encode()
    if head:
        body = b"open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore\n" + body
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member or f"{stem}.csv", body)
    path.with_name(path.name + ".CHECKSUM").write_text(f"{sha256_of(path)}  {path.name}\n")
    return path


def sent(venue: Emulator, *kinds: str) -> list[RequestRecord]:
    return [r for r in venue.requests if not kinds or r.kind in kinds]


def gaps(data: MarketData) -> list[tuple[datetime, datetime, str, bool]]:
    return [(g.start_time, g.end_time, g.reason, g.final) for g in data.gaps]


def sources(data: MarketData) -> list[str]:
    """Sources in the order of their rows, each run once."""
    told = [s.source for s in data.provenance]
    return [s for i, s in enumerate(told) if i == 0 or told[i - 1] != s]


def bars_of_rest(
    venue: Emulator, market: str, symbol: str, interval: str, start: datetime, end: datetime
) -> Any:
    """What the venue's own book tells, all pages at once: ``start <= open < end``."""
    rooms = venue._gate._rooms
    book = rooms.rest._book if rooms.rest is not None else rooms.archive.book
    series = book.series(market, symbol)
    now_ms = venue.clock.now_ms()
    a, b = (int(t.timestamp() * 1000) for t in (start, end))
    return book.rows(series, INTERVALS[interval], a, b, now_ms)
