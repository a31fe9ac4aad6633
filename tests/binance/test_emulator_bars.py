"""The emulator's invented bars, read from the real server: exact sums, grids, outages, unfinished bars."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from urllib.request import urlopen

import pytest

from dsm_binance.emulator import Emulator, Listing, Outage

NOW = datetime(2024, 6, 5, 12, 34, 56, tzinfo=UTC)
PERIODS = {"3m": 180, "15m": 900, "1h": 3600, "4h": 14_400, "12h": 43_200, "1d": 86_400}
ROOTS = {"spot": "/api/v3", "um": "/fapi/v1", "cm": "/dapi/v1"}


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000


def klines(venue: Emulator, market: str, symbol: str, interval: str, **query: int) -> list[list]:
    asked = "".join(f"&{name}={value}" for name, value in query.items())
    url = f"{venue.endpoints[market]}{ROOTS[market]}/klines?symbol={symbol}&interval={interval}{asked}"
    with urlopen(url) as answer:
        return json.loads(answer.read())


def minutes_of_days(venue: Emulator, market: str, symbol: str, start: int, days: int) -> list[list]:
    rows = []
    for half in range(2 * days):
        first = start + half * 43_200_000
        rows += klines(venue, market, symbol, "1m", startTime=first, endTime=first + 43_199_999, limit=1000)
    return rows


def added_up(rows: list[list]) -> list:
    """The coarse bar of fine ones, without its times, by decimal arithmetic."""
    sums = [sum(Decimal(row[cell]) for row in rows) for cell in (5, 7, 8, 9, 10)]
    high, low = max(Decimal(row[2]) for row in rows), min(Decimal(row[3]) for row in rows)
    return [Decimal(rows[0][1]), high, low, Decimal(rows[-1][4]), *sums]


def told(row: list) -> list:
    return [Decimal(row[cell]) for cell in (1, 2, 3, 4, 5, 7, 8, 9, 10)]


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    listings = [
        Listing("BTCUSDT"),
        Listing("THINUSDT", quiet=0.3),
        Listing("BTCUSDT", "um"),
        Listing("BTCUSD_PERP", "cm"),
        Listing("NEWUSDT", listed_at=datetime(2024, 5, 16, 4, 7, tzinfo=UTC)),
        Listing("GONEUSDT", delisted_at=datetime(2024, 5, 20, 3, 30, tzinfo=UTC)),
        Listing("HALTUSDT"),
    ]
    outages = [
        Outage(
            datetime(2024, 5, 16, 10, 20, tzinfo=UTC),
            datetime(2024, 5, 16, 13, 40, tzinfo=UTC),
            symbols=("HALTUSDT",),
        ),
        Outage(datetime(2024, 4, 2, tzinfo=UTC), datetime(2024, 4, 4, tzinfo=UTC), "spot", ("HALTUSDT",)),
    ]
    with Emulator(listings=listings, outages=outages, now=NOW, spot_weight=10**6) as running:
        yield running


@pytest.mark.parametrize(
    ("market", "symbol"), [("spot", "BTCUSDT"), ("um", "BTCUSDT"), ("cm", "BTCUSD_PERP")]
)
def test_coarse_bars_are_the_exact_sums_of_minute_bars(venue: Emulator, market: str, symbol: str) -> None:
    start = ms(2024, 5, 31)
    minutes = minutes_of_days(venue, market, symbol, start, 2)
    assert len(minutes) == 2880
    for interval, seconds in PERIODS.items():
        bars = klines(
            venue, market, symbol, interval, startTime=start, endTime=start + 2 * 86_400_000 - 1, limit=1000
        )
        assert len(bars) == 2 * 86_400 // seconds
        for bar in bars:
            parts = [row for row in minutes if bar[0] <= row[0] < bar[0] + seconds * 1000]
            assert told(bar) == added_up(parts), (interval, bar[0])


@pytest.mark.parametrize("symbol", ["BTCUSDT", "THINUSDT"])
def test_second_bars_add_up_to_their_minutes(venue: Emulator, symbol: str) -> None:
    start = ms(2024, 5, 31, 7)
    minutes = klines(venue, "spot", symbol, "1m", startTime=start, limit=16)
    seconds = klines(venue, "spot", symbol, "1s", startTime=start, limit=960)
    assert [row[0] for row in seconds] == list(range(start, start + 960_000, 1000))
    for place, minute in enumerate(minutes):
        assert told(minute) == added_up(seconds[place * 60 : place * 60 + 60])


def test_a_second_without_a_trade_repeats_the_last_close(venue: Emulator) -> None:
    seconds = klines(venue, "spot", "BTCUSDT", "1s", startTime=ms(2024, 5, 31, 7), limit=600)
    still = [(last, row) for last, row in pairwise(seconds) if row[8] == 0]
    assert still
    for last, row in still:
        assert set(row[1:5]) == {last[4]}
        assert Decimal(row[5]) == Decimal(row[7]) == 0


def test_every_bar_holds_its_open_and_close_between_low_and_high(venue: Emulator) -> None:
    for interval in ("1s", "1m", "1h"):
        for row in klines(venue, "spot", "THINUSDT", interval, startTime=ms(2024, 5, 31), limit=700)[:700]:
            prices = [Decimal(cell) for cell in row[1:5]]
            assert prices[2] == min(prices)
            assert prices[1] == max(prices)
            assert Decimal(row[9]) <= Decimal(row[5])


def test_weeks_open_on_monday_and_three_day_bars_on_their_own_grid(venue: Emulator) -> None:
    weeks = klines(venue, "um", "BTCUSDT", "1w", limit=5)
    triples = klines(venue, "um", "BTCUSDT", "3d", limit=5)
    months = klines(venue, "um", "BTCUSDT", "1M", limit=5)
    assert {datetime.fromtimestamp(row[0] / 1000, UTC).weekday() for row in weeks} == {0}
    assert {row[0] // 86_400_000 % 3 for row in triples} == {1}
    assert [row[0] for row in months] == [ms(2024, month, 1) for month in range(2, 7)]
    assert months[0][6] == ms(2024, 3, 1) - 1


def test_the_first_coarse_bar_is_partial_but_on_the_grid(venue: Emulator) -> None:
    day = klines(venue, "spot", "NEWUSDT", "1d", startTime=0, limit=1)[0]
    minutes = klines(venue, "spot", "NEWUSDT", "1m", startTime=0, endTime=ms(2024, 5, 17) - 1, limit=1000)
    minutes += klines(
        venue, "spot", "NEWUSDT", "1m", startTime=minutes[-1][0] + 1, endTime=ms(2024, 5, 17) - 1
    )
    assert minutes[0][0] == ms(2024, 5, 16, 4, 7)
    assert day[0] == ms(2024, 5, 16)
    assert told(day) == added_up(minutes)


def test_the_last_bar_closes_when_trading_ends(venue: Emulator) -> None:
    hour = klines(venue, "spot", "GONEUSDT", "1h", limit=1)[0]
    assert hour[0] == ms(2024, 5, 20, 3)
    assert hour[6] == ms(2024, 5, 20, 3, 30) - 1
    assert klines(venue, "spot", "GONEUSDT", "1h", startTime=ms(2024, 5, 20, 4)) == []


def test_an_outage_takes_minutes_away_and_cuts_hours_short(venue: Emulator) -> None:
    start = ms(2024, 5, 16, 10)
    minutes = klines(venue, "spot", "HALTUSDT", "1m", startTime=start, endTime=start + 4 * 3_600_000 - 1)
    hours = klines(venue, "spot", "HALTUSDT", "1h", startTime=start, endTime=start + 4 * 3_600_000 - 1)
    assert [row[0] for row in hours] == [start, start + 3 * 3_600_000]
    assert hours[0][6] == ms(2024, 5, 16, 10, 20) - 1
    assert len(minutes) == 40
    assert told(hours[0]) == added_up(minutes[:20])
    assert told(hours[1]) == added_up(minutes[20:])


def test_a_whole_day_of_outage_leaves_no_day_bar(venue: Emulator) -> None:
    days = klines(venue, "spot", "HALTUSDT", "1d", startTime=ms(2024, 4, 1), limit=3)
    assert [row[0] for row in days] == [ms(2024, 4, 1), ms(2024, 4, 4), ms(2024, 4, 5)]


def test_the_unfinished_bar_comes_last_and_grows_until_it_closes() -> None:
    with Emulator(listings=[Listing("BTCUSDT")], now=NOW) as venue:
        early = {
            name: klines(venue, "spot", "BTCUSDT", name, limit=1)[0] for name in ("1m", "1h", "1d", "1M")
        }
        venue.clock.advance(timedelta(seconds=3))
        for interval, before in early.items():
            after = klines(venue, "spot", "BTCUSDT", interval, limit=1)[0]
            assert after[0] == before[0]
            assert before[6] > int(NOW.timestamp() * 1000)
            assert after[8] > before[8]
        venue.clock.set(datetime(2024, 6, 5, 12, 35, tzinfo=UTC))
        rows = klines(venue, "spot", "BTCUSDT", "1m", limit=2)
        assert rows[0][0] == early["1m"][0]
        assert rows[0][8] > early["1m"][8]


def test_the_same_seed_tells_the_same_and_another_one_does_not(venue: Emulator) -> None:
    told_here = klines(venue, "spot", "BTCUSDT", "1h", limit=5)
    for seed, same in ((7, True), (8, False)):
        with Emulator(listings=[Listing("BTCUSDT")], now=NOW, seed=seed) as other:
            assert (klines(other, "spot", "BTCUSDT", "1h", limit=5) == told_here) is same


def test_a_range_tells_the_same_whatever_else_is_asked_with_it(venue: Emulator) -> None:
    whole = klines(venue, "um", "BTCUSDT", "1m", startTime=ms(2023, 3, 3), limit=1500)
    part = klines(venue, "um", "BTCUSDT", "1m", startTime=ms(2023, 3, 3, 5), limit=77)
    assert whole[300:377] == part


def test_decimals_are_written_as_each_market_writes_them(venue: Emulator) -> None:
    spot, um = (klines(venue, market, "BTCUSDT", "1h", limit=1)[0] for market in ("spot", "um"))
    cm = klines(venue, "cm", "BTCUSD_PERP", "1h", limit=1)[0]

    def decimals(row: list) -> list[int]:
        return [len(row[cell].partition(".")[2]) for cell in (1, 5, 7, 9, 10)]

    assert decimals(spot) == [8, 8, 8, 8, 8]
    assert decimals(um) == [2, 3, 5, 3, 5]
    assert decimals(cm) == [1, 0, 8, 0, 8]
    contracts, base, price = Decimal(cm[5]), Decimal(cm[7]), Decimal(cm[4])
    assert abs(base - contracts * 100 / price) < base / 50
