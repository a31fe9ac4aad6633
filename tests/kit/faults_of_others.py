"""Faulty clients of archives, events and plain functions, each with one fault."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pyarrow as pa

from dsm_core.errors import (
    DataNotAvailableError,
    RateLimitError,
    RequestError,
    ServerError,
    SourceTimeoutError,
)
from dsm_core.model import RangeSet, TimeRange
from dsm_core.plugins import Answer, Granularity, PageRequest, Task
from kit.depot import CSV, DepotKlines, FundingRates, TableKlines
from kit.funding_venues import BackwardFunding, WindowFunding
from kit.own_http import OwnHttpKlines
from kit.papers import Terms

# Archives


class NoChecksums(DepotKlines):
    """Does not read the checksum that the archive publishes."""

    async def expected_sha256(self, url: str) -> str | None:
        return None


class SymbolInThePath(DepotKlines):
    """Writes the symbol into the path as it is."""

    @property
    def quoted(self) -> str:
        return self.symbol


class FileOfTheDayAfter(DepotKlines):
    """Names a file by the end of its period."""

    def object_url(self, granularity: Granularity, period: TimeRange) -> str:
        return super().object_url(granularity, TimeRange(period.end, period.end + 1))


class LosesMidnight(DepotKlines):
    """Keeps what lies strictly inside the file's period."""

    def parse(self, task: Task, path: Path) -> Answer:
        table = super().parse(task, path).rows
        times = table.column("open_time").cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
        inside = [task.span.start < t.as_py() < task.span.end for t in times]
        return Answer(table.filter(pa.array(inside, pa.bool_())))


class Microseconds(DepotKlines):
    """Takes the files' milliseconds for microseconds, as newer files have."""

    def parse(self, task: Task, path: Path) -> Answer:
        rows = super().parse(task, path).rows
        return Answer(
            rows.set_column(0, "open_time", rows.column(0).cast(pa.int64()).cast(pa.timestamp("us", "UTC")))
        )


class AbsentIsAWrongRequest(DepotKlines):
    """Takes an absent file for a mistake of the caller's."""

    async def answers(self, task: Task) -> AsyncIterator[Answer]:
        try:
            async for answer in super().answers(task):
                yield answer
        except DataNotAvailableError as error:
            raise RequestError(f"There is no {task.name}.") from error


class AsksTooEarly(DepotKlines):
    """Asks for files that cannot be there yet."""

    def plan(self, ranges: RangeSet, now: int, skip: frozenset[str] = frozenset()) -> tuple[Task, ...]:
        return super().plan(ranges, 2**62, skip)


class KeepsFilesOpen(DepotKlines):
    """Opens each object once more and never closes it."""

    kept: ClassVar[list[Any]] = []

    def parse(self, task: Task, path: Path) -> Answer:
        self.kept.append(path.open("rb"))
        return super().parse(task, path)


class UnreadableIsEmpty(DepotKlines):
    """Takes a file that it cannot read for an empty one, and does not look at checksums."""

    async def expected_sha256(self, url: str) -> str | None:
        return None

    def parse(self, task: Task, path: Path) -> Answer:
        try:
            return super().parse(task, path)
        except Exception:
            return Answer.from_rows([], CSV, covered=RangeSet.of(task.span))


class TwoSizesAtOnce(DepotKlines):
    """Plans the month and its days."""

    def plan(self, ranges: RangeSet, now: int, skip: frozenset[str] = frozenset()) -> tuple[Task, ...]:
        tasks = super().plan(ranges, now, skip)
        month = self.granularities()[0]
        extra = [self._task(month, period, False) for period in month.periods(ranges)]
        return (*tasks, *(task for task in extra if task.name not in skip | {t.name for t in tasks}))


# Events


class CursorIgnored(FundingRates):
    """Reads the first page and does not look at the cursor."""

    def cursor_of(self, body: Any) -> Any:
        return None


