"""A venue that errs, or a machine whose clock does: nothing false is kept, nothing that came is lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dsm_core import DataSourceManager
from dsm_core.errors import AllSourcesFailedError
from dsm_tradestation.emulator import Manners, TradeStationEmulator
from tradestation.desk import Desk, Venue, bar, bars_every, utc, within

DAY = utc(2025, 3, 25)
LAST = utc(2025, 3, 25, 23)


@pytest.mark.parametrize("calendars", [{}, {"BTCUSD": "none"}], ids=["calendar", "no calendar"])
@pytest.mark.parametrize(("status", "rows"), [("closed", 24), ("Weird", 24), ("Open", 23)])
def test_a_bar_that_came_is_never_taken_for_absent(
    desk: Desk, status: str, rows: int, calendars: dict[str, str]
) -> None:
    wire = bars_every(DAY, 60, 24)
    odd = [{**b, "BarStatus": status} if i == 9 else b for i, b in enumerate(wire)]
    charts: dict[str, Any] = {"BTCUSD": odd}
    server = desk.serve(Venue(charts, {"BTCUSD": "UNKNOWN"}))
    for day in (1, 2):
        manager = desk.manager(server, "crypto", utc(2025, 5, day), calendars=calendars)
        found = manager.query("BTCUSD", DAY, LAST, "1h", on_gaps="ignore")
        assert len(found) == rows
        assert not any(gap.final for gap in found.gaps)
    charts["BTCUSD"] = wire
    manager = desk.manager(server, "crypto", utc(2025, 5, 3), calendars=calendars)
    assert len(manager.get_data("BTCUSD", DAY, LAST, "1h")) == 24


def test_bars_of_another_year_are_no_answer(desk: Desk) -> None:
    wire = bars_every(DAY, 60, 24)
    charts: dict[str, Any] = {"BTCUSD": lambda _: {"Bars": bars_every(DAY - timedelta(days=365), 60, 24)}}
    server = desk.serve(Venue(charts, {"BTCUSD": "UNKNOWN"}))
    for day in (1, 2):
        manager = desk.manager(server, "crypto", utc(2025, 5, day))
        with pytest.raises(AllSourcesFailedError, match="lie outside"):
            manager.get_data("BTCUSD", DAY, LAST, "1h")
    charts["BTCUSD"] = wire
    assert len(desk.manager(server, "crypto", utc(2025, 5, 3)).get_data("BTCUSD", DAY, LAST, "1h")) == 24


def test_a_bar_with_two_times_is_no_answer(desk: Desk) -> None:
    wire = bars_every(DAY, 60, 24)
    wrong = [{**b, "Epoch": b["Epoch"] // 1000} for b in wire]
    server = desk.serve(Venue({"BTCUSD": lambda r: {"Bars": within(wrong, r)}}))
    with pytest.raises(AllSourcesFailedError, match="two times"):
        desk.manager(server, "crypto", utc(2025, 5)).get_data("BTCUSD", DAY, LAST, "1h")


def test_the_bars_beside_a_page_are_no_answer_to_another_question(desk: Desk) -> None:
    # Nothing was traded in the hours asked for; the hours on both sides come all the same.
    wire = [b for b in bars_every(DAY, 60, 24) if not 10 <= int(b["TimeStamp"][11:13]) <= 12]
    server = desk.serve(Venue({"BTCUSD": wire}, {"BTCUSD": "UNKNOWN"}))
    manager = desk.manager(server, "crypto", utc(2025, 5))
    found = manager.query("BTCUSD", utc(2025, 3, 25, 9), utc(2025, 3, 25, 11), "1h", on_gaps="ignore")
    assert (len(found), [gap.reason for gap in found.gaps]) == (0, ["venue_has_none"])


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=9)], ids=str)
@pytest.mark.parametrize("bar_status", [True, False])
def test_a_clock_that_is_ahead_keeps_no_running_bar_and_confirms_nothing(
    tmp_path: Path, ahead: timedelta, bar_status: bool
) -> None:
    asked: tuple[Any, ...] = ("MSFT", utc(2024, 12, 2), utc(2024, 12, 6), "1h")
    with TradeStationEmulator(
        now=utc(2024, 12, 4, 16, 40), manners=Manners(bar_status=bar_status), expires_in=10**7
    ) as venue:

        def manager(off: timedelta, folder: str = "cache") -> DataSourceManager:
            config = {
                "http": {"state_dir": str(tmp_path / "limits")},
                "providers": {"tradestation": venue.section},
            }
            return DataSourceManager(
                "equities",
                provider="tradestation",
                config=config,
                clock=lambda: venue.clock.now() + off,
                cache_dir=tmp_path / folder,
            )

        for _ in range(3):
            with manager(ahead) as early:
                early.query(*asked, on_gaps="ignore")
            venue.clock.advance(timedelta(hours=1, minutes=7))
        venue.clock.set(utc(2024, 12, 16, 12))
        with manager(timedelta()) as late, manager(timedelta(), "other") as fresh:
            kept = late.get_data(*asked)
            assert kept.equals(fresh.get_data(*asked))
            assert len(kept) == 4 * 7


def test_numbers_beside_the_point_are_told_with_their_field(desk: Desk) -> None:
    wire = [bar(utc(2025, 3, 25, 1), close="nan")]
    server = desk.serve(Venue({"BTCUSD": wire}))
    with pytest.raises(AllSourcesFailedError, match="close"):
        desk.manager(server, "crypto", utc(2025, 5)).get_data("BTCUSD", DAY, DAY, "1h")


@pytest.mark.parametrize("interval", ["1h", "1d"])
def test_without_a_calendar_weekends_and_ends_of_months_are_asked_for_once(desk: Desk, interval: str) -> None:
    days = [utc(2024, 11, day) for day in (25, 26, 27, 29)]
    wire = [bar(day + timedelta(hours=21)) for day in days]
    server = desk.serve(Venue({"MSFT": wire}, {"MSFT": "STOCK"}))
    asked: tuple[Any, ...] = ("MSFT", utc(2024, 11, 25), utc(2024, 12, 1, 23), interval)
    manager = desk.manager(server, "equities", utc(2024, 12, 20), calendars={"MSFT": "none"})
    first = manager.query(*asked)
    assert (len(first), first.gaps) == (4, ())
    again = manager.query(*asked)
    assert (len(again), again.requests) == (4, 0)
