"""Faulty clients in trouble, in their plans and in their lives, each with one fault."""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import b64encode
from collections.abc import Mapping
from itertools import count
from typing import Any, ClassVar
from urllib.parse import urlencode
from urllib.request import urlopen
from zoneinfo import ZoneInfo

from attrs import evolve

from dsm_core.errors import (
    AuthenticationError,
    ProtocolChangedError,
    RateLimitError,
    ServerError,
    SourceError,
    SourceTimeoutError,
    SymbolNotFoundError,
)
from dsm_core.model import RangeSet, TimeRange
from dsm_core.plugins import Answer, PageRequest, Task
from kit.faults_of_pages import HouseInPieces
from kit.house import COLUMNS, HouseConfig, HouseKlines

DAY_NS = 86_400 * 10**9
NEW_YORK = ZoneInfo("America/New_York")
EMPTY = Answer.from_rows([], COLUMNS)
LOGIN = b64encode(HouseConfig().api_key.reveal().encode()).decode()
_log = logging.getLogger(__name__)


class _Silences(HouseInPieces):
    silenced: ClassVar[Any] = SourceError

    async def body(self, page: PageRequest) -> Any:
        try:
            return await super().body(page)
        except self.silenced:
            return {"rows": []}


class RateLimitIsEmpty(_Silences):
    """Takes a rate limit for an empty answer."""

    silenced = RateLimitError


class LoginIsEmpty(_Silences):
    """Takes refused credentials for an empty answer."""

    silenced = AuthenticationError


class FailureIsEmpty(_Silences):
    """Takes a server's failure for an empty answer."""

    silenced = ServerError


class SilenceIsEmpty(_Silences):
    """Takes a timeout for an empty answer."""

    silenced = SourceTimeoutError


class CutIsEmpty(_Silences):
    """Takes a body that was cut, and a connection that broke, for an empty answer."""

    silenced = (SourceTimeoutError, ServerError)


class ErrorInsideIgnored(HouseInPieces):
    """Does not look at the error inside a 200."""

    def check(self, body: Any) -> None:
        """Look at nothing."""

    async def fetch_page(self, page: PageRequest) -> Answer:
        return self.answer(page, (await self.body(page)).get("rows", []))


class AnyFormWillDo(ErrorInsideIgnored):
    """Takes JSON of any form for an answer without rows."""

    async def fetch_page(self, page: PageRequest) -> Answer:
        body = await self.body(page)
        rows = body.get("rows", []) if isinstance(body, Mapping) else []
        return self.answer(page, rows)


class PageIsEmpty(HouseInPieces):
    """Reads the body as text, and a web page as no rows."""

    async def fetch_page(self, page: PageRequest) -> Answer:
        start, last = self.bounds(page)
        asked = {"symbol": page.symbol, "bar": page.code, "from": start, "to": last}
        text = (await self.context.http.get_text("{api}/v1/bars", asked)).text
        if text.startswith("<"):
            return EMPTY
        return self.answer(page, json.loads(text)["rows"])


