"""Every interval of every market, and the ones whose archive files lag behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from binance.venues import (
    COLUMNS,
    DAY,
    HOUR,
    NOW,
    UTC_NS,
    Desk,
    Venues,
    assert_equal,
    bars_of_rest,
    check_frame,
    sent,
    sources,
    utc,
)
from dsm_binance.emulator import Emulator, Listing
from dsm_core.errors import IncompleteDataWarning, UnsupportedIntervalError

SYMBOLS = {"spot": "BTCUSDT", "um": "BTCUSDT", "cm": "BTCUSD_PERP"}
FUTURES = ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]
MIDNIGHT = utc(2024, 6, 15)
SPANS = {
    "s": (MIDNIGHT - HOUR / 6, MIDNIGHT + HOUR / 6),
    "m": (MIDNIGHT - 3 * HOUR, MIDNIGHT + 3 * HOUR),
    "h": (MIDNIGHT - 2 * DAY, MIDNIGHT + 11 * HOUR),
    "d": (MIDNIGHT - 12 * DAY, MIDNIGHT + 11 * HOUR),
    **dict.fromkeys(("3d", "w", "M"), (MIDNIGHT - 250 * DAY, MIDNIGHT + 11 * HOUR)),
}


def truth(venue: Emulator, market: str, interval: str, start: datetime, end: datetime) -> pd.DataFrame:
    rows = bars_of_rest(venue, market, SYMBOLS[market], interval, start, end)
    index = pd.to_datetime([int(r[0]) * 10**6 for r in rows], utc=True).as_unit("ns").rename("open_time")
    cells = [
        [*map(float, r[1:6]), int(r[6]) * 10**6, float(r[7]), int(r[8]), *map(float, r[9:11])] for r in rows
    ]
    frame = pd.DataFrame(cells, columns=COLUMNS, index=index)
    frame["close_time"] = pd.to_datetime(frame["close_time"], utc=True).astype(UTC_NS)
    return frame


@pytest.mark.parametrize(
    ("market", "interval"),
    [("spot", "1s"), *((market, interval) for market in SYMBOLS for interval in FUTURES)],
)
def test_every_interval_comes_from_both_sources(
    market: str, interval: str, venue: Emulator, desk: Desk
) -> None:
    start, end = SPANS["3d" if interval == "3d" else interval[-1]]
    data = desk.manager(venue, market).query(SYMBOLS[market], start, end, interval, on_gaps="ignore")
    frame = data.to_pandas()
    check_frame(frame)
    expected = truth(venue, market, interval, start, end + timedelta(seconds=1))
    assert_equal(frame, expected[expected["close_time"] < NOW])
    assert len(frame) >= 4
    assert {g.reason for g in data.gaps} <= {"not_closed_yet"}
    assert sources(data) == (["vision"] if interval == "1d" else ["vision", "rest"])


@pytest.mark.parametrize("interval", ["3d", "1w", "1M"])
@pytest.mark.parametrize("market", ["spot", "um"])
@pytest.mark.parametrize("lag", [0, 1, 4])
def test_bars_of_several_days_come_out_right_however_late_their_files_are(
    lag: int, market: str, interval: str, venues: Venues, desk: Desk
) -> None:
    venue = venues(slow_lag_months=lag)
    manager = desk.manager(venue, market)
    data = manager.query(SYMBOLS[market], "2023-01", NOW, interval, on_gaps="ignore")
    expected = truth(venue, market, interval, utc(2023), NOW)
    assert_equal(data.to_pandas(), expected[expected["close_time"] < NOW])
    assert [g.reason for g in data.gaps] == ["not_closed_yet"]
    # A bar that closes after its month is asked of REST, so the sources take turns.
    assert set(sources(data)) == ({"vision"} if (lag, interval) == (0, "1M") else {"vision", "rest"})
    venue.clear_requests()
    manager.query(SYMBOLS[market], "2023-01", NOW, interval, on_gaps="ignore")
    assert venue.requests == []


@pytest.mark.parametrize("interval", ["3d", "1w", "1M"])
def test_bars_of_several_days_come_over_rest_where_no_file_was_ever_published(
    interval: str, venues: Venues, desk: Desk
) -> None:
    venue = venues(missing=["*"])
    data = desk.manager(venue).query("BTCUSDT", "2023-01", "2024-04", interval)
    expected = truth(venue, "spot", interval, utc(2023), utc(2024, 5))
    assert_equal(data.to_pandas(), expected)
    assert data.gaps == ()
    assert len(sent(venue, "zip")) < 30


def test_a_weekly_bar_belongs_to_the_month_in_which_it_opens(venue: Emulator, desk: Desk) -> None:
    frame = desk.manager(venue).get_data("BTCUSDT", "2024-01", "2024-01", "1w")
    assert [f"{t:%m-%d}" for t in frame.index] == ["01-01", "01-08", "01-15", "01-22", "01-29"]
    assert (frame.index.day_of_week == 0).all()


def test_three_day_bars_stand_on_the_venues_own_grid(venue: Emulator, desk: Desk) -> None:
    frame = desk.manager(venue).get_data("BTCUSDT", "2024-01", "2024-01", "3d")
    assert [t.day for t in frame.index] == [1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31]


@pytest.mark.parametrize("interval", ["1h", "12h", "1d", "1w", "1M"])
def test_coin_m_windows_of_more_than_200_days_lose_no_row(interval: str, venues: Venues, desk: Desk) -> None:
    venue = venues(vision=False)
    data = desk.manager(venue, "cm").query(
        "BTCUSD_PERP", utc(2023), utc(2024, 5), interval, enforce_source="rest", inclusive="left"
    )
    assert_equal(data.to_pandas(), truth(venue, "cm", interval, utc(2023), utc(2024, 5)))
    spans = [
        int(r.query["endTime"]) - int(r.query["startTime"])
        for r in sent(venue, "klines")
        if "endTime" in r.query
    ]
    assert max(spans) <= 200 * 86_400_000
    assert {r.status for r in venue.requests} == {200}


def test_coin_m_reads_years_of_which_only_rest_knows_the_end(venue: Emulator, desk: Desk) -> None:
    data = desk.manager(venue, "cm").query("BTCUSD_PERP", "2023", utc(2024, 6, 15, 11), "1h")
    assert_equal(data.to_pandas(), truth(venue, "cm", "1h", utc(2023), utc(2024, 6, 15, 12)))
    assert data.gaps == ()


@pytest.mark.parametrize(("market", "interval"), [("um", "1s"), ("cm", "1s"), ("spot", "45m"), ("um", "2w")])
def test_an_interval_the_market_lacks_is_refused_with_those_it_has(
    market: str, interval: str, venue: Emulator, desk: Desk
) -> None:
    with pytest.raises(UnsupportedIntervalError, match=rf"(?s){interval}.*Give one of: .*1m, .*1M"):
        desk.manager(venue, market).get_data(SYMBOLS[market], "2024-05-01", "2024-05-01", interval)
    assert venue.requests == []


def test_a_symbol_with_quiet_minutes_has_no_gap(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=[Listing("THINUSDT", "spot", quiet=0.6)])
    data = desk.manager(venue).query("THINUSDT", utc(2024, 6, 14), NOW - HOUR, "1m")
    frame = data.to_pandas()
    assert data.gaps == ()
    quiet = frame[frame["count"] == 0]
    assert len(quiet) > 100
    assert (quiet["open"] == quiet["close"]).all()


def test_a_month_of_seconds_is_read_by_the_day(venue: Emulator, desk: Desk) -> None:
    start = utc(2024, 6, 12, 23, 50)
    arguments: dict[str, Any] = {"start_time": start, "end_time": start + DAY / 72, "interval": "1s"}
    data = desk.manager(venue).query("BTCUSDT", **arguments)
    assert len(data) == 1201
    assert {r.path.rpartition("/")[2] for r in sent(venue, "zip")} == {
        "BTCUSDT-1s-2024-06-12.zip",
        "BTCUSDT-1s-2024-06-13.zip",
    }


def test_the_interval_defaults_to_a_second(venue: Emulator, desk: Desk) -> None:
    frame = desk.manager(venue).get_data("BTCUSDT", NOW - timedelta(minutes=2), NOW - timedelta(minutes=1))
    assert len(frame) == 61


def test_a_gap_of_an_open_bar_is_no_warning(venue: Emulator, desk: Desk, recwarn: Any) -> None:
    desk.manager(venue).get_data("BTCUSDT", "2024-06-15", "2024-06-15", "1h")
    assert not [w for w in recwarn if issubclass(w.category, IncompleteDataWarning)]
