"""A paged client is asked for one page after another, and never without end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core.fake_clients import NO_CONTEXT, spec_of
from core.strategies import HOUR, MINUTE, at
from dsm_core.errors import ProtocolChangedError
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins import Answer, PagedClient, PageRequest

FIRST = at(2024, 1, 1)


class Cursors(PagedClient):
    """Answers with the cursors it is given, one after another."""

    spec = spec_of("1h", "rest", page_rows=4, max_span_s=None)

    def __init__(self, *cursors: Any) -> None:
        super().__init__("BTCUSDT", Interval("1h"), NO_CONTEXT)
        self.cursors = list(cursors)
        self.asked: list[PageRequest] = []

    async def fetch_page(self, page: PageRequest) -> Answer:
        self.asked.append(page)
        return Answer({}, cursor=self.cursors.pop(0) if self.cursors else None)


async def drain(client: Cursors, hours: int = 4) -> list[Answer]:
    (task,) = client.plan(RangeSet.of(TimeRange(FIRST, FIRST + hours * HOUR)), FIRST + 99 * HOUR)
    return [answer async for answer in client.answers(task)]


async def test_a_page_without_a_cursor_is_asked_once() -> None:
    client = Cursors()
    assert len(await drain(client, hours=3)) == 1
    assert client.asked == [
        PageRequest(symbol="BTCUSDT", code="1h", start=FIRST, end=FIRST + 3 * HOUR, rows=3)
    ]


async def test_cursors_are_followed_within_one_page() -> None:
    client = Cursors("a", 2)
    assert [answer.cursor for answer in await drain(client)] == ["a", 2, None]
    assert [page.cursor for page in client.asked] == [None, "a", 2]
    assert {(page.start, page.end) for page in client.asked} == {(FIRST, FIRST + 4 * HOUR)}


async def test_a_cursor_that_comes_again_is_a_protocol_error() -> None:
    client = Cursors("a", "a", "a")
    with pytest.raises(ProtocolChangedError, match="'a' came again"):
        await drain(client)
    assert len(client.asked) == 2


async def test_cursors_without_end_are_a_protocol_error() -> None:
    client = Cursors(*range(20_000))
    with pytest.raises(ProtocolChangedError, match="do not end"):
        await drain(client)


async def test_a_plain_fetch_covers_its_range_page_by_page() -> None:
    client = Cursors()
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert len([answer async for answer in client.fetch(start, end)]) == 3
    bounds = [((page.start - FIRST) // HOUR, (page.end - FIRST) // HOUR) for page in client.asked]
    assert bounds == [(0, 4), (4, 8), (8, 10)]


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (FIRST, FIRST + MINUTE, FIRST // 10**6, FIRST // 10**6 + 59_999),
        (FIRST + 1, FIRST + MINUTE + 1, FIRST // 10**6 + 1, FIRST // 10**6 + 60_000),
        (FIRST - 1, FIRST, FIRST // 10**6, FIRST // 10**6 - 1),
    ],
)
def test_bounds_in_milliseconds_hold_the_same_opens(start: int, end: int, first: int, last: int) -> None:
    page = PageRequest(symbol="X", code="1m", start=start, end=end, rows=1)
    assert (page.start_ms, page.last_ms) == (first, last)
