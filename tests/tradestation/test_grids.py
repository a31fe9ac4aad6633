"""Expected bars of whole weeks, written out from the clock on the wall of the exchange."""

from __future__ import annotations

from datetime import time
from itertools import pairwise

import pytest

from dsm_core.model.time_range import TimeRange
from tradestation.series_grid import grid
from tradestation.wall_clock import CHICAGO, NEW_YORK, bars, days, nights, ns, session, sessions, told

# Each holds a change of clocks in the United States, on its Sunday.
SPRING = [
    ("2024-03-04", "2024-03-08", "2024-03-11", "2024-03-15"),
    ("2025-03-03", "2025-03-07", "2025-03-10", "2025-03-14"),
]
AUTUMN = [
    ("2024-10-28", "2024-11-01", "2024-11-04", "2024-11-08"),
    ("2026-10-26", "2026-10-30", "2026-11-02", "2026-11-06"),
]
FORTNIGHTS = SPRING + AUTUMN


def regular(dates: list[str], closes: str = "16:00") -> list[tuple[str, str]]:
    return [(f"{day} 09:30", f"{day} {closes}") for day in dates]


@pytest.mark.parametrize(("first", "friday", "monday", "last"), FORTNIGHTS)
@pytest.mark.parametrize("minutes", [1, 7, 15, 45, 60, 240])
def test_equity_bars_open_half_past_nine_in_new_york_before_and_after_clocks_change(
    first: str, friday: str, monday: str, last: str, minutes: int
) -> None:
    dates = [str(day) for day in days(first, friday) + days(monday, last)]
    expected = sessions(NEW_YORK, regular(dates), minutes)
    assert bars(grid("equities", "MSFT", f"{minutes}m"), first, f"{last} 23:00") == expected


def test_bars_of_seven_and_forty_five_minutes_end_short() -> None:
    sevens = bars(grid("equities", "MSFT", "7m"), "2024-06-03", "2024-06-04")
    assert len(sevens) == 56
    assert sevens[-1] == ("2024-06-03 19:55", "2024-06-03 20:00")
    fives = bars(grid("equities", "MSFT", "45m"), "2024-06-03", "2024-06-04")
    assert fives[-2:] == [("2024-06-03 18:45", "2024-06-03 19:30"), ("2024-06-03 19:30", "2024-06-03 20:00")]
    assert len(fives) == 9
    hours = bars(grid("equities", "MSFT", "1h"), "2024-06-03", "2024-06-04")
    assert [opens[-5:] for opens, _ in hours] == [f"{hour}:30" for hour in range(13, 20)]
    assert hours[-1][1] == "2024-06-03 20:00"


def test_the_day_after_thanksgiving_has_four_hours_of_which_one_is_short() -> None:
    expected = [
        ("2024-11-29 14:30", "2024-11-29 15:30"),
        ("2024-11-29 15:30", "2024-11-29 16:30"),
        ("2024-11-29 16:30", "2024-11-29 17:30"),
        ("2024-11-29 17:30", "2024-11-29 18:00"),
    ]
    assert bars(grid("equities", "MSFT", "1h"), "2024-11-28", "2024-12-02") == expected


@pytest.mark.parametrize(
    ("template", "opens", "closes", "half"),
    [
        ("Default", "09:30", "16:00", "13:00"),
        ("USEQPre", "04:00", "16:00", "13:00"),
        ("USEQPost", "09:30", "20:00", "17:00"),
        ("USEQPreAndPost", "04:00", "20:00", "17:00"),
    ],
)
@pytest.mark.parametrize("minutes", [1, 45, 60])
def test_a_template_makes_one_session_of_what_it_adds(
    template: str, opens: str, closes: str, half: str, minutes: int
) -> None:
    hours = [
        (f"2024-11-27 {opens}", f"2024-11-27 {closes}"),
        (f"2024-11-29 {opens}", f"2024-11-29 {half}"),
        (f"2024-12-02 {opens}", f"2024-12-02 {closes}"),
    ]
    found = bars(grid("equities", "SPY", f"{minutes}m", template), "2024-11-27 06:00", "2024-12-03 06:00")
    assert found == sessions(NEW_YORK, hours, minutes)


@pytest.mark.parametrize(
    ("minutes", "first_end", "count"), [(60, "2026-07-30 12:00", 13), (15, "2026-07-31 10:15", 56)]
)
def test_bars_recorded_before_and_after_hours_end_where_one_long_session_has_them(
    minutes: int, first_end: str, count: int
) -> None:
    # The desktop platform's own SPY bars: no bar ends at 09:30, so that session does not begin anew there.
    recorded = [told(ns(first_end) + n * minutes * 60 * 10**9) for n in range(count)]
    day = first_end[:10]
    found = bars(grid("equities", "SPY", f"{minutes}m", "USEQPreAndPost"), f"{day} 06:00", f"{day} 23:59")
    assert [end for _, end in found][-count:] == recorded


def test_other_markets_have_no_templates() -> None:
    for market, symbol in [("futures", "@ES"), ("forex", "EURUSD"), ("index", "$SPX.X")]:
        assert grid(market, symbol, "1h", "USEQPreAndPost") == grid(market, symbol, "1h")


def test_nobody_knows_the_bars_of_the_24_hour_template_but_its_days() -> None:
    assert grid("equities", "SPY", "1m", "USEQ24Hour") is None
    assert grid("equities", "SPY", "1d", "USEQ24Hour") == grid("equities", "SPY", "1d")


