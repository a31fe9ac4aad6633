"""A venue that shifts all of a series' past at each roll: rows from before and after never stand together."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field, frozen

from dsm_core import DataSourceManager
from dsm_core.errors import (
    AllSourcesFailedError,
    CacheUnavailableError,
    CacheWarning,
    IncompleteDataWarning,
    RequestError,
)
from dsm_core.model import to_ns
from dsm_core.plugins import Answer, ClientSpec, PagedClient, PageRequest, Provider, Registry
from plugins.venues import HOUR, Desk, Server, serving, utc

HOUR_NS = 3600 * 10**9
START, END = utc(2024, 6, 1), utc(2024, 6, 3)


@define
class Rolls:
    """The venue: hourly bars whose close is their hour's number plus what all rolls so far added."""

    shift: float = 0.0
    roll_after: int | None = None
    lacks: set[int] = field(factory=set)
    broken_after: int | None = None
    served: int = 0

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        start, end = int(query["start"]), int(query["end"])
        first = -(-start // HOUR_NS) * HOUR_NS
        rows = [self._row(t) for t in range(first, end, HOUR_NS) if t not in self.lacks]
        self.served += 1
        if self.broken_after is not None and self.served > self.broken_after:
            return 500, {"error": "broken"}
        if self.served == self.roll_after:
            self.shift += 12.25
        return 200, rows

    def _row(self, t: int) -> list[Any]:
        price = t // HOUR_NS % 1000 + self.shift
        return [t, price, price + 1, price - 1, price, 5]


class Continuous(PagedClient):
    spec = ClientSpec(
        market_type="futures",
        chart_type="klines",
        source="rest",
        intervals=["1h"],
        columns="open high low close volume",
        page_rows=24,
        authoritative=True,
    )

    @property
    def restated(self) -> tuple[str, ...]:
        return ("open", "high", "low", "close") if self.symbol.startswith("@") else ()

    async def fetch_page(self, page: PageRequest) -> Answer:
        reply = await self.get_json("{api}/bars", {"start": page.start, "end": page.end})
        return Answer.from_rows(reply.body, "open_time:ns open high low close volume")


def provider(url: str, *clients: type[Continuous]) -> Provider:
    @frozen
    class Config:
        endpoints: dict[str, str] = field(factory=lambda: {"api": url})

    return Provider(name="rolls", clients=clients or (Continuous,), config=Config)


@pytest.fixture
def venue() -> Rolls:
    return Rolls()


@pytest.fixture
def server(venue: Rolls) -> Iterator[Server]:
    with serving(venue.answer) as made:
        yield made


@pytest.fixture
def manager(desk: Desk, server: Server) -> DataSourceManager:
    return desk.manager(provider(server.url))


def shifts(
    manager: DataSourceManager, start: datetime = START, end: datetime = END, **more: Any
) -> set[float]:
    """What the rows of a range are shifted by: one number where nothing is mixed."""
    frame = manager.get_data("@ES", start, end, "1h", inclusive="left", **more)
    hours = frame.index.as_unit("ns").asi8 // HOUR_NS % 1000
    return set((frame["close"] - hours).tolist())


def test_rows_from_before_and_after_a_roll_are_never_mixed(manager: DataSourceManager, venue: Rolls) -> None:
    assert shifts(manager) == {0.0}
    venue.shift = 12.25
    # The range grows: what was kept is compared, found restated, and asked for anew.
    assert shifts(manager, START, END + 24 * HOUR) == {12.25}
    assert shifts(manager, START - 24 * HOUR) == {12.25}
    venue.shift = 20.0
    assert shifts(manager, utc(2024, 3, 1), utc(2024, 3, 2)) == {20.0}
    # Of a series that was dropped nothing is left, so an old range is asked for anew, too.
    assert shifts(manager) == {20.0}


def test_without_a_roll_one_known_bar_is_asked_again_and_nothing_else(
    manager: DataSourceManager, venue: Rolls, server: Server
) -> None:
    shifts(manager)
    server.asked.clear()
    plan = manager.explain("@ES", START, END + 24 * HOUR, "1h", inclusive="left")
    assert "a known bar again" in str(plan)
    assert shifts(manager, START, END + 24 * HOUR) == {0.0}
    assert server.count() == plan.requests == 2
    server.asked.clear()
    assert shifts(manager, START, END + 24 * HOUR) == {0.0}
    assert manager.explain("@ES", START, END + 24 * HOUR, "1h", inclusive="left").requests == 0
    assert server.count() == 0


def test_a_roll_between_two_pages_of_one_call_is_seen(
    manager: DataSourceManager, venue: Rolls, server: Server
) -> None:
    venue.roll_after = 1
    assert shifts(manager) == {12.25}
    assert shifts(manager) == {12.25}


def test_a_series_that_is_never_restated_asks_no_known_bar(
    manager: DataSourceManager, server: Server
) -> None:
    manager.get_data("ESM24", START, END, "1h", inclusive="left")
    server.asked.clear()
    manager.get_data("ESM24", START, END + 24 * HOUR, "1h", inclusive="left")
    assert server.count() == 1


def test_when_the_known_bars_are_gone_nothing_new_is_kept_and_nothing_old_is_lost(
    manager: DataSourceManager, venue: Rolls
) -> None:
    shifts(manager)
    venue.lacks.update(range(to_ns(START), to_ns(END), HOUR_NS))
    with pytest.warns(IncompleteDataWarning, match="which is known"):
        data = manager.query("@ES", START, END + 24 * HOUR, "1h", inclusive="left")
    assert len(data) == 48
    assert [(g.reason, g.bars) for g in data.gaps] == [("source_failed", 24)]
    assert len(manager.query("@ES", START, END, "1h", inclusive="left")) == 48


def test_one_known_bar_that_the_venue_withdrew_blocks_nothing(
    manager: DataSourceManager, venue: Rolls
) -> None:
    shifts(manager)
    venue.lacks.add(to_ns(END) - HOUR_NS)
    assert len(manager.get_data("@ES", START, END + 24 * HOUR, "1h", inclusive="left")) == 72


def test_all_that_was_kept_is_fetched_anew_and_stays_where_that_fails(
    manager: DataSourceManager, desk: Desk, venue: Rolls, server: Server
) -> None:
    shifts(manager, START, utc(2024, 6, 8))
    venue.shift = 12.25
    venue.broken_after = venue.served + 4
    with pytest.raises(AllSourcesFailedError, match="500"):
        manager.query("@ES", utc(2024, 6, 8), utc(2024, 6, 10), "1h", inclusive="left")
    venue.broken_after = None
    server.asked.clear()
    # Another one: the first leaves the host alone for a while.
    manager = desk.manager(provider(server.url))
    assert shifts(manager, START, utc(2024, 6, 8)) == {0.0}
    assert server.count() == 0
    assert shifts(manager, utc(2024, 6, 8), utc(2024, 6, 10)) == {12.25}
    server.asked.clear()
    assert shifts(manager, START, utc(2024, 6, 10)) == {12.25}
    assert server.count() == 0


def test_an_update_loses_no_history(manager: DataSourceManager, venue: Rolls) -> None:
    shifts(manager, utc(2024, 6, 10), utc(2024, 6, 14))
    venue.shift = 12.25
    [line] = manager.update()
    assert line.error is None
    assert len(manager.get_data("@ES", utc(2024, 6, 10), utc(2024, 6, 15), "1h", inclusive="left")) == 120
    assert shifts(manager, utc(2024, 6, 10), utc(2024, 6, 15), enforce_source="cache") == {12.25}


def test_the_open_bar_joins_only_what_still_holds(manager: DataSourceManager, venue: Rolls) -> None:
    today = (utc(2024, 6, 15), utc(2024, 6, 15, 13))
    assert shifts(manager, *today, on_gaps="ignore") == {0.0}
    venue.shift = 12.25
    assert shifts(manager, *today, include_open_bar=True, on_gaps="ignore") == {12.25}


def test_a_roll_while_many_pages_are_fetched_is_seen_wherever_it_falls(
    desk: Desk, venue: Rolls, server: Server
) -> None:
    for page in range(1, 9):
        manager = desk.manager(provider(server.url), cache_dir=desk.tmp_path / f"cache{page}")
        venue.shift, venue.served, venue.roll_after = 0.0, 0, page
        assert shifts(manager, START, START + 7 * 24 * HOUR) == {12.25 if page < 8 else 0.0}


def test_a_cache_that_cannot_be_written_costs_no_row(
    manager: DataSourceManager, venue: Rolls, monkeypatch: pytest.MonkeyPatch
) -> None:
    shifts(manager)
    venue.shift = 12.25
    store = manager._session.store
    assert store is not None

    def refuse(*_: Any) -> Any:
        raise CacheUnavailableError("The folder is read-only.")

    monkeypatch.setattr(store, "put_away", refuse)
    with pytest.warns(CacheWarning, match="read-only"):
        assert shifts(manager, START, END + 24 * HOUR) == {12.25}
    monkeypatch.undo()
    assert shifts(manager, START, END, enforce_source="cache") == {0.0}


def test_rows_of_a_read_only_cache_do_not_count(
    manager: DataSourceManager, desk: Desk, venue: Rolls, server: Server, tmp_path: Path
) -> None:
    shifts(manager)
    venue.shift = 12.25
    config = {"cache": {"read_from": [str(tmp_path / "cache")]}}
    other = desk.manager(provider(server.url), cache_dir=tmp_path / "own", config=config)
    assert shifts(other) == {12.25}


def test_the_answer_without_a_cache_is_not_mixed_either(desk: Desk, venue: Rolls, server: Server) -> None:
    venue.roll_after = 1
    assert shifts(desk.manager(provider(server.url), use_cache=False)) == {12.25}


def test_pieces_of_one_iteration_are_of_one_history(manager: DataSourceManager, venue: Rolls) -> None:
    shifts(manager, START, utc(2024, 6, 3))
    venue.shift = 12.25
    pieces = list(manager.iter_data("@ES", START, utc(2024, 6, 6), "1h", inclusive="left"))
    found = [piece.to_pandas() for piece in pieces]
    assert [len(frame) for frame in found] == [24] * 5
    assert {
        x for frame in found for x in frame["close"] - frame.index.as_unit("ns").asi8 // HOUR_NS % 1000
    } == {12.25}


def test_pieces_need_a_cache_where_a_series_may_be_restated(desk: Desk, server: Server) -> None:
    manager = desk.manager(provider(server.url), use_cache=False)
    with pytest.raises(RequestError, match="restated"):
        list(manager.iter_data("@ES", START, END, "1h"))


class Mirror(Continuous):
    spec = evolve(Continuous.spec, source="mirror")


def test_an_audit_after_a_roll_leaves_the_old_history_as_it_was(
    desk: Desk, venue: Rolls, server: Server
) -> None:
    manager = desk.manager(provider(server.url, Continuous, Mirror))
    shifts(manager)
    venue.shift = 12.25
    assert manager.audit("@ES", START, END + 24 * HOUR, "1h").complete
    server.asked.clear()
    assert shifts(manager) == {0.0}
    assert server.count() == 0


def test_tasks_of_one_process_take_turns(desk: Desk, venue: Rolls, server: Server) -> None:
    async def all_at_once() -> list[Any]:
        async with desk.async_manager(Registry.of(provider(server.url))) as manager:
            days = [utc(2024, 5, day) for day in range(1, 9)]
            calls = (manager.get_data("@ES", d, d + 24 * HOUR, "1h", inclusive="left") for d in days)
            return await asyncio.gather(*calls)

    assert [len(frame) for frame in asyncio.run(all_at_once())] == [24] * 8


def _fetch(url: str, folder: str, day: int) -> None:
    desk = Desk(Path(folder))
    with desk.stack:
        manager = desk.manager(provider(url))
        shifts(manager, utc(2024, 4, day), utc(2024, 4, day + 3))


def test_processes_around_a_roll_leave_one_history(
    desk: Desk, venue: Rolls, server: Server, tmp_path: Path
) -> None:
    venue.roll_after = 4
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_fetch, args=(server.url, str(tmp_path), day)) for day in (1, 5, 9)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    manager = desk.manager(provider(server.url), use_cache=True)
    held = manager.query(
        "@ES",
        utc(2024, 4),
        utc(2024, 4, 12),
        "1h",
        inclusive="left",
        enforce_source="cache",
        on_gaps="ignore",
    )
    frame = held.to_pandas()
    assert len(frame)
    assert len(set((frame["close"] - frame.index.as_unit("ns").asi8 // HOUR_NS % 1000).tolist())) == 1
