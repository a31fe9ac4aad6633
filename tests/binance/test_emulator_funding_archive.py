"""The emulator's funding files: recorded and generated months, intervals that change, publication."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

from binance.funding_venue import (
    DATA,
    EPOCH,
    FILES,
    FUNDING,
    HOUR,
    LISTINGS,
    NOW,
    SPACE,
    fetch,
    get,
    lines_of,
    month_of,
    ms,
    rates,
    utc,
    zip_path,
)
from dsm_binance.emulator import Emulator, Listing, Outage


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    outages = [Outage(utc(2024, 4, 1), utc(2024, 4, 11))]
    with Emulator(listings=LISTINGS, outages=outages, now=NOW, funding_limit=10**6) as running:
        yield running


@pytest.fixture(scope="module")
def recorded() -> Iterator[Emulator]:
    with Emulator(data=[FUNDING], now=utc(2024, 6, 15)) as running:
        yield running


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_recorded_files_are_served_byte_for_byte(recorded: Emulator, file: Path) -> None:
    path = zip_path("um", file.parent.name, file.stem[-7:])
    assert fetch(recorded, path).body == file.read_bytes()
    assert fetch(recorded, path + ".CHECKSUM").body == file.with_name(file.name + ".CHECKSUM").read_bytes()
    assert sha256(file.read_bytes()).hexdigest() in (DATA / "ORIGIN.md").read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_rest_tells_recorded_months_as_they_were_written(recorded: Emulator, file: Path) -> None:
    month = datetime.strptime(file.stem[-7:], "%Y-%m").replace(tzinfo=UTC)
    start = int(month.timestamp() * 1000)
    found = rates(recorded, symbol=file.parent.name, startTime=start, endTime=start + 31 * 24 * HOUR - 1)
    told = [f"{row['fundingTime']},{row['fundingRate']}" for row in found]
    written = [line.split(",") for line in lines_of(file.read_bytes())[1:]]
    assert told == [f"{time},{rate}" for time, _, rate in written]


def test_recorded_months_stand_between_generated_ones() -> None:
    with Emulator(data=[FUNDING], listings=[Listing("BTCUSDT", "um")], now=NOW) as venue:
        found = rates(venue, startTime=ms(2023, 12, 31, 16), limit=3)
        assert [row["fundingRate"] for row in found[1:]] == ["0.00037409", "0.00027213"]
        assert len(rates(venue, startTime=ms(2022, 12, 1), endTime=ms(2023, 2, 28), limit=1000)) == 268
        assert len(month_of(venue, "um", "BTCUSDT", "2023-02")) == 84


def test_recorded_funding_alone_trades_nothing_else(recorded: Emulator) -> None:
    assert rates(recorded, startTime=ms(2024, 2, 1)) == []
    assert fetch(recorded, zip_path("um", "BTCUSDT", "2024-02")).status == 404
    assert fetch(recorded, zip_path("um", "WIFUSDT", "2024-01")).status == 200


def test_a_month_of_the_archive_and_rest_agree(venue: Emulator) -> None:
    for market, symbol in (("um", "ETHUSDT"), ("cm", "BTCUSD_PERP")):
        written = month_of(venue, market, symbol, "2024-04")
        told = rates(venue, market, symbol, startTime=ms(2024, 4, 1), endTime=ms(2024, 5, 1) - 1, limit=1000)
        assert [(row["fundingTime"], row["fundingRate"]) for row in told] == [(t, r) for t, _, r in written]
        assert len(written) == 90, "an outage takes no settlement away"
        assert {hours for _, hours, _ in written} == {8}


def test_settlements_follow_the_hour_by_up_to_47_ms(venue: Emulator) -> None:
    rows = rates(venue, startTime=ms(2021, 1, 1), limit=1000)
    late = {row["fundingTime"] % (8 * HOUR) for row in rows}
    assert min(late) == 0
    assert 40 < max(late) <= 47
    assert any(row["fundingRate"].startswith("-") for row in rows)
    assert all(len(row["fundingRate"].lstrip("-").partition(".")[2]) == 8 for row in rows)
    assert len({row["fundingRate"] for row in rows}) > 500


def test_another_seed_settles_at_other_rates_and_the_same_one_at_the_same() -> None:
    bodies = []
    for seed in (7, 7, 8):
        with Emulator(listings=[Listing("BTCUSDT", "um")], now=NOW, seed=seed) as venue:
            bodies.append(fetch(venue, zip_path("um", "BTCUSDT", "2024-05")).body)
    assert bodies[0] == bodies[1] != bodies[2]


def test_an_interval_can_change_twice_in_a_month(venue: Emulator) -> None:
    rows = month_of(venue, "um", "XECUSDT", "2026-07")
    hours = [hours for _, hours, _ in rows]
    times = [time - time % HOUR for time, _, _ in rows]
    assert hours == [8] * 27 + [1] * 36 + [4] * 124
    assert times[26] == ms(2026, 7, 9, 16)
    assert [later - earlier for earlier, later in pairwise(times)] == [count * HOUR for count in hours[1:]]


def test_settlements_between_two_grids_say_how_long_they_took() -> None:
    odd = Listing("ODDUSDT", "um", funding=((utc(2024, 1, 2, 13), 1), (utc(2024, 1, 2, 18), 4)))
    with Emulator(listings=[odd], now=NOW) as venue:
        rows = month_of(venue, "um", "ODDUSDT", "2024-01")
    assert [(time // HOUR % 24, hours) for time, hours, _ in rows[3:11]] == [
        (0, 8), (8, 8), (13, 5), (14, 1), (15, 1), (16, 1), (17, 1), (20, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [((None, 3),), ((utc(2024, 1, 2), 4), (utc(2024, 1, 1), 8)), ((utc(2024, 1, 1), 4), (None, 8))],
)
def test_a_listing_refuses_intervals_that_the_venue_lacks(changes: Any) -> None:
    with pytest.raises(ValueError, match=r"XUSDT: .*(hours|ascend)"):
        Listing("XUSDT", "um", funding=changes)


def test_a_month_appears_on_the_first_monday_after_it() -> None:
    path = zip_path("um", "BTCUSDT", "2024-05")
    with Emulator(now=utc(2024, 6, 3, 8, 39), listings=LISTINGS) as venue:
        assert fetch(venue, path).status == fetch(venue, path + ".CHECKSUM").status == 404
        venue.clock.advance(timedelta(minutes=1))
        answer = fetch(venue, path)
        assert answer.headers["Last-Modified"] == "Mon, 03 Jun 2024 08:40:00 GMT"
        line = fetch(venue, path + ".CHECKSUM").body.decode()
        assert line == f"{sha256(answer.body).hexdigest()}  BTCUSDT-fundingRate-2024-05.zip"


@pytest.mark.parametrize(
    ("market", "symbol", "before", "first"),
    [("um", "BTCUSDT", "2019-12", "2020-01"), ("cm", "BTCUSD_PERP", "2022-06", "2022-07")],
)
def test_the_archive_begins_later_than_rest(
    venue: Emulator, market: str, symbol: str, before: str, first: str
) -> None:
    assert fetch(venue, zip_path(market, symbol, before)).status == 404
    assert fetch(venue, zip_path(market, symbol, first)).status == 200
    end = int(datetime.strptime(first, "%Y-%m").replace(tzinfo=UTC).timestamp() * 1000) - 1
    assert rates(venue, market, symbol, endTime=end, limit=1)


@pytest.mark.parametrize(
    "path",
    [
        zip_path("um", "BTCUSDT", "2024-01", "daily"),
        zip_path("um", "BTCUSDT", "2024-01-05", "daily"),
        zip_path("um", "BTCUSDT", "2024-01-05"),
        "data/spot/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-01.zip",
        "data/futures/um/monthly/klines/BTCUSDT/fundingRate/BTCUSDT-fundingRate-2024-01.zip",
        "data/futures/um/monthly/fundingRate/BTCUSDT/8h/BTCUSDT-8h-2024-01.zip",
    ],
)
def test_funding_files_are_monthly_files_of_futures(venue: Emulator, path: str) -> None:
    assert fetch(venue, path).status == 404


def listed(venue: Emulator, prefix: str) -> ElementTree.Element:
    asked = urlencode({"prefix": prefix, "delimiter": "/"})
    return ElementTree.fromstring(get(f"{venue.endpoints['listing']}?{asked}").body)


def texts(root: ElementTree.Element, path: str) -> list[str]:
    return [found.text or "" for found in root.iterfind("/".join(SPACE + part for part in path.split("/")))]


def test_the_listing_holds_funding_folders_and_files(venue: Emulator) -> None:
    base = "data/futures/um/monthly/"
    bars = ["indexPriceKlines", "klines", "markPriceKlines", "premiumIndexKlines"]
    monthly = texts(listed(venue, base), "CommonPrefixes/Prefix")
    assert monthly == [f"{base}{name}/" for name in ("fundingRate", *bars)]
    daily = texts(listed(venue, "data/futures/um/daily/"), "CommonPrefixes/Prefix")
    assert daily == [f"data/futures/um/daily/{name}/" for name in bars]
    symbols = texts(listed(venue, f"{base}fundingRate/"), "CommonPrefixes/Prefix")
    names = [prefix.split("/")[-2] for prefix in symbols]
    assert names == ["BTCUSDT", "ETHUSDT", "GONEUSDT", "TSLAUSDT", "XECUSDT"]
    files = listed(venue, f"{base}fundingRate/GONEUSDT/")
    keys = texts(files, "Contents/Key")
    months = [zip_path("um", "GONEUSDT", month) for month in ("2024-02", "2024-03")]
    assert keys == [path + suffix for path in months for suffix in ("", ".CHECKSUM")]
    sizes = [len(fetch(venue, key).body) for key in keys]
    assert texts(files, "Contents/Size") == [str(size) for size in sizes]


def test_months_can_be_missing_lack_days_and_be_republished() -> None:
    gone, short = (zip_path("um", "BTCUSDT", month) for month in ("2024-01", "2024-02"))
    with Emulator(now=NOW, missing=[gone], lacking={short: ["2024-02-10"]}) as venue:
        assert fetch(venue, gone).status == 404
        rows = month_of(venue, "um", "BTCUSDT", "2024-02")
        assert len(rows) == 28 * 3
        first, second = (EPOCH + timedelta(milliseconds=time) for time, _, _ in rows[:2])
        venue.republish(short, {first: {"last_funding_rate": "0.00010001"}}, [second])
        changed = month_of(venue, "um", "BTCUSDT", "2024-02")
        assert changed == [(*rows[0][:2], "0.00010001"), *rows[2:]]
        venue.republish(short)
        assert month_of(venue, "um", "BTCUSDT", "2024-02")[0][2] == "-0.00010001"
        with pytest.raises(ValueError, match="no settlement at"):
            venue.republish(short, withdrawn=[utc(2024, 3, 1)])