@pytest.mark.parametrize(("first", "friday", "monday", "last"), FORTNIGHTS)
@pytest.mark.parametrize("minutes", [1, 45, 60])
def test_es_bars_run_from_five_in_chicago_to_four_the_next_day(
    first: str, friday: str, monday: str, last: str, minutes: int
) -> None:
    dates = days(first, friday) + days(monday, last)
    expected = sessions(CHICAGO, nights(dates, time(17), time(16)), minutes)
    sunday = str(days(first, first)[0].fromordinal(days(first, first)[0].toordinal() - 1))
    assert bars(grid("futures", "@ES", f"{minutes}m"), f"{sunday} 12:00", f"{last} 22:30") == expected


def test_an_es_week_opens_on_sunday_and_pauses_every_afternoon() -> None:
    found = bars(grid("futures", "ESM24", "1h"), "2024-04-14", "2024-04-20")
    assert found[0] == ("2024-04-14 22:00", "2024-04-14 23:00")
    assert found[22:24] == [
        ("2024-04-15 20:00", "2024-04-15 21:00"),
        ("2024-04-15 22:00", "2024-04-15 23:00"),
    ]
    assert found[-1] == ("2024-04-19 20:00", "2024-04-19 21:00")
    assert len(found) == 5 * 23


def test_es_on_thanksgiving_stops_at_noon_and_the_day_after_at_a_quarter_past() -> None:
    hours = [
        ("2024-11-26 17:00", "2024-11-27 16:00"),
        ("2024-11-27 17:00", "2024-11-28 12:00"),
        ("2024-11-28 17:00", "2024-11-29 12:15"),
        ("2024-12-01 17:00", "2024-12-02 16:00"),
    ]
    assert bars(grid("futures", "@ES", "1h"), "2024-11-26 22:30", "2024-12-02 22:30") == sessions(
        CHICAGO, hours, 60
    )


def test_es_counts_anew_after_the_pause_that_it_had_until_june_2021() -> None:
    hours = [
        ("2021-06-24 17:00", "2021-06-25 15:15"),
        ("2021-06-25 15:30", "2021-06-25 16:00"),
        ("2021-06-27 17:00", "2021-06-28 16:00"),
    ]
    assert bars(grid("futures", "ESU21", "1h"), "2021-06-24 21:30", "2021-06-28 21:30") == sessions(
        CHICAGO, hours, 60
    )


def test_grains_count_anew_after_the_morning_break() -> None:
    hours = []
    for evening, day in nights(
        days("2024-03-07", "2024-03-08") + days("2024-03-11", "2024-03-12"), time(19), time(7, 45)
    ):
        hours += [(evening, day), (f"{day[:10]} 08:30", f"{day[:10]} 13:20")]
    found = bars(grid("futures", "CK24", "1h"), "2024-03-06 22:00", "2024-03-12 22:00")
    assert found == sessions(CHICAGO, hours, 60)
    assert [end for _, end in found][12] == "2024-03-07 13:45"


@pytest.mark.parametrize(("first", "friday", "monday", "last"), FORTNIGHTS)
@pytest.mark.parametrize("minutes", [7, 60, 240])
def test_the_forex_week_is_sunday_to_friday_five_in_new_york(
    first: str, friday: str, monday: str, last: str, minutes: int
) -> None:
    dates = days(first, friday) + days(monday, last)
    expected = sessions(NEW_YORK, nights(dates, time(17), time(17)), minutes)
    sunday = str(first[:8] + f"{int(first[8:]) - 1:02d}")
    assert bars(grid("forex", "EURUSD", f"{minutes}m"), f"{sunday} 12:00", f"{last} 22:30") == expected


@pytest.mark.parametrize("minutes", [1, 45, 60])
def test_a_crypto_week_leaves_no_minute_out(minutes: int) -> None:
    found = bars(grid("crypto", "BTCUSD", f"{minutes}m"), "2024-03-04", "2024-03-18")
    assert found == session("UTC", "2024-03-04 00:00", "2024-03-18 00:00", minutes)


def test_crypto_bars_that_do_not_fill_a_day_count_from_its_midnight() -> None:
    dates = [str(day) for day in days("2024-03-04", "2024-03-05")] + ["2024-03-06"]
    expected = [
        bar for day, after in pairwise(dates) for bar in session("UTC", f"{day} 00:00", f"{after} 00:00", 7)
    ]
    assert bars(grid("crypto", "BTCUSD", "7m"), "2024-03-04", "2024-03-06") == expected


@pytest.mark.parametrize("interval", ["1s", "2d", "25h", "2w", "3M"])
def test_an_interval_that_the_venue_does_not_have_has_no_grid(interval: str) -> None:
    assert grid("equities", "MSFT", interval) is None
    assert grid("crypto", "BTCUSD", interval) is None


def test_a_closed_market_is_told_from_one_that_has_no_bar() -> None:
    known = grid("equities", "MSFT", "1m")
    assert known is not None
    closed = [
        (told(r.start), told(r.end)) for r in known.closed(TimeRange(ns("2024-11-28"), ns("2024-12-03")))
    ]
    assert closed == [
        ("2024-11-28 00:00", "2024-11-29 14:30"),
        ("2024-11-29 18:00", "2024-12-02 14:30"),
        ("2024-12-02 21:00", "2024-12-03 00:00"),
    ]
    assert known.slot_at(ns("2024-11-29 19:00")) is None
    assert told(known.closed_until(ns("2024-11-29 19:00"))) == "2024-12-02 14:30"
