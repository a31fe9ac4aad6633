"""Whole weeks of the emulator, compared with what a clock on the wall tells; no hole that is none."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pandas as pd
import pytest

from dsm_core import MarketData
from dsm_core.events import Planned
from dsm_tradestation.emulator import Manners
from tradestation.desk import utc
from tradestation.venues import Floor, charts
from tradestation.wall_clock import CHICAGO, NEW_YORK, Bar, days, nights, sessions

HOLIDAYS = {"2024-11-28", "2024-03-29"}


def bars_of(data: MarketData) -> list[Bar]:
    """Open and end of each bar, to the minute."""
    frame = data.to_pandas()
    ends = frame["close_time"] + pd.Timedelta(milliseconds=1)
    return [
        (o.strftime("%Y-%m-%d %H:%M"), e.strftime("%Y-%m-%d %H:%M"))
        for o, e in zip(frame.index, ends, strict=True)
    ]


def stock_days(first: str, last: str) -> list[str]:
    return [str(d) for d in days(first, last) if d.weekday() < 5 and str(d) not in HOLIDAYS]


def stock_bars(first: str, last: str, minutes: int, hours: tuple[str, str] = ("09:30", "16:00")) -> list[Bar]:
    opened, closed = hours
    early = {"2024-11-29": "13:00" if closed == "16:00" else "17:00"}
    spans = [(f"{d} {opened}", f"{d} {early.get(d, closed)}") for d in stock_days(first, last)]
    return sessions(NEW_YORK, spans, minutes)


def check_whole(data: MarketData, due: list[Bar]) -> None:
    """Exactly the bars that are due, and nothing said to be missing."""
    assert bars_of(data) == due
    assert [gap for gap in data.gaps if gap.reason != "market_closed"] == []
    assert data.coverage.off_grid == 0
    assert data.coverage.expected == len(due)


WEEKS = {
    "spring": ("2024-03-04", "2024-03-17"),
    "autumn": ("2024-10-28", "2024-11-10"),
    "Thanksgiving": ("2024-11-25", "2024-12-01"),
    "Good Friday": ("2024-03-25", "2024-03-31"),
}


@pytest.mark.parametrize("week", WEEKS)
@pytest.mark.parametrize("minutes", [60, 7, 390])
def test_stocks_have_the_bars_of_the_wall_clock(floor: Floor, week: str, minutes: int) -> None:
    first, last = WEEKS[week]
    venue = floor.venue(utc(2024, 12, 20))
    data = floor.manager(venue, "equities").query("MSFT", first, last, f"{minutes}m")
    check_whole(data, stock_bars(first, last, minutes))


@pytest.mark.parametrize("week", ["spring", "autumn", "Thanksgiving"])
@pytest.mark.parametrize(
    ("template", "hours"),
    [
        ("USEQPre", ("04:00", "16:00")),
        ("USEQPost", ("09:30", "20:00")),
        ("USEQPreAndPost", ("04:00", "20:00")),
    ],
)
def test_extended_hours_are_one_session_that_counts_from_its_start(
    floor: Floor, week: str, template: str, hours: tuple[str, str]
) -> None:
    first, last = WEEKS[week]
    venue = floor.venue(utc(2024, 12, 20))
    manager = floor.manager(venue, "equities")
    data = manager.query("MSFT", first, last, "1h", options={"session_template": template})
    check_whole(data, stock_bars(first, last, 60, hours))


@pytest.mark.parametrize("week", WEEKS)
def test_days_weeks_and_months_of_stocks_are_labelled_and_whole(floor: Floor, week: str) -> None:
    first, last = WEEKS[week]
    venue = floor.venue(utc(2024, 12, 20))
    manager = floor.manager(venue, "equities")
    daily = manager.query("MSFT", first, last, "1d")
    assert [o[:10] for o, _ in bars_of(daily)] == stock_days(first, last)
    assert [gap for gap in daily.gaps if gap.reason != "market_closed"] == []
    closes = {d: "13:00" if d == "2024-11-29" else "16:00" for d in stock_days(first, last)}
    assert [e for _, e in bars_of(daily)] == [
        end for _, end in sessions(NEW_YORK, [(f"{d} 09:30", f"{d} {c}") for d, c in closes.items()], 1440)
    ]
    weekly = manager.query("MSFT", first, last, "1w")
    mondays = [str(d) for d in days(first, last) if d.weekday() == 0]
    assert [o[:10] for o, _ in bars_of(weekly)] == mondays
    monthly = manager.query("MSFT", "2024-03", "2024-11", "1M")
    assert [o[:10] for o, _ in bars_of(monthly)] == [f"2024-{m:02d}-01" for m in range(3, 12)]
    assert (*weekly.gaps, *monthly.gaps) == ()


@pytest.mark.parametrize("week", ["spring", "autumn"])
@pytest.mark.parametrize("minutes", [60, 45])
def test_a_week_of_es_has_its_sessions_across_midnight(floor: Floor, week: str, minutes: int) -> None:
    first, last = WEEKS[week]
    dates = [d for d in days(first, last) if d.weekday() < 5]
    due = sessions(CHICAGO, nights(dates, time(17), time(16)), minutes)
    venue = floor.venue(utc(2024, 12, 20))
    start = datetime.fromisoformat(due[0][0]).replace(tzinfo=UTC)
    end = datetime.fromisoformat(due[-1][1]).replace(tzinfo=UTC)
    data = floor.manager(venue, "futures").query("ESZ24", start, end, f"{minutes}m", inclusive="left")
    check_whole(data, due)


def test_days_of_es_are_labelled_by_the_date_on_which_the_session_closes(floor: Floor) -> None:
    venue = floor.venue(utc(2024, 12, 20))
    data = floor.manager(venue, "futures").query("ESZ24", "2024-10-28", "2024-11-10", "1d")
    dates = [d for d in days("2024-10-28", "2024-11-10") if d.weekday() < 5]
    assert [o for o, _ in bars_of(data)] == [f"{d} 00:00" for d in dates]
    assert [e[11:] for _, e in bars_of(data)] == ["21:00"] * 5 + ["22:00"] * 5
    assert data.gaps == ()


def test_a_week_of_crypto_has_every_hour(floor: Floor) -> None:
    venue = floor.venue(utc(2024, 12, 20))
    manager = floor.manager(venue, "crypto")
    data = manager.query("BTCUSD", "2024-03-08", "2024-03-14", "1h")
    assert bars_of(data)[0] == ("2024-03-08 00:00", "2024-03-08 01:00")
    assert len(data) == 7 * 24
    assert data.gaps == ()
    daily = manager.query("BTCUSD", "2024-03-08", "2024-03-14", "1d")
    assert [o for o, _ in bars_of(daily)] == [f"2024-03-{d:02d} 00:00" for d in range(8, 15)]
    assert daily.gaps == ()


def test_a_forex_week_runs_from_sunday_to_friday(floor: Floor) -> None:
    venue = floor.venue(utc(2024, 12, 20))
    data = floor.manager(venue, "forex").query("EURUSD", "2024-03-10", "2024-03-16", "1h")
    assert bars_of(data)[0][0] == "2024-03-10 21:00"
    assert bars_of(data)[-1][1] == "2024-03-15 21:00"
    assert len(data) == 5 * 24
    assert [gap for gap in data.gaps if gap.reason != "market_closed"] == []


@pytest.mark.parametrize(
    ("market", "symbol", "interval"),
    [
        ("equities", "MSFT", "1h"),
        ("equities", "MSFT", "1d"),
        ("futures", "ESZ24", "1h"),
        ("futures", "@ES", "1d"),
        ("crypto", "BTCUSD", "1h"),
        ("forex", "EURUSD", "1h"),
        ("index", "$SPX.X", "1h"),
        ("options", "AAPL 270115C180", "1h"),
    ],
)
def test_a_second_call_asks_for_nothing(floor: Floor, market: str, symbol: str, interval: str) -> None:
    venue = floor.venue(utc(2024, 12, 20))
    # Most hours of an option are without a trade, and nobody knows which.
    given = {"on_gaps": "ignore"} if market == "options" else {}
    first = floor.manager(venue, market).query(symbol, "2024-11-04", "2024-11-08", interval, **given)
    assert len(first) > 0
    before = len(venue.requests)
    again = floor.manager(venue, market).query(symbol, "2024-11-04", "2024-11-08", interval, **given)
    assert len(venue.requests) == before
    pd.testing.assert_frame_equal(again.to_pandas(), first.to_pandas())


@pytest.mark.parametrize("bounds", ["end", "start"])
@pytest.mark.parametrize("inclusive", ["both", "left", "right", "neither"])
@pytest.mark.parametrize("span_limit", ["clock", "bars"])
def test_every_manner_of_the_venue_gives_the_same_bars(
    floor: Floor, bounds: str, inclusive: str, span_limit: str
) -> None:
    manners = Manners(bounds=bounds, inclusive=inclusive, span_limit=span_limit)  # type: ignore[arg-type]
    venue = floor.venue(utc(2024, 12, 20), manners=manners)
    data = floor.manager(venue, "equities").query("MSFT", *WEEKS["Thanksgiving"], "1h")
    check_whole(data, stock_bars(*WEEKS["Thanksgiving"], 60))
    assert len(charts(venue)) == 1
    daily = floor.manager(venue, "equities").query("MSFT", *WEEKS["autumn"], "1d")
    assert [o[:10] for o, _ in bars_of(daily)] == stock_days(*WEEKS["autumn"])


def test_a_venue_that_stamps_starts_gives_the_same_bars_with_the_setting(floor: Floor) -> None:
    venue = floor.venue(utc(2024, 12, 20), manners=Manners(stamp="start"))
    data = floor.manager(venue, "equities", bar_stamp="start").query("MSFT", *WEEKS["Thanksgiving"], "1h")
    check_whole(data, stock_bars(*WEEKS["Thanksgiving"], 60))


@pytest.mark.parametrize("empty", ["bars", "404"])
def test_a_weekend_is_closed_and_no_hole(floor: Floor, empty: str) -> None:
    venue = floor.venue(utc(2024, 12, 20), manners=Manners(empty=empty))  # type: ignore[arg-type]
    manager = floor.manager(venue, "equities")
    data = manager.query("MSFT", "2024-11-16", "2024-11-17", "1h", on_gaps="raise_any")
    assert len(data) == 0
    assert charts(venue) == []


@pytest.mark.parametrize("market", ["equities", "futures", "crypto", "forex"])
def test_a_year_of_minutes_comes_in_pages_that_the_venue_takes(floor: Floor, market: str) -> None:
    symbol = {"equities": "MSFT", "futures": "ESZ24", "crypto": "BTCUSD", "forex": "EURUSD"}[market]
    venue = floor.venue(utc(2024, 12, 20))
    manager = floor.manager(venue, market)
    planned: list[int] = []
    manager.subscribe(lambda event: planned.append(event.requests) if isinstance(event, Planned) else None)
    data = manager.query(symbol, "2024-09-01", "2024-11-30", "5m", on_gaps="ignore")
    assert {r.status for r in charts(venue)} == {200}
    assert len(charts(venue)) == planned[0]
    assert not [gap for gap in data.gaps if gap.reason not in ("market_closed", "not_listed_yet")]


def test_the_open_bar_closes_and_is_then_final(floor: Floor) -> None:
    venue = floor.venue(datetime(2024, 11, 13, 16, 10, tzinfo=UTC))
    manager = floor.manager(venue, "equities")
    first = manager.get_data("MSFT", "2024-11-13", interval="1h", include_open_bar=True)
    assert first.index[-1] == pd.Timestamp("2024-11-13 15:30", tz="UTC")
    closed = manager.get_data("MSFT", "2024-11-13", interval="1h")
    assert closed.index[-1] == pd.Timestamp("2024-11-13 14:30", tz="UTC")
    venue.clock.advance(timedelta(hours=2))
    later = manager.get_data("MSFT", "2024-11-13", interval="1h")
    assert later.index[-1] == pd.Timestamp("2024-11-13 16:30", tz="UTC")
    other = floor.manager(venue, "equities", token_store="memory")
    whole = other.query("MSFT", "2024-11-13", interval="1h", use_cache=False).to_pandas()
    pd.testing.assert_frame_equal(later, whole)


def test_continuous_futures_are_never_mixed_across_a_roll(floor: Floor) -> None:
    venue = floor.venue(utc(2024, 10, 14))
    manager = floor.manager(venue, "futures")
    before = manager.get_data("@ES", "2024-09-30", "2024-10-11", "1h", on_gaps="ignore")
    venue.roll("@ES", utc(2024, 10, 15), 25.0)
    venue.clock.set(utc(2024, 10, 19))
    joined = manager.get_data("@ES", "2024-09-30", "2024-10-18", "1h", on_gaps="ignore")
    fresh = manager.query("@ES", "2024-09-30", "2024-10-18", "1h", on_gaps="ignore", use_cache=False)
    pd.testing.assert_frame_equal(joined, fresh.to_pandas())
    assert (joined["close"].iloc[: len(before)] - before["close"]).round(6).eq(25.0).all()
    unadjusted = manager.query("ESZ24", "2024-10-07", "2024-10-11", "1h", on_gaps="ignore")
    assert len(unadjusted) > 0
