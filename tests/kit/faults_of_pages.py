"""Faulty clients of pages: each is the correct one with one fault, as venues and their users know it."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from attrs import evolve

from dsm_core import Interval
from dsm_core.errors import (
    ProtocolChangedError,
    SymbolNotFoundError,
)
from dsm_core.model import EpochGrid, RangeSet, grid_for
from dsm_core.plugins import Answer, PageRequest, Rolling, Unlimited
from kit.house import COLUMNS, HouseKlines
from kit.rolling import RollingKlines

DAY_NS = 86_400 * 10**9
NEW_YORK = ZoneInfo("America/New_York")
EMPTY = Answer.from_rows([], COLUMNS)
_log = logging.getLogger(__name__)


class HouseInPieces(HouseKlines):
    """The correct client in pieces, so that a fault can take the place of one."""

    def bounds(self, page: PageRequest) -> tuple[int, int]:
        return page.start_ms, page.last_ms

    async def body(self, page: PageRequest) -> Any:
        start, last = self.bounds(page)
        asked = {"symbol": page.symbol, "bar": page.code, "from": start, "to": last}
        key = self.context.config.api_key.reveal()
        reply = await self.get_json("{api}/v1/bars", asked, rows=page.rows, headers={"X-Key": key})
        return reply.body

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        return rows

    def answer(self, page: PageRequest, rows: list[list[Any]]) -> Answer:
        return Answer.from_rows(self.rows(rows), COLUMNS)

    async def fetch_page(self, page: PageRequest) -> Answer:
        return self.answer(page, (await self.body(page))["rows"])


# The ends of a range


class ExclusiveEnd(HouseInPieces):
    """Takes the venue's inclusive end for an exclusive one, and asks for a bar less."""

    def bounds(self, page: PageRequest) -> tuple[int, int]:
        assert self.grid is not None
        return page.start_ms, (self.grid.back(page.end, 1) - 1) // 10**6


class ExclusiveStart(HouseInPieces):
    """Takes the venue's inclusive start for an exclusive one."""

    def bounds(self, page: PageRequest) -> tuple[int, int]:
        return page.start_ms + 1, page.last_ms


class InclusiveEndDoubled(HouseInPieces):
    """Asks for the first bar of the next page too; a venue that counts back drops the first of this one."""

    def bounds(self, page: PageRequest) -> tuple[int, int]:
        return page.start_ms, page.end // 10**6


class SecondsForMilliseconds(HouseInPieces):
    """Sends seconds to a venue that wants milliseconds."""

    def bounds(self, page: PageRequest) -> tuple[int, int]:
        return page.start_ms // 1000, page.last_ms // 1000


class StampedAtTheEnd(HouseInPieces):
    """Takes the end of a bar for its open."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        return [[int(row[6]) + 1, *row[1:6], int(row[6]) * 2 - int(row[0]) + 1] for row in rows]


class DropsTheMidnightBar(HouseInPieces):
    """Throws away what opens at midnight, as the end of the day before."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        return [row for row in rows if int(row[0]) % 86_400_000 or self.interval not in ("1m", "1h")]


class EmptyIsAnError(HouseInPieces):
    """Reads the first row of an answer that may have none."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        assert int(rows[0][0]) > 0
        return rows


# History


class TooLongHistory(RollingKlines):
    """Declares 1000 bars of history where the venue keeps 720."""

    spec = evolve(RollingKlines.spec, history=Rolling(rows=1000))


class AuthorityBeyondHistory(RollingKlines):
    """Vouches for all times, although the venue keeps the newest 720 bars."""

    spec = evolve(RollingKlines.spec, history=Unlimited(), page_rows=None)


class AsksBeyondHistory(RollingKlines):
    """Asks for what is out of the history it declares."""

    def within_history(self, ranges: RangeSet, now: int) -> RangeSet:
        return ranges


# Pages


class TakesEveryRowOnce(HouseInPieces):
    """Calls a row that comes twice a broken protocol."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        if len({row[0] for row in rows}) != len(rows):
            raise ProtocolChangedError("A row came twice.")
        return rows


