"""The emulator's sessions, hour by hour: clocks that change, half days, nights and weekends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from dsm_tradestation.emulator import Listing, TradeStationEmulator
from tradestation.emulated import Caller, Row

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    with TradeStationEmulator(now=NOW, limit=10**6, expires_in=10**9) as venue:
        yield Caller(venue)


def times(*spans: tuple[str, str], step: timedelta = timedelta(hours=1)) -> list[str]:
    """Stamps after each start, up to and with each end."""
    found = []
    for start, end in spans:
        at, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
        while at < last:
            at = min(at + step, last)
            found.append(at.strftime(FORMAT))
    return found


def hours(caller: Caller, symbol: str, first: str, last: str, **query: object) -> list[str]:
    return [row["TimeStamp"] for row in caller.minutes(symbol, 60, first, last, **query)]


def days(caller: Caller, symbol: str, first: str, last: str, **query: object) -> list[str]:
    return caller.stamps(symbol, unit="Daily", firstdate=first, lastdate=last, **query)


@pytest.mark.parametrize(
    ("friday", "before", "monday", "after"),
    [
        ("2024-03-08", ("14:30", "21:00"), "2024-03-11", ("13:30", "20:00")),
        ("2024-11-01", ("13:30", "20:00"), "2024-11-04", ("14:30", "21:00")),
        ("2025-03-07", ("14:30", "21:00"), "2025-03-10", ("13:30", "20:00")),
        ("2025-10-31", ("13:30", "20:00"), "2025-11-03", ("14:30", "21:00")),
    ],
)
def test_equity_hours_follow_new_york_across_a_change_of_clocks(
    caller: Caller, friday: str, before: tuple[str, str], monday: str, after: tuple[str, str]
) -> None:
    spans = [(f"{day}T{a}", f"{day}T{b}") for day, (a, b) in ((friday, before), (monday, after))]
    assert hours(caller, "MSFT", friday, f"{monday}T23:00:00Z") == times(*spans)
    assert days(caller, "MSFT", friday, f"{monday}T23:00:00Z") == [f"{b}:00Z" for _, b in spans]


def test_the_last_hour_of_a_regular_session_is_half_as_long(caller: Caller) -> None:
    stamps = hours(caller, "MSFT", "2024-05-07", "2024-05-08")
    assert stamps == [
        f"2024-05-07T{time}:00Z" for time in ("14:30", "15:30", "16:30", "17:30", "18:30", "19:30", "20:00")
    ]


def test_the_day_after_thanksgiving_ends_at_one(caller: Caller) -> None:
    stamps = hours(caller, "MSFT", "2024-11-28", "2024-11-30")
    assert stamps == times(("2024-11-29T14:30", "2024-11-29T18:00"))
    assert days(caller, "MSFT", "2024-11-27", "2024-12-01") == [
        "2024-11-27T21:00:00Z",
        "2024-11-29T18:00:00Z",
    ]
    extended = hours(caller, "MSFT", "2024-11-28T02:00:00Z", "2024-11-30", sessiontemplate="USEQPreAndPost")
    assert extended == times(("2024-11-29T09:00", "2024-11-29T22:00"))


@pytest.mark.parametrize(
    ("template", "start", "end"),
    [
        ("Default", "13:30", "20:00"),
        ("USEQPre", "08:00", "20:00"),
        ("USEQPost", "13:30", "24:00"),
        ("USEQPreAndPost", "08:00", "24:00"),
    ],
)
def test_a_template_extends_the_session_and_its_bars_count_from_its_start(
    caller: Caller, template: str, start: str, end: str
) -> None:
    last = "2024-05-08T00:00" if end == "24:00" else f"2024-05-07T{end}"
    stamps = hours(caller, "MSFT", "2024-05-07T01:00:00Z", "2024-05-08", sessiontemplate=template)
    assert stamps == times((f"2024-05-07T{start}", last))


def test_the_round_the_clock_template_begins_on_sunday_evening(caller: Caller) -> None:
    stamps = hours(
        caller, "MSFT", "2024-05-03T20:00:00Z", "2024-05-07T02:00:00Z", sessiontemplate="USEQ24Hour"
    )
    assert stamps == times(
        ("2024-05-03T19:00", "2024-05-04T00:00"),
        ("2024-05-06T00:00", "2024-05-07T00:00"),
        ("2024-05-07T00:00", "2024-05-07T02:00"),
    )


@pytest.mark.parametrize("symbol", ["$SPX.X", "@ES", "EURUSD", "BTCUSD"])
def test_a_template_is_ignored_for_anything_but_equities(caller: Caller, symbol: str) -> None:
    asked: dict[str, Any] = {"unit": "Minute", "interval": 60, "barsback": 100}
    plain = caller.bars(symbol, **asked)
    assert caller.bars(symbol, **asked, sessiontemplate="USEQPreAndPost") == plain


def test_a_template_changes_no_daily_bar(caller: Caller) -> None:
    plain = caller.bars("MSFT", unit="Daily", barsback=20)
    assert caller.bars("MSFT", unit="Daily", barsback=20, sessiontemplate="USEQPreAndPost") == plain


def test_a_week_of_es_runs_through_the_nights_and_pauses_for_an_hour(caller: Caller) -> None:
    # The clocks change on Sunday the 10th, before the session opens: 17:00 in Chicago is 22:00 UTC then.
    expected = times(
        ("2024-03-07T23:00", "2024-03-08T22:00"),
        *((f"2024-03-{d:02d}T22:00", f"2024-03-{d + 1:02d}T21:00") for d in range(10, 15)),
    )
    assert hours(caller, "@ES", "2024-03-07T23:30:00Z", "2024-03-17T12:00:00Z") == expected
    assert days(caller, "@ES", "2024-03-08", "2024-03-17") == [
        "2024-03-08T22:00:00Z",
        *(f"2024-03-{d}T21:00:00Z" for d in range(11, 16)),
    ]


def test_es_keeps_thanksgiving_short_and_christmas_shut(caller: Caller) -> None:
    assert days(caller, "@ES", "2024-11-27T12:00:00Z", "2024-11-30") == [
        "2024-11-27T22:00:00Z",
        "2024-11-28T18:00:00Z",
        "2024-11-29T18:15:00Z",
    ]
    last = caller.minutes("@ES", 60, "2024-11-29T16:30:00Z", "2024-11-30")
    assert [row["TimeStamp"][11:16] for row in last] == ["17:00", "18:00", "18:15"]
    assert days(caller, "@ES", "2024-12-24", "2024-12-27T12:00:00Z") == [
        "2024-12-24T18:15:00Z",
        "2024-12-26T22:00:00Z",
    ]


def test_a_week_of_forex_runs_from_sunday_to_friday_in_new_york(caller: Caller) -> None:
    stamps = hours(caller, "EURUSD", "2024-11-01T12:00:00Z", "2024-11-09")
    assert stamps == times(
        ("2024-11-01T11:00", "2024-11-01T21:00"),
        ("2024-11-03T22:00", "2024-11-08T22:00"),
    )
    # Daily bars end at 17:00 in New York, Monday's with Monday's session.
    assert days(caller, "EURUSD", "2024-11-01", "2024-11-09") == [
        "2024-11-01T21:00:00Z",
        *(f"2024-11-{d:02d}T22:00:00Z" for d in range(4, 9)),
    ]


def test_a_week_of_crypto_never_stops(caller: Caller) -> None:
    stamps = hours(caller, "BTCUSD", "2024-03-08T01:00:00Z", "2024-03-15")
    assert stamps == times(("2024-03-08T00:00", "2024-03-15T00:00"))
    assert len(days(caller, "BTCUSD", "2024-03-08T12:00:00Z", "2024-03-15")) == 7


def test_bars_of_seven_minutes_count_from_each_session(caller: Caller) -> None:
    rows = caller.minutes("MSFT", 7, "2024-05-06", "2024-05-08T00:00:00Z")
    step = timedelta(minutes=7)
    spans = (("2024-05-06T13:30", "2024-05-06T20:00"), ("2024-05-07T13:30", "2024-05-07T20:00"))
    assert [row["TimeStamp"] for row in rows] == times(*spans, step=step)


def test_weeks_and_months_end_with_their_last_session(caller: Caller) -> None:
    weeks = caller.stamps("MSFT", unit="Weekly", firstdate="2024-03-25", lastdate="2024-04-13")
    # Friday the 29th was Good Friday.
    assert weeks == ["2024-03-28T20:00:00Z", "2024-04-05T20:00:00Z", "2024-04-12T20:00:00Z"]
    months = caller.stamps("MSFT", unit="Monthly", firstdate="2023-10-01", lastdate="2024-04-01")
    assert months == [
        "2023-10-31T20:00:00Z",
        "2023-11-30T21:00:00Z",
        "2023-12-29T21:00:00Z",
        "2024-01-31T21:00:00Z",
        "2024-02-29T21:00:00Z",
        "2024-03-28T20:00:00Z",
    ]


def ohlc(rows: list[Row]) -> tuple[str, float, float, str, int]:
    return (
        rows[0]["Open"],
        max(float(row["High"]) for row in rows),
        min(float(row["Low"]) for row in rows),
        rows[-1]["Close"],
        sum(int(row["TotalVolume"]) for row in rows),
    )


@pytest.mark.parametrize("symbol", ["MSFT", "@ES", "EURUSD", "BTCUSD", "$SPX.X", "AAPL 270115C180"])
@pytest.mark.parametrize("interval", [7, 45, 60, 1440])
def test_a_bar_adds_up_its_minutes(caller: Caller, symbol: str, interval: int) -> None:
    minutes = caller.minutes(symbol, 1, "2024-05-01", "2024-05-08")
    coarse = caller.minutes(symbol, interval, "2024-05-02", "2024-05-07T12:00:00Z")
    assert coarse
    ends = [row["Epoch"] for row in coarse]
    for before, row in zip(ends, coarse[1:], strict=False):
        parts = [m for m in minutes if before < m["Epoch"] <= row["Epoch"]]
        assert ohlc(parts) == ohlc([row])
        for name in ("UpTicks", "DownTicks", "UpVolume", "DownVolume", "TotalTicks"):
            assert sum(m[name] for m in parts) == row[name]


@pytest.mark.parametrize("symbol", ["MSFT", "@ES", "EURUSD", "BTCUSD"])
def test_days_weeks_and_months_add_up_too(caller: Caller, symbol: str) -> None:
    minutes = caller.minutes(symbol, 1, "2024-05-01T23:30:00Z", "2024-05-31")
    found = caller.bars(symbol, unit="Daily", firstdate="2024-05-02", lastdate="2024-05-30T23:59:00Z")
    for before, row in pairwise(found):
        parts = [m for m in minutes if before["Epoch"] < m["Epoch"] <= row["Epoch"]]
        assert ohlc(parts) == ohlc([row])
    [week] = caller.bars(symbol, unit="Weekly", firstdate="2024-05-09", lastdate="2024-05-13T12:00:00Z")
    whole = [row for row in found if week["Epoch"] - 7 * 86_400_000 < row["Epoch"] <= week["Epoch"]]
    assert ohlc(whole) == ohlc([week])


def test_the_same_seed_gives_the_same_bars_and_another_one_others() -> None:
    found = []
    for seed in (7, 7, 8):
        with TradeStationEmulator(now=NOW, seed=seed) as venue:
            found.append(Caller(venue).ask("MSFT", unit="Minute", barsback=500).body)
    assert found[0] == found[1] != found[2]


def test_minutes_without_a_trade_have_no_bar() -> None:
    with TradeStationEmulator(listings=[Listing("THIN", thinness=0.5), Listing("FULL")], now=NOW) as venue:
        caller = Caller(venue)
        thin, full = (caller.minutes(name, 1, "2024-05-07", "2024-05-08") for name in ("THIN", "FULL"))
        assert len(full) == 390
        assert 100 < len(thin) < 290
        assert {row["TimeStamp"] for row in thin} < {row["TimeStamp"] for row in full}
        assert all(row["TotalTicks"] > 0 for row in thin)
        # Asked for by number, empty minutes do not count.
        assert len(caller.bars("THIN", unit="Minute", barsback=1000)) == 1000


def test_a_listing_begins_and_ends() -> None:
    listed, delisted = datetime(2024, 5, 7, 15, tzinfo=UTC), datetime(2024, 5, 8, 14, tzinfo=UTC)
    listings = [Listing("NEW", listed_at=listed, delisted_at=delisted)]
    with TradeStationEmulator(listings=listings, now=NOW) as venue:
        stamps = Caller(venue).stamps("NEW", unit="Minute", barsback=50_000)
    assert (stamps[0], stamps[-1]) == ("2024-05-07T15:01:00Z", "2024-05-08T14:00:00Z")
