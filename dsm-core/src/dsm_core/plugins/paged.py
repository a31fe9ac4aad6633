"""Clients of paged APIs: core cuts the pages, the author fetches one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import Factory, evolve, field, frozen

from dsm_core.errors import ProtocolChangedError
from dsm_core.model.time_range import NS_PER_S, RangeSet, TimeRange, to_ns
from dsm_core.model.wording import counted
from dsm_core.net import JsonReply
from dsm_core.plugins.answer import Answer
from dsm_core.plugins.calling import as_answer
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task

__all__ = ["PageRequest", "PagedClient"]

_MOST_CURSORS: Final = 10_000


@frozen(kw_only=True)
class PageRequest:
    """One page to fetch: ``[start, end)`` in UTC nanoseconds, at most ``rows`` slots.

    ``[asked_start, asked_end)`` is the same with the bars that the spec's ``overlap`` wants beside it, and
    without the closed time after its last bar, unless bars off the grid are kept.
    """

    symbol: str
    code: str
    start: int
    end: int
    rows: int
    asked_start: int = field(default=Factory(lambda page: page.start, takes_self=True))
    asked_end: int = field(default=Factory(lambda page: page.end, takes_self=True))
    cursor: Any = None

    @property
    def start_s(self) -> int:
        """First second, inclusive."""
        return -(-self.start // NS_PER_S)

    @property
    def last_s(self) -> int:
        """Last second, inclusive."""
        return (self.end - 1) // NS_PER_S

    @property
    def start_ms(self) -> int:
        """First millisecond, inclusive."""
        return -(-self.start // 1_000_000)

    @property
    def last_ms(self) -> int:
        """Last millisecond, inclusive: what venues with inclusive bounds want."""
        return (self.end - 1) // 1_000_000


class PagedClient(DataClientInterface):
    """A client whose source answers in pages.

    Core pages, limits, retries, clips, drops unfinished bars and casts text; the author writes
    :meth:`fetch_page`, with :meth:`get_json` for its requests, and :meth:`check` where errors come
    inside a 200.
    """

    @abstractmethod
    async def fetch_page(self, page: PageRequest) -> Any:
        """Rows of one page, in any form that :meth:`fetch` may give.

        A further page follows while an :class:`Answer` has a cursor.
        """

    def check(self, body: Any) -> None:
        """Raise for an error that the vendor puts inside a successful answer.

        A ``RateLimitError`` or ``ServerError`` raised here is retried as a 429 or 503 would be.
        """

    async def get_json(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        *,
        rows: int = 1,
        headers: Mapping[str, str] | None = None,
    ) -> JsonReply:
        """A checked JSON answer, its cost taken from the spec's pool.

        Parameters
        ----------
        url
            Absolute, or starting with an endpoint key in braces.
        params
            Query parameters.
        rows
            How many rows are asked for; decides the cost.
        headers
            Sent with this request, never to another host.
        """
        return await self.context.http.get_json(
            url, params, cost=self.spec.cost(rows), pool=self.spec.pool, headers=headers, check=self.check
        )

    def plan(self, ranges: RangeSet, now: int, skip: frozenset[str] = frozenset()) -> tuple[Task, ...]:
        """Pages that bring ``ranges``; neighbouring small ranges share a page."""
        wanted = self.within_history(ranges, now)
        tasks = []
        for page in self._pages(self._joined(wanted)):
            if _name(page) not in skip:
                tasks.append(self._task(page))
                continue
            # The joined page was asked before: what it left open is asked for piece by piece.
            pieces = self._pages(wanted & RangeSet.of(page))
            tasks += [self._task(piece) for piece in pieces if _name(piece) not in skip]
        return tuple(tasks)

    def _task(self, page: TimeRange) -> Task:
        return Task(
            name=_name(page),
            source=self.source,
            span=page,
            weight=self.spec.cost(self._rows(page)),
            why="page of " + self.source + self._beside(),
            fallback="edges and holes that come back empty are asked once more",
        )

    async def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> AsyncIterator[Answer]:
        """Every page of ``[start_time, end_time)``."""
        span = TimeRange(to_ns(start_time), to_ns(end_time))
        for page in self._pages(RangeSet.of(span)):
            async for answer in self._page_answers(page):
                yield answer

    async def answers(self, task: Task) -> AsyncIterator[Answer]:
        """Fetch the page of a task, following cursors."""
        async for answer in self._page_answers(task.span):
            yield answer

    async def _page_answers(self, span: TimeRange) -> AsyncIterator[Answer]:
        page = PageRequest(
            symbol=self.symbol,
            code=self.code,
            start=span.start,
            end=span.end,
            rows=self._rows(span),
            asked_start=span.start - self._margin,
            asked_end=self._asked_until(span.end),
        )
        seen: set[Any] = set()
        while len(seen) < _MOST_CURSORS:
            answer = as_answer(await self.fetch_page(page))
            yield answer
            if answer.cursor is None:
                return
            mark = _mark(answer.cursor)
            if mark in seen:
                raise _endless(self.symbol, f"cursor {answer.cursor!r:.100} came again")
            seen.add(mark)
            page = evolve(page, cursor=answer.cursor)
        raise _endless(self.symbol, f"{_MOST_CURSORS} cursors came")

    @property
    def _margin(self) -> int:
        """Nanoseconds asked for beyond each end of a page."""
        if self.interval is None or not self.spec.overlap:
            return 0
        return self.spec.overlap * self.interval.longest_ns

    def _asked_until(self, end: int) -> int:
        bars_until = end if self.grid is None else min(end, self.grid.end_of(self.grid.index_of(end - 1)))
        asked = bars_until + self._margin
        # A calendar may be wrong about the closed time behind the last bar.
        return max(asked, end) if self.spec.keeps_off_grid else asked

    def _beside(self) -> str:
        overlap = self.spec.overlap
        return f", {counted(overlap, 'bar')} more at each end" if overlap else ""

    def _rows(self, span: TimeRange) -> int:
        return self.grid.count(span) if self.grid else self.spec.page_rows or 1

    def _joined(self, ranges: RangeSet) -> RangeSet:
        """Join ranges that fit into one page: one request costs less than two."""
        joined: list[TimeRange] = []
        for r in ranges:
            if joined and self._fits(TimeRange(joined[-1].start, r.end)):
                joined[-1] = TimeRange(joined[-1].start, r.end)
            else:
                joined.append(r)
        return RangeSet(tuple(joined))

    def _fits(self, span: TimeRange) -> bool:
        rows, longest = self.spec.page_rows, self._longest
        return (rows is None or self._rows(span) <= rows) and (
            longest is None or span.end - span.start <= longest
        )

    @property
    def _longest(self) -> int | None:
        """Most nanoseconds that a page may span, what is asked for beside it left out."""
        seconds = self.max_span_s
        return None if seconds is None else int(seconds * NS_PER_S) - 2 * self._margin

    def _pages(self, ranges: RangeSet) -> Iterator[TimeRange]:
        for r in ranges:
            start = r.start
            while start < r.end:
                end = min(r.end, self._page_end(start))
                yield TimeRange(start, end)
                start = end

    def _page_end(self, start: int) -> int:
        ends = []
        if self.grid is not None and self.spec.page_rows is not None:
            ends.append(self.grid.back(start, -self.spec.page_rows))
        if self._longest is not None:
            limit = start + self._longest
            ends.append(max(self.grid.floor(limit), self.grid.next(start)) if self.grid else limit)
        return min(ends, default=2**63 - 1)


def _mark(cursor: Any) -> Any:
    try:
        hash(cursor)
    except TypeError:
        return repr(cursor)
    return cursor


def _endless(symbol: str, why: str) -> ProtocolChangedError:
    return ProtocolChangedError(
        f"The pages of {symbol} do not end: {why}.", hint="Report it to the provider's author."
    )


def _name(page: TimeRange) -> str:
    return f"{page.start}-{page.end}"
