"""Stamps, labels, windows and bars that have not closed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from dsm_core import Interval
from dsm_core.errors import UnsupportedIntervalError
from dsm_core.events import Planned
from dsm_core.testing import Request
from dsm_tradestation.markets import INTERVALS, MOST_BARS, unit_and_count
from tradestation.desk import Desk, Venue, asked, bar, bars_every, moment, utc, within

NO_CALENDAR = {"calendars": {"MSFT": "none"}}
DAY = utc(2025, 3, 25)
OPEN = utc(2025, 3, 25, 13, 30)


def opens(found: Any) -> list[str]:
    return [t.strftime("%m-%d %H:%M") for t in found.index]


def closes(found: Any) -> list[str]:
    return [t.strftime("%m-%d %H:%M:%S.%f")[:-3] for t in found["close_time"]]


@pytest.mark.parametrize("calendars", [{}, NO_CALENDAR["calendars"]], ids=["calendar", "no calendar"])
def test_a_stamp_at_the_end_gives_the_open_of_the_session_and_a_short_last_bar(
    desk: Desk, calendars: dict[str, str]
) -> None:
    hours = [bar(OPEN + timedelta(hours=i)) for i in range(1, 7)] + [bar(utc(2025, 3, 25, 20))]
    server = desk.serve(Venue({"MSFT": hours}))
    manager = desk.manager(server, "equities", utc(2025, 4), calendars=calendars)
    found = manager.get_data("MSFT", DAY, utc(2025, 3, 26), "1h")
    assert opens(found) == [f"03-25 {hour}:30" for hour in range(13, 20)]
    assert closes(found)[0] == "03-25 14:29:59.999"
    assert closes(found)[-1] == "03-25 19:59:59.999"


@pytest.mark.parametrize("calendars", [{}, NO_CALENDAR["calendars"]], ids=["calendar", "no calendar"])
def test_a_stamp_at_the_start_is_the_open(desk: Desk, calendars: dict[str, str]) -> None:
    hours = [bar(OPEN + timedelta(hours=i)) for i in range(7)]
    server = desk.serve(Venue({"MSFT": hours}))
    manager = desk.manager(server, "equities", utc(2025, 4), bar_stamp="start", calendars=calendars)
    found = manager.get_data("MSFT", DAY, utc(2025, 3, 26), "1h")
    assert opens(found) == [f"03-25 {hour}:30" for hour in range(13, 20)]
    assert closes(found)[0] == "03-25 14:29:59.999"
    # Only a calendar knows that the session ends before the hour is over.
    assert closes(found)[-1] == ("03-25 20:29:59.999" if calendars else "03-25 19:59:59.999")


def test_bars_of_both_conventions_never_share_a_series(desk: Desk) -> None:
    server = desk.serve(Venue({"MSFT": bars_every(OPEN, 60, 6)}, {"MSFT": "STOCK"}))
    manager = desk.manager(server, "equities", utc(2025, 4))
    seen: list[str] = []
    manager.subscribe(lambda event: seen.append(event.series) if isinstance(event, Planned) else None)
    end = manager.query("MSFT", DAY, utc(2025, 3, 26), "1h", on_gaps="ignore")
    start = manager.query(
        "MSFT", DAY, utc(2025, 3, 26), "1h", on_gaps="ignore", options={"bar_stamp": "start"}
    )
    assert opens(start.to_pandas())[0] == "03-25 14:30"
    assert opens(end.to_pandas())[0] == "03-25 13:30"
    assert str(seen[0]).endswith("/MSFT/1h;bar_stamp=end;session_template=Default")
    assert str(seen[1]).endswith("/MSFT/1h;bar_stamp=start;session_template=Default")


def test_the_configured_options_are_written_into_the_key(desk: Desk) -> None:
    server = desk.serve(Venue({"MSFT": [], "@ES": []}, {"MSFT": "STOCK", "@ES": "FUTURE"}))
    section = {"bar_stamp": "start", "session_template": "USEQPre"}
    stocks = desk.manager(server, "equities", utc(2025, 4), **section)
    assert "bar_stamp=start;session_template=USEQPre" in str(stocks.explain("MSFT", DAY, DAY, "1h"))
    futures = desk.manager(server, "futures", utc(2025, 4), **section)
    # Only equities have hours to choose from.
    assert str(futures.explain("@ES", DAY, DAY, "1h")).startswith(
        "tradestation/futures/bars/@ES/1h;bar_stamp=start "
    )


@pytest.mark.parametrize("template", ["USEQPre", "USEQPost", "USEQPreAndPost", "USEQ24Hour", "Default"])
def test_the_template_is_asked_for_and_opens_the_day_where_it_says(desk: Desk, template: str) -> None:
    first = {"USEQPre": 8, "USEQPreAndPost": 8, "USEQ24Hour": 8}.get(template)
    wire = bars_every(OPEN if first is None else utc(2025, 3, 25, first), 30, 2)
    server = desk.serve(Venue({"MSFT": wire}))
    manager = desk.manager(server, "equities", utc(2025, 4))
    given = {"session_template": template}
    found = manager.query("MSFT", DAY, utc(2025, 3, 26), "30m", options=given, on_gaps="ignore")
    assert opens(found.to_pandas())[0] == ("03-25 13:30" if first is None else "03-25 08:00")
    assert {r.params["sessiontemplate"] for r in asked(server)} == {template}
    assert found.coverage.off_grid == 0


def test_other_markets_are_asked_without_a_template(desk: Desk) -> None:
    server = desk.serve(Venue({"BTCUSD": bars_every(DAY, 60, 24)}))
    desk.manager(server, "crypto", utc(2025, 4)).get_data("BTCUSD", DAY, utc(2025, 3, 25, 23), "1h")
    assert all("sessiontemplate" not in r.params for r in asked(server))


DAYS = {
    # Market, symbol, stamp of the session's close, and the trading date.
    "stock in summer": ("equities", "MSFT", "2025-07-01T20:00:00Z", "2025-07-01"),
    "stock in winter": ("equities", "MSFT", "2025-01-02T21:00:00Z", "2025-01-02"),
    "stock on a half day": ("equities", "MSFT", "2024-11-29T18:00:00Z", "2024-11-29"),
    "future on a Monday": ("futures", "ESM25", "2025-03-24T21:00:00Z", "2025-03-24"),
    "future in winter": ("futures", "ESH25", "2025-01-06T22:00:00Z", "2025-01-06"),
    "forex": ("forex", "EURUSD", "2025-07-01T21:00:00Z", "2025-07-01"),
    "crypto": ("crypto", "BTCUSD", "2025-07-02T00:00:00Z", "2025-07-01"),
    "index": ("index", "$SPX.X", "2025-01-02T21:00:00Z", "2025-01-02"),
    "option": ("options", "SPY 250407C510", "2025-04-01T20:15:00Z", "2025-04-01"),
}


@pytest.mark.parametrize("case", DAYS)
@pytest.mark.parametrize("stamp", ["end", "start"])
def test_days_are_labelled_by_trading_date(desk: Desk, case: str, stamp: str) -> None:
    market, symbol, close, date = DAYS[case]
    server = desk.serve(Venue({symbol: [bar(moment(close))]}))
    manager = desk.manager(server, market, utc(2026), bar_stamp=stamp)
    found = manager.get_data(symbol, date, date, "1d")
    assert [str(t) for t in found.index] == [f"{date} 00:00:00+00:00"]
    assert found["close_time"].iloc[0] == moment(close) - timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("interval", "close", "label"),
    [
        ("1w", "2025-03-28T20:00:00Z", "2025-03-24"),
        # Good Friday: the week ends on Thursday.
        ("1w", "2025-04-17T20:00:00Z", "2025-04-14"),
        ("1w", "2025-01-03T21:00:00Z", "2024-12-30"),
        ("1M", "2025-05-30T20:00:00Z", "2025-05-01"),
        ("1M", "2024-02-29T21:00:00Z", "2024-02-01"),
    ],
)
def test_weeks_are_labelled_by_monday_and_months_by_the_first(
    desk: Desk, interval: str, close: str, label: str
) -> None:
    server = desk.serve(Venue({"MSFT": [bar(moment(close))]}))
    found = desk.manager(server, "equities", utc(2026)).get_data("MSFT", label, label, interval)
    assert [str(t) for t in found.index] == [f"{label} 00:00:00+00:00"]
    assert found["close_time"].iloc[0] == moment(close) - timedelta(milliseconds=1)
    unit = {"1w": "Weekly", "1M": "Monthly"}[interval]
    assert [(r.params["unit"], r.params["interval"]) for r in asked(server)] == [(unit, "1")]


def test_a_future_session_of_sunday_evening_belongs_to_monday(desk: Desk) -> None:
    week = [bar(utc(2025, 3, 24 + i, 21), close=f"10.{i}") for i in range(5)]
    server = desk.serve(Venue({"@ES": week}))
    manager = desk.manager(server, "futures", utc(2025, 6))
    found = manager.query("@ES", "2025-03-24", "2025-03-28", "1d")
    assert [t.day for t in found.to_pandas().index] == [24, 25, 26, 27, 28]
    assert found.gaps == ()


@pytest.mark.parametrize("minutes", [1, 7, 45, 60, 90, 390, 1439])
def test_any_number_of_whole_minutes_is_an_interval(desk: Desk, minutes: int) -> None:
    server = desk.serve(Venue({"BTCUSD": bars_every(DAY, minutes, 3)}))
    manager = desk.manager(server, "crypto", utc(2025, 4), calendars={"BTCUSD": "none"})
    end = DAY + timedelta(minutes=3 * minutes)
    found = manager.get_data("BTCUSD", DAY, end, f"{minutes}m", inclusive="left")
    assert list(found.index) == [DAY + timedelta(minutes=minutes) * i for i in range(3)]
    assert {(r.params["unit"], r.params["interval"]) for r in asked(server)} == {("Minute", str(minutes))}


def test_a_day_of_minutes_is_asked_as_a_day() -> None:
    assert len(INTERVALS) == 1439 + 3
    assert unit_and_count(INTERVALS[Interval("1440m")]) == ("Daily", "1")
    assert {unit_and_count(code)[1] for code in INTERVALS.values() if not code.isdigit()} == {"1"}


@pytest.mark.parametrize("interval", ["30s", "2d", "2w", "3M"])
def test_another_interval_is_refused_with_a_short_list(desk: Desk, interval: str) -> None:
    server = desk.serve(Venue())
    manager = desk.manager(server, "equities", utc(2025, 4))
    with pytest.raises(UnsupportedIntervalError, match="1428 more") as error:
        manager.get_data("MSFT", DAY, DAY, interval)
    assert len(str(error.value)) < 300
    assert server.requests == ()


def span(request: Request) -> timedelta:
    return moment(request.params["lastdate"]) - moment(request.params["firstdate"])


@pytest.mark.parametrize(("interval", "minutes", "days"), [("1m", 1, 100), ("7m", 7, 600), ("1h", 60, 5000)])
@pytest.mark.parametrize("market", ["crypto", "equities"])
def test_no_request_spans_more_than_the_venue_takes(
    desk: Desk, market: str, interval: str, minutes: int, days: int
) -> None:
    symbol = {"crypto": "BTCUSD", "equities": "MSFT"}[market]
    types = {"MSFT": "STOCK", "BTCUSD": "UNKNOWN"}
    server = desk.serve(Venue({symbol: lambda _: {"Bars": []}}, types))
    manager = desk.manager(server, market, utc(2026))
    start = utc(2025, 12) - timedelta(days=days)
    plan = manager.explain(symbol, start, utc(2025, 12), interval)
    most = timedelta(minutes=minutes * MOST_BARS)
    assert len(plan.steps) == -(-timedelta(days=days) // most)
    manager.query(symbol, start, utc(2025, 12), interval, on_gaps="ignore")
    pages = [r for r in asked(server) if r.params["unit"] == "Minute"]
    assert len(pages) > 1
    assert all(span(r) <= most for r in pages)
    assert max(span(r) for r in pages) > most * 0.9


def test_the_plan_tells_that_more_is_asked_for_than_is_kept(desk: Desk) -> None:
    server = desk.serve(Venue())
    plan = desk.manager(server, "equities", utc(2025, 4)).explain("MSFT", DAY, utc(2025, 3, 26), "1h")
    assert "1 bar more at each end" in str(plan)


BOUNDS = {
    "ends, both inclusive": lambda opened, closed, a, b: a <= closed <= b,
    "ends, both exclusive": lambda opened, closed, a, b: a < closed < b,
    "ends, the last exclusive": lambda opened, closed, a, b: a <= closed < b,
    "starts, both inclusive": lambda opened, closed, a, b: a <= opened <= b,
    "starts, both exclusive": lambda opened, closed, a, b: a < opened < b,
    "starts, the first exclusive": lambda opened, closed, a, b: a < opened <= b,
}


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("calendar", ["24/7", "none"])
@pytest.mark.parametrize("interval", ["1h", "1d"])
def test_every_meaning_of_the_bounds_brings_every_bar(
    desk: Desk, bounds: str, calendar: str, interval: str
) -> None:
    step = timedelta(hours=1) if interval == "1h" else timedelta(days=1)
    bars = bars_every(DAY - 5 * step, step // timedelta(minutes=1), 40)

    def answer(request: Request) -> Any:
        first = moment(request.params["firstdate"])
        last = moment(request.params.get("lastdate", "2025-06-01T00:00:00Z"))
        test = BOUNDS[bounds]
        ends = [moment(b["TimeStamp"]) for b in bars]
        return {"Bars": [b for b, end in zip(bars, ends, strict=True) if test(end - step, end, first, last)]}

    server = desk.serve(Venue({"BTCUSD": answer}))
    manager = desk.manager(server, "crypto", utc(2025, 6), calendars={"BTCUSD": calendar})
    found = manager.query("BTCUSD", DAY, DAY + 24 * step, interval, inclusive="left")
    assert list(found.to_pandas().index) == [DAY + step * i for i in range(24)]
    assert found.gaps == ()
    assert len(asked(server)) == 1


NOW = utc(2025, 3, 25, 15, 10, 30)


@pytest.mark.parametrize("calendar", ["24/7", "none"])
@pytest.mark.parametrize("status", ["Open", None, "left out"])
def test_a_bar_that_has_not_closed_is_neither_given_nor_kept(
    desk: Desk, calendar: str, status: str | None
) -> None:
    wire = bars_every(DAY, 60, 15)
    open_bar = bar(utc(2025, 3, 25, 16), close="10.9", BarStatus=status)
    if status == "left out":
        del open_bar["BarStatus"]
    newest = [open_bar]
    server = desk.serve(Venue({"BTCUSD": lambda r: {"Bars": [*within(wire, r), *newest]}}))
    first = desk.manager(server, "crypto", NOW, calendars={"BTCUSD": calendar})
    found = first.get_data("BTCUSD", DAY, interval="1h")
    assert opens(found)[-1] == "03-25 14:00"
    newest[:] = [bar(utc(2025, 3, 25, 16), close="10.1")]
    later = desk.manager(server, "crypto", NOW + timedelta(hours=1), calendars={"BTCUSD": calendar})
    server.clear()
    again = later.get_data("BTCUSD", DAY, interval="1h")
    assert opens(again)[-1] == "03-25 15:00"
    assert again["close"].iloc[-1] == 10.1
    assert len(asked(server)) == 1


def test_a_bar_that_the_venue_calls_open_is_not_kept_when_this_clock_is_ahead(desk: Desk) -> None:
    late = bar(utc(2025, 3, 25, 15), close="10.9", BarStatus="Open")
    wire = bars_every(DAY, 60, 14)
    server = desk.serve(Venue({"BTCUSD": lambda r: {"Bars": [*within(wire, r), late]}}))
    manager = desk.manager(server, "crypto", NOW)
    found = manager.query("BTCUSD", DAY, interval="1h", on_gaps="ignore")
    assert opens(found.to_pandas())[-1] == "03-25 13:00"


@pytest.mark.parametrize("stamped", [utc(2025, 3, 25, 16), NOW - timedelta(seconds=4)], ids=["end", "trade"])
def test_the_open_bar_is_given_when_it_is_asked_for_and_kept_never(desk: Desk, stamped: datetime) -> None:
    wire = bars_every(DAY, 60, 15)
    now = bar(stamped, close="10.9", BarStatus="Open")
    server = desk.serve(Venue({"BTCUSD": lambda r: {"Bars": [*within(wire, r), now]}}))
    manager = desk.manager(server, "crypto", NOW)
    found = manager.get_data("BTCUSD", DAY, interval="1h", include_open_bar=True)
    assert opens(found)[-2:] == ["03-25 14:00", "03-25 15:00"]
    assert found["close"].iloc[-1] == 10.9
    assert closes(found)[-1] == "03-25 15:59:59.999"
    assert opens(manager.get_data("BTCUSD", DAY, interval="1h"))[-1] == "03-25 14:00"


def test_near_now_the_venues_own_clock_ends_the_range(desk: Desk) -> None:
    server = desk.serve(Venue({"BTCUSD": bars_every(DAY, 60, 15)}))
    desk.manager(server, "crypto", NOW).get_data("BTCUSD", DAY, interval="1h")
    assert [("lastdate" in r.params) for r in asked(server)] == [False]


def test_bounds_are_written_as_the_vendor_writes_them(desk: Desk) -> None:
    server = desk.serve(Venue({"BTCUSD": bars_every(DAY, 60, 24)}))
    manager = desk.manager(server, "crypto", utc(2025, 4))
    manager.get_data("BTCUSD", DAY, utc(2025, 3, 25, 23), "1h")
    (request,) = asked(server)
    assert request.params["firstdate"] == "2025-03-24T23:00:00Z"
    assert request.params["lastdate"] == "2025-03-26T01:00:00Z"
    assert "barsback" not in request.params
    assert unquote(request.path).endswith("/BTCUSD")
