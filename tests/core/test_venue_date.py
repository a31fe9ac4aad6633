"""The date that a venue's answers carry: heeded where our clock is ahead, harmless where it is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from dsm_core import DataSourceManager, MarketData
from dsm_core.plugins import Answer, ClientSpec, PagedClient, PageRequest, Provider, Registry
from dsm_core.testing import LoopbackServer, Request, Response

HOUR = timedelta(hours=1)
NOW = datetime(2024, 6, 15, 12, 0, 30, tzinfo=UTC)
SPAN = ("2024-06-14", "2024-06-16")


@define
class Bourse:
    """Hourly bars up to ``now``, the open one too; ``absent`` are lacking, and ``date`` is what it says.

    Trades are written ``lag`` after they happened.
    """

    now: datetime = NOW
    date: str | None = None
    absent: set[datetime] = field(factory=set)
    is_mute: bool = False
    lag: timedelta = timedelta()

    def answer(self, request: Request) -> Response:
        first, last = (int(request.params[name]) // 1000 for name in ("from", "to"))
        opens = [datetime.fromtimestamp(t, UTC) for t in range(-(-first // 3600) * 3600, last + 1, 3600)]
        told = [t for t in opens if t <= self.now and t not in self.absent and not self.is_mute]
        date = format_datetime(self.now, usegmt=True) if self.date is None else self.date
        return Response(json=[self.row(t) for t in told], headers={"Date": date} if date else {})

    def row(self, open_: datetime) -> list[Any]:
        # A bar grows until it closes.
        age = max(min(self.now - open_ - self.lag, HOUR) / HOUR, 0.0)
        return [int(open_.timestamp() * 1000), 10.0, 10.0 + age, 9.0, 10.0, age]


@pytest.fixture
def bourse() -> Bourse:
    return Bourse()


@pytest.fixture
def url(bourse: Bourse) -> Iterator[str]:
    with LoopbackServer(bourse.answer) as server:
        yield server.url


def manager(url: str, folder: Path, clock: datetime) -> DataSourceManager:
    class Bars(PagedClient):
        spec = ClientSpec(
            market_type="spot",
            chart_type="klines",
            source="rest",
            intervals=["1h"],
            columns="open high low close volume",
            page_rows=24,
            authoritative=True,
        )

        async def fetch_page(self, page: PageRequest) -> Answer:
            reply = await self.get_json(f"{url}/bars", {"from": page.start_ms, "to": page.last_ms})
            columns = "open_time:ms open high low close volume"
            return Answer.from_rows(reply.body, columns, as_of=reply.as_of)

    return DataSourceManager(
        "spot",
        provider="bourse",
        registry=Registry.of(Provider(name="bourse", clients=[Bars])),
        config={"http": {"state_dir": str(folder / "state"), "retry_count": 0}},
        cache_dir=folder / "cache",
        clock=lambda: clock,
    )


def ask(url: str, folder: Path, clock: datetime) -> MarketData:
    with manager(url, folder, clock) as made:
        return made.query("X", *SPAN, "1h", on_gaps="ignore")


def grown(data: MarketData) -> list[float]:
    return data.to_pandas()["volume"].tolist()


@pytest.mark.parametrize("ahead", [HOUR, timedelta(days=20), timedelta(days=3650)])
def test_a_bar_that_is_open_by_the_venues_date_is_neither_told_nor_kept(
    ahead: timedelta, bourse: Bourse, url: str, tmp_path: Path
) -> None:
    data = ask(url, tmp_path, NOW + ahead)
    assert grown(data) == [1.0] * 36
    assert not any(gap.final for gap in data.gaps)
    bourse.now = NOW + timedelta(days=2)
    assert grown(ask(url, tmp_path, bourse.now)) == [1.0] * 72


def test_a_hole_of_an_hour_ago_is_not_final_by_a_clock_that_is_ahead(
    bourse: Bourse, url: str, tmp_path: Path
) -> None:
    late = datetime(2024, 6, 15, 9, tzinfo=UTC)
    bourse.absent = {late}
    data = ask(url, tmp_path, NOW + timedelta(days=20))
    assert not any(gap.final for gap in data.gaps)
    bourse.absent = set()
    bourse.now = NOW + timedelta(days=2)
    assert grown(ask(url, tmp_path, bourse.now)) == [1.0] * 72


def test_a_bar_that_closed_a_moment_ago_by_the_venues_date_is_asked_for_again(
    bourse: Bourse, url: str, tmp_path: Path
) -> None:
    bourse.now, bourse.lag = datetime(2024, 6, 15, 12, 0, 2, tzinfo=UTC), timedelta(seconds=3)
    assert len(ask(url, tmp_path, bourse.now + timedelta(days=20))) == 36
    bourse.now = NOW + timedelta(days=2)
    assert grown(ask(url, tmp_path, bourse.now)) == [1.0] * 72


def test_two_empty_answers_by_a_clock_that_is_ahead_confirm_nothing(
    bourse: Bourse, url: str, tmp_path: Path
) -> None:
    bourse.is_mute = True
    for hours in range(4):
        bourse.now = NOW + HOUR * hours
        data = ask(url, tmp_path, bourse.now + timedelta(days=20))
        assert not any(gap.final for gap in data.gaps)
    bourse.is_mute, bourse.now = False, NOW + timedelta(days=2)
    assert grown(ask(url, tmp_path, bourse.now)) == [1.0] * 72


@pytest.mark.parametrize(
    "date",
    [
        "",
        "soon",
        "0",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 14 Jun 2024 03:00:00 GMT",
        "Sat, 15 Jun 2024 12:00:30 -9999",
        "Sat, 99 Jun 99999999999999999999 12:00:30 GMT",
    ],
)
def test_a_date_that_cannot_be_the_venues_costs_no_row(
    date: str, bourse: Bourse, url: str, tmp_path: Path
) -> None:
    bourse.date = date
    data = ask(url, tmp_path, NOW)
    assert grown(data) == [1.0] * 36
    assert {gap.reason for gap in data.gaps} <= {"not_closed_yet"}
