"""Correct clients of the other kinds: an archive, a local table, a live file of events."""

from __future__ import annotations

import csv
import io
import sqlite3
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from attrs import field, frozen

from dsm_core import Interval
from dsm_core.errors import ArchiveError, ChecksumMismatchError
from dsm_core.model import EpochGrid, MonthGrid, TimeRange, from_ns
from dsm_core.plugins import (
    Answer,
    ArchiveClient,
    ClientSpec,
    DataClientInterface,
    Granularity,
    PagedClient,
    PageRequest,
    Task,
)
from dsm_core.testing import Bars, ClientSuite, Request, checksum_of, zip_of
from kit.house import HouseConfig, provider

DAY_NS = 86_400 * 10**9
MONTHLY = Granularity(name="monthly", grid=MonthGrid(), published_at=lambda end: end + 3 * DAY_NS)
DAILY = Granularity(name="daily", grid=EpochGrid(DAY_NS), published_at=lambda end: end + DAY_NS // 3)
CSV = "open_time:ms open high low close volume"


@frozen(kw_only=True)
class DepotConfig:
    endpoints: Mapping[str, tuple[str, ...]] = field(factory=lambda: {"files": ("https://depot.invalid",)})


class DepotKlines(ArchiveClient):
    """Zips of CSV by month and by day, with checksums beside them."""

    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="files",
        intervals={Interval(text): text for text in ("1m", "1h", "1d", "1M")},
        columns="open high low close volume",
    )

    def granularities(self) -> tuple[Granularity, ...]:
        return (MONTHLY,) if self.interval == Interval("1M") else (MONTHLY, DAILY)

    def object_url(self, granularity: Granularity, period: TimeRange) -> str:
        day = from_ns(period.start).strftime("%Y-%m" if granularity.name == "monthly" else "%Y-%m-%d")
        return f"{{files}}/{self.quoted}/{self.quoted}-{self.code}-{day}.zip"

    @property
    def quoted(self) -> str:
        return quote(self.symbol, safe="")

    async def expected_sha256(self, url: str) -> str | None:
        digest = (await self.context.http.get_text(url + ".sha256")).text.split()[:1]
        if not digest or len(digest[0]) != 64:
            raise ChecksumMismatchError("The checksum file holds no SHA-256.")
        return digest[0]

    def parse(self, task: Task, path: Path) -> Answer:
        try:
            with zipfile.ZipFile(path) as archive:
                rows = list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))
        except (zipfile.BadZipFile, UnicodeDecodeError) as error:
            raise ArchiveError(f"{task.name} cannot be read: {error}.") from error
        return Answer.from_rows(rows, CSV)


class DepotSuite(ClientSuite):
    client = DepotKlines
    symbol = "BTCUSDT"
    other_symbol = "ETHUSDT"

    def __init_subclass__(cls, **given: Any) -> None:
        cls.provider = provider(cls.client, config=DepotConfig, limits=())
        super().__init_subclass__(**given)

    def answer(self, request: Request, bars: Bars) -> Any:
        name = request.path.rpartition("/")[2].removesuffix(".sha256")
        data = self.object(name, bars)
        if data is None or f"-{bars.code}-" not in name:
            return None
        return checksum_of(name, data) if request.path.endswith(".sha256") else data

    def object(self, name: str, bars: Bars) -> bytes | None:
        day = name.removesuffix(".zip").partition(f"-{bars.code}-")[2]
        size = DAILY if day.count("-") == 2 else MONTHLY
        start = ns_of(day if size is DAILY else f"{day}-01")
        end = size.grid.next(start)
        if size.published_at(end) > bars.now:
            return None
        return zip_of(name.replace(".zip", ".csv"), bars.between(start, end).csv(CSV))


def ns_of(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * 10**9


@frozen(kw_only=True)
class TableConfig:
    path: str


class TableKlines(DataClientInterface):
    """Rows of a table in SQLite; a plain function, no HTTP."""

    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="table",
        intervals=["1m", "1h", "1d", "1w", "1M"],
        columns="open high low close volume",
        authoritative=True,
    )

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        bounds = (self.symbol, self.code, int(start_time.timestamp()), int(end_time.timestamp()))
        connection = sqlite3.connect(self.context.config.path)
        try:
            query = "SELECT * FROM bars WHERE symbol = ? AND interval = ? AND t >= ? AND t < ?"
            rows = connection.execute(query, bounds).fetchall()
        finally:
            connection.close()
        return Answer.from_rows(rows, "_ _ open_time:s open high low close volume")


class TableSuite(ClientSuite):
    client = TableKlines
    symbol = "BTCUSDT"
    other_symbol = "ETHUSDT"

    def __init_subclass__(cls, **given: Any) -> None:
        cls.provider = provider(cls.client, config=TableConfig, limits=())
        super().__init_subclass__(**given)

    @property
    def config(self) -> Mapping[str, Any]:
        return {"path": str(self.folder / "bars.db")}

    def load(self, bars: Bars) -> None:
        connection = sqlite3.connect(self.folder / "bars.db")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS bars (symbol, interval, t, open, high, low, close, volume)"
        )
        connection.execute("DELETE FROM bars WHERE symbol = ? AND interval = ?", (bars.symbol, bars.code))
        cells = bars.cells("open_time:s open high low close volume")
        rows = [[bars.symbol, bars.code, *row] for row in cells]
        connection.executemany("INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
        connection.close()


class FundingRates(PagedClient):
    """Funding settlements with a cursor: 40 a page, inclusive milliseconds."""

    spec = ClientSpec(
        market_type="futures_usdt", chart_type="funding_rate", source="rest", page_rows=40, authoritative=True
    )

    async def fetch_page(self, page: PageRequest) -> Answer:
        start = page.start_ms if page.cursor is None else page.cursor
        reply = await self.get_json(
            "{api}/v1/funding", {"symbol": page.symbol, "from": start, "to": page.last_ms}
        )
        return Answer(self.table_of(reply.body["rows"]), cursor=self.cursor_of(reply.body))

    def cursor_of(self, body: Any) -> Any:
        return body["next"]

    def table_of(self, rows: list[dict[str, Any]]) -> pa.Table:
        return pa.table(
            {
                "funding_time": pa.array([int(r["t"]) for r in rows], pa.int64()).cast(
                    pa.timestamp("ms", "UTC")
                ),
                "contracts": pa.array([self.symbol] * len(rows), pa.string()),
                "funding_interval": pa.array([str(r["every"]) for r in rows], pa.string()),
                "funding_rate": pa.array([r["rate"] for r in rows], pa.string()),
            }
        )


class FundingSuite(ClientSuite):
    client = FundingRates
    symbol = "BTCUSDT"
    other_symbol = "ETHUSDT"

    def __init_subclass__(cls, **given: Any) -> None:
        cls.provider = provider(cls.client, config=HouseConfig, limits=())
        super().__init_subclass__(**given)

    def answer(self, request: Request, bars: Bars) -> Any:
        found = bars.between(request.params["from"], int(request.params["to"]) + 1, unit="ms")
        page = found.first(40)
        more = len(page) and found[-1].time > page[-1].time
        rows = page.records("t=funding_time:ms every=funding_interval rate=funding_rate")
        return {"rows": rows, "next": page[-1].time.ms + 1 if more else None}