class NewestPageOnly(BackwardFunding):
    """Takes the newest page for all there is."""

    def cursor_of(self, rows: list[dict[str, Any]]) -> int | None:
        return None


class EmptyPageIsTheEnd(WindowFunding):
    """Stops at the first page without rows."""

    def cursor_of(self, body: dict[str, Any]) -> Any:
        return body["next"] if body["rows"] else None


class ZeroRates(FundingRates):
    """Reads a rate that is missing as 0."""

    def table_of(self, rows: list[dict[str, Any]]) -> pa.Table:
        return super().table_of([{"rate": "0", **row} for row in rows])


class Percent(FundingRates):
    """Hands out percent where fractions are meant."""

    def table_of(self, rows: list[dict[str, Any]]) -> pa.Table:
        return super().table_of([{**row, "rate": f"{float(row['rate']) * 100:.8f}"} for row in rows])


class VouchesForItsRowsOnly(FundingRates):
    """Vouches from its first row to its last, so that the edges are asked for again and again."""

    async def fetch_page(self, page: PageRequest) -> Answer:
        answer = await super().fetch_page(page)
        times = (
            answer.rows.column("funding_time").cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_pylist()
        )
        covered = RangeSet.from_pairs([(min(times), max(times) + 1)]) if times else RangeSet()
        return Answer(answer.rows, covered=covered, cursor=answer.cursor)


# Plain functions


class RetryAfterIgnored(OwnHttpKlines):
    """Asks again at once after a 429."""

    def read(self, url: str) -> bytes:
        for _ in range(3):
            try:
                return super().read(url)
            except RateLimitError:
                continue
        return super().read(url)


class FailedOnceIsEmpty(OwnHttpKlines):
    """Takes a first failure for an empty answer, and retries nothing."""

    def read(self, url: str) -> bytes:
        try:
            return super().read(url)
        except (ServerError, SourceTimeoutError):
            return b'{"rows": []}'


class KnocksOnAfterABan(OwnHttpKlines):
    """Takes a ban for a failure that passes."""

    def refused(self, error: HTTPError) -> Exception:
        return ConnectionError("banned") if error.code == 418 else super().refused(error)

    def read(self, url: str) -> bytes:
        for _ in range(3):
            try:
                return super().read(url)
            except ConnectionError:
                continue
        raise RateLimitError("Banned.", banned=True)


class MalformedIsEmpty(OwnHttpKlines):
    """Takes a body that is no JSON for an empty answer."""

    def answer_of(self, body: bytes) -> Any:
        try:
            return super().answer_of(json.dumps(json.loads(body)).encode())
        except ValueError:
            return super().answer_of(b'{"rows": []}')


class HalfABodyIsEnough(OwnHttpKlines):
    """Takes the rows that arrived before the connection was cut."""

    def read(self, url: str) -> bytes:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=0.5)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}")
            body = bytearray()
            reply = connection.getresponse()
            while piece := reply.read1(1 << 16):
                body += piece
        finally:
            connection.close()
        try:
            json.loads(body)
        except ValueError:
            return bytes(body[: body.rfind(b"], [")] + b"]]}")
        return bytes(body)


class RoundedTick(Terms):
    """Rounds a tick size to cents."""

    async def fetch_page(self, page: PageRequest) -> Answer:
        table = (await super().fetch_page(page)).rows
        tick = pa.array([round(float(v), 2) for v in table.column("tick_size").to_pylist()])
        return Answer(table.set_column(table.column_names.index("tick_size"), "tick_size", tick))


class WholeDaysOnly(TableKlines):
    """Cuts the range to dates, as many a database call does."""

    def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Any:
        midnight = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}
        return super().fetch(start_time, end_time.replace(**midnight))


class Forgetful(TableKlines):
    """Opens its database for each fetch and never closes it."""

    kept: ClassVar[list[Any]] = []

    def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Any:
        self.kept.append(Path(self.context.config.path).open("rb"))  # noqa: SIM115 - the fault
        return super().fetch(start_time, end_time)