class StopsAtTheFirstStepBack(HouseInPieces):
    """Takes rows for sorted, and stops where the time goes back."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        kept: list[list[Any]] = []
        for row in rows:
            if kept and int(row[0]) < int(kept[-1][0]):
                break
            kept.append(row)
        return kept


class WantsFullPages(HouseInPieces):
    """Calls a page with fewer rows than slots a broken protocol."""

    def answer(self, page: PageRequest, rows: list[list[Any]]) -> Answer:
        if rows and len(rows) < page.rows:
            raise ProtocolChangedError("The page is not full.")
        return super().answer(page, rows)


class LongerPagesThanSent(HouseInPieces):
    """Asks for 200 bars where the venue sends 50, so that most have to be asked for again."""

    spec = evolve(HouseKlines.spec, page_rows=200)


class NumbersItsRows(HouseInPieces):
    """Takes a row's place in the page for its time, as if no bar were ever missing."""

    def answer(self, page: PageRequest, rows: list[list[Any]]) -> Answer:
        assert self.grid is not None
        places = range(len(rows))
        times = [self.grid.back(page.start, -i) // 10**6 for i in places]
        ends = [self.grid.back(page.start, -i - 1) // 10**6 - 1 for i in places]
        numbered = [[t, *row[1:6], e] for t, e, row in zip(times, ends, rows, strict=True)]
        return super().answer(page, numbered)


class EmptyIsUnknown(HouseInPieces):
    """Takes a range without rows for a symbol that is not known."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        if not rows:
            raise SymbolNotFoundError(f"No rows of {self.symbol!r}.")
        return rows


# Values


class SwappedColumns(HouseInPieces):
    """Reads open and close in each other's place."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        return [[row[0], row[4], row[2], row[3], row[1], *row[5:]] for row in rows]


class RoundedPrices(HouseInPieces):
    """Rounds prices to cents on their way through text."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        return [[row[0], *(f"{float(v):.2f}" for v in row[1:5]), *row[5:]] for row in rows]


class SinglePrecision(HouseInPieces):
    """Holds prices in 32 bits."""

    def answer(self, page: PageRequest, rows: list[list[Any]]) -> Answer:
        table = super().answer(page, rows).rows
        for i, name in enumerate(table.column_names):
            if name in ("open", "high", "low", "close"):
                cells = np.array([float(v) for v in table.column(name).to_pylist()], dtype=np.float32)
                table = table.set_column(i, name, pa.array(cells))
        return Answer(table)


class ZeroForAbsent(HouseInPieces):
    """Declares a number of trades that the venue does not tell, and fills in 0."""

    spec = evolve(HouseKlines.spec, columns=HouseKlines.spec.columns | {"count"})  # type: ignore[operator]

    def answer(self, page: PageRequest, rows: list[list[Any]]) -> Answer:
        table = super().answer(page, rows).rows
        return Answer(table.append_column("count", pa.array([0] * len(table), pa.int64())))


class DropsQuietBars(HouseInPieces):
    """Throws away bars in which nothing was traded."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        return [row for row in rows if float(row[5]) > 0]


class LocalTime(HouseInPieces):
    """Reads times in the machine's zone and calls them UTC."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        def shifted(ms: Any) -> int:
            local = datetime.fromtimestamp(int(ms) // 1000)
            return int(local.replace(tzinfo=UTC).timestamp()) * 1000 + int(ms) % 1000

        return [[shifted(row[0]), *row[1:6], shifted(row[6])] for row in rows]


class WallClock(HouseInPieces):
    """Takes times through New York's wall clock, on which an hour of November comes twice."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        def told(ms: Any) -> int:
            wall = datetime.fromtimestamp(int(ms) // 1000, NEW_YORK).replace(tzinfo=None, fold=0)
            return int(wall.replace(tzinfo=NEW_YORK).timestamp()) * 1000 + int(ms) % 1000

        return [[told(row[0]), *row[1:6], told(row[6])] for row in rows]


class MillisecondsReadAsSeconds(HouseInPieces):
    """Reads milliseconds as seconds."""

    def answer(self, page: PageRequest, rows: list[list[Any]]) -> Answer:
        return Answer.from_rows(rows, COLUMNS.replace(":ms", ":s"))


# The calendar


class MonthOfThirtyDays(HouseInPieces):
    """Takes a month for thirty days."""

    spec = evolve(
        HouseKlines.spec, grid=lambda i: EpochGrid(30 * DAY_NS) if i == Interval("1M") else grid_for(i)
    )


class NoLeapDay(HouseInPieces):
    """Has a calendar without 29 February."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        days = [datetime.fromtimestamp(int(row[0]) // 1000, UTC) for row in rows]
        return [row for row, day in zip(rows, days, strict=True) if (day.month, day.day) != (2, 29)]


class OpenBarAsClosed(HouseInPieces):
    """Asks for a bar more, and gives the one that is open the times of the one before."""

    def bounds(self, page: PageRequest) -> tuple[int, int]:
        return page.start_ms, page.end // 10**6

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        if len(rows) < 2 or rows[-1][6] < self.context.now_ns() // 10**6:
            return rows
        before, opened = rows[-2], rows[-1]
        return [*rows[:-2], [before[0], *opened[1:6], before[6]]]


# Symbols


class SymbolInText(HouseInPieces):
    """Writes the symbol into the URL as it is."""

    async def body(self, page: PageRequest) -> Any:
        start, last = self.bounds(page)
        url = f"{{api}}/v1/bars?symbol={page.symbol}&bar={page.code}&from={start}&to={last}"
        return (await self.get_json(url, rows=page.rows)).body


class UnknownIsEmpty(HouseInPieces):
    """Takes an unknown symbol for one without rows."""

    async def body(self, page: PageRequest) -> Any:
        try:
            return await super().body(page)
        except SymbolNotFoundError:
            return {"rows": []}


class RemembersPages(HouseInPieces):
    """Keeps pages by range, for every symbol alike."""

    kept: ClassVar[dict[tuple[int, int], Any]] = {}

    async def body(self, page: PageRequest) -> Any:
        if (page.start, page.end) not in self.kept:
            self.kept[page.start, page.end] = await super().body(page)
        return self.kept[page.start, page.end]


PARAMS: dict[str, Any] = {}


class ChangesADefault(HouseInPieces):
    """Changes the module's own parameters, and asks the first question for ever."""

    async def body(self, page: PageRequest) -> Any:
        start, last = self.bounds(page)
        PARAMS.setdefault("from", start)
        asked = {**PARAMS, "symbol": page.symbol, "bar": page.code, "to": last}
        return (await self.get_json("{api}/v1/bars", asked, rows=page.rows)).body


class AsksForOneSymbol(HouseInPieces):
    """Asks for the symbol that its author tried it with, whichever is meant."""

    async def body(self, page: PageRequest) -> Any:
        return await super().body(evolve(page, symbol="BTCUSDT"))


class AsksForBothSymbols(HouseInPieces):
    """Asks for all symbols that its author knows, and takes whatever comes."""

    async def body(self, page: PageRequest) -> Any:
        return await super().body(evolve(page, symbol="BTCUSDT,ETHUSDT"))


class OneForAll(HouseInPieces):
    """Keeps the page under way where every instance sees it."""

    page: ClassVar[Any] = None

    async def fetch_page(self, page: PageRequest) -> Answer:
        OneForAll.page = page
        await asyncio.sleep(0.01)
        return await super().fetch_page(OneForAll.page)