class KnowsItsColumns(HouseInPieces):
    """Refuses a row with a cell more than it knows."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        if any(len(row) != 8 for row in rows):
            raise ProtocolChangedError("A row has not eight cells.")
        return rows


class FillsShortRows(HouseInPieces):
    """Fills cells that are missing with 0."""

    def rows(self, rows: list[list[Any]]) -> list[list[Any]]:
        def filled(row: list[Any]) -> list[Any]:
            known = [*row[:7], *["0.0"] * (7 - len(row))]
            prices = [known[1]] * 4 if len(row) < 5 else known[1:5]
            return [known[0], *prices, known[5], known[6] if len(row) > 6 else known[0]]

        return [filled(row) for row in rows]


# Plans, limits, life


class ForgetsWhatItPlanned(HouseInPieces):
    """Plans by a counter of its own."""

    turns = count()

    def plan(self, ranges: RangeSet, now: int, skip: frozenset[str] = frozenset()) -> tuple[Task, ...]:
        turn = next(ForgetsWhatItPlanned.turns)
        return tuple(evolve(task, why=f"plan {turn}") for task in super().plan(ranges, now, skip))


class OverlappingPages(HouseInPieces):
    """Lets each page begin with the last bar of the one before."""

    def plan(self, ranges: RangeSet, now: int, skip: frozenset[str] = frozenset()) -> tuple[Task, ...]:
        assert self.grid is not None
        tasks = super().plan(ranges, now, skip)
        return tuple(
            evolve(task, span=TimeRange(self.grid.back(task.span.start, i > 0), task.span.end))
            for i, task in enumerate(tasks)
        )


class OneHugePage(HouseInPieces):
    """Plans one page however long the range is."""

    def _page_end(self, start: int) -> int:
        return 2**62


class PingsFirst(HouseInPieces):
    """Sends a request that no plan tells of."""

    async def body(self, page: PageRequest) -> Any:
        await self.context.http.get_text("{api}/v1/bars", {"bar": page.code, "from": 0, "to": 0})
        return await super().body(page)


class CheaperThanItSays(HouseInPieces):
    """Declares a cost of 1 and takes 5."""

    spec = evolve(HouseKlines.spec, cost=1)

    async def body(self, page: PageRequest) -> Any:
        start, last = self.bounds(page)
        asked = {"symbol": page.symbol, "bar": page.code, "from": start, "to": last}
        return (await self.context.http.get_json("{api}/v1/bars", asked, cost=5, pool="house")).body


class Unmoved(HouseInPieces):
    """Catches the cancellation of its own task."""

    async def body(self, page: PageRequest) -> Any:
        try:
            return await super().body(page)
        except asyncio.CancelledError:
            return {"rows": []}


class GoesItsOwnWay(HouseInPieces):
    """Has a way to the venue of its own, which nobody closes."""

    async def body(self, page: PageRequest) -> Any:
        asked = {"symbol": page.symbol, "bar": page.code, "from": page.start_ms, "to": page.last_ms}
        url = f"{self.context.config.endpoints['api'][0]}/v1/bars?{urlencode(asked)}"
        return json.loads(await asyncio.to_thread(lambda: urlopen(url, timeout=5).read()))


class BlocksTheLoop(HouseInPieces):
    """Waits for the venue on the event loop itself."""

    async def body(self, page: PageRequest) -> Any:
        start, last = self.bounds(page)
        base = self.context.config.endpoints["api"][0]
        url = f"{base}/v1/bars?symbol={page.symbol}&bar={page.code}&from={start}&to={last}"
        try:
            with urlopen(url, timeout=10) as reply:
                return json.load(reply)
        except OSError as error:
            raise ServerError(f"No answer: {error}.") from error


class KeepsAConnection(HouseInPieces):
    """Opens a connection of its own and never closes it."""

    kept: ClassVar[list[Any]] = []

    async def body(self, page: PageRequest) -> Any:
        host, port = self.context.config.endpoints["api"][0].split("/")[2].split(":")
        self.kept.append(await asyncio.open_connection(host, int(port)))
        return await super().body(page)


class TellsItsLoginInErrors(HouseInPieces):
    """Writes the URL with the login that it made of its key into an error."""

    async def body(self, page: PageRequest) -> Any:
        try:
            return await super().body(page)
        except SourceError as error:
            raise ServerError(f"GET /v1/{LOGIN}/bars failed.") from error


class TellsTheKeyInLogs(HouseInPieces):
    """Writes its headers into the log."""

    async def body(self, page: PageRequest) -> Any:
        _log.debug("request headers=%s", {"X-Key": self.context.config.api_key.reveal()})
        return await super().body(page)


class TellsItsLoginOfARefusal(HouseInPieces):
    """Writes the login that it made of its key into the error that it makes of the venue's."""

    def check(self, body: Any) -> None:
        if body.get("error") == "internal":
            raise ServerError(f"The house failed for {LOGIN}.")
        super().check(body)


class TellsItsLoginOfAnUnknownSymbol(HouseInPieces):
    """Writes the login that it made of its key into the error about a symbol."""

    def check(self, body: Any) -> None:
        if body.get("error") == "unknown symbol":
            raise SymbolNotFoundError(f"{LOGIN} may not see {self.symbol}.")
        super().check(body)


class TellsTheKeyInItsRepr(HouseInPieces):
    """Shows its key to whoever prints it."""

    def __repr__(self) -> str:
        return f"TellsTheKeyInItsRepr(key={self.context.config.api_key.reveal()!r})"
