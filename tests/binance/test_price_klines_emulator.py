"""The emulator's bars of mark prices, index prices and the premium index."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.request import urlopen
from xml.etree import ElementTree

import pytest

from binance.price_frames import METHODS, ask, name_of
from binance.venues import Venues, utc
from dsm_binance.emulator import Emulator, Fault, Listing, Outage

KINDS = list(METHODS.values())
CHARTS = {method: chart for chart, method in METHODS.items()}
HOUR, DAY = 3_600_000, 86_400_000
KEY = "{http://s3.amazonaws.com/doc/2006-03-01/}Key"


def ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def rows(venue: Emulator, market: str, method: str, interval: str = "1h", **bounds: Any) -> list[list[Any]]:
    name = name_of(market, CHARTS[method]) if method != "klines" else name_of(market, "")
    key = "pair" if method == "indexPriceKlines" else "symbol"
    status, body = ask(venue, market, method, **{key: name, "interval": interval, "limit": 1500, **bounds})
    assert status == 200
    return body


def fetch(venue: Emulator, path: str) -> bytes:
    with urlopen(f"{venue.endpoints['vision']}/{path}") as answer:
        return bytes(answer.read())


def lines(body: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return archive.read(archive.namelist()[0]).decode().splitlines()


@pytest.mark.parametrize("market", ["um", "cm"])
@pytest.mark.parametrize("method", KINDS)
def test_archive_and_rest_tell_the_same_cells(method: str, market: str, venue: Emulator) -> None:
    name, folder = name_of(market, CHARTS[method]), f"data/futures/{market}"
    day, month = (
        f"{folder}/{size}/{method}/{name}/1h/{name}-1h-{date}.zip"
        for size, date in (("daily", "2024-05-10"), ("monthly", "2024-04"))
    )
    body = fetch(venue, day)
    assert fetch(venue, f"{day}.CHECKSUM").decode().split() == [
        hashlib.sha256(body).hexdigest(),
        f"{name}-1h-2024-05-10.zip",
    ]
    header, *written = lines(body)
    assert header.startswith("open_time,open,high,low,close,volume,close_time")
    start = ms(utc(2024, 5, 10))
    told = rows(venue, market, method, startTime=start, endTime=start + DAY - 1)
    assert [[str(cell) for cell in row] for row in told] == [line.split(",") for line in written]
    assert len(lines(fetch(venue, month))) == 721


@pytest.mark.parametrize("market", ["um", "cm"])
def test_a_mark_price_is_its_index_and_the_premium_of_it(market: str, venue: Emulator) -> None:
    mark, index, premium, traded = (
        rows(venue, market, method, startTime=ms(utc(2024, 5, 1)), endTime=ms(utc(2024, 5, 2)))
        for method in ("markPriceKlines", "indexPriceKlines", "premiumIndexKlines", "klines")
    )
    for m, i, p, t in zip(mark, index, premium, traded, strict=True):
        assert m[0] == i[0] == p[0] == t[0]
        assert float(m[1]) == pytest.approx(float(i[1]) * (1 + float(p[1])), rel=1e-7)
        assert float(i[1]) == pytest.approx(float(t[1]), rel=1e-3)
        assert abs(float(p[1])) < 0.002


@pytest.mark.parametrize("method", KINDS)
def test_coarse_bars_are_made_of_fine_ones(method: str, venue: Emulator) -> None:
    start = ms(utc(2024, 5, 10))
    minutes = rows(venue, "um", method, "1m", startTime=start, endTime=start + DAY - 1)
    hours = rows(venue, "um", method, "1h", startTime=start, endTime=start + DAY - 1)
    assert (len(minutes), len(hours)) == (1440, 24)
    for number, hour in enumerate(hours):
        part = minutes[number * 60 : number * 60 + 60]
        assert (hour[1], hour[4]) == (part[0][1], part[-1][4])
        assert float(hour[2]) == max(float(row[2]) for row in part)
        assert float(hour[3]) == min(float(row[3]) for row in part)
        assert hour[8] == sum(row[8] for row in part) == (720 if method == "premiumIndexKlines" else 3600)


@pytest.mark.parametrize("method", KINDS)
def test_cells_of_volume_are_placeholders(method: str, venue: Emulator) -> None:
    row = rows(venue, "um", method, startTime=ms(utc(2024, 5, 10)), limit=1)[0]
    assert len(row) == 12
    assert [row[i] for i in (5, 7, 9, 10, 11)] == ["0"] * 5
    assert row[6] == row[0] + HOUR - 1
    assert all(len(cell.partition(".")[2]) == 8 for cell in row[1:5])


def test_premiums_fall_on_both_sides_of_nothing(venue: Emulator) -> None:
    found = rows(venue, "um", "premiumIndexKlines", startTime=ms(utc(2024, 3, 1)))
    closes = [row[4] for row in found]
    assert any(close.startswith("-0.000") for close in closes)
    assert any(close.startswith("0.000") for close in closes)
    assert all(float(row[3]) <= float(row[1]) <= float(row[2]) for row in found)
    assert all(row[1] == before[4] for before, row in pairwise(found))


@pytest.mark.parametrize("method", KINDS)
def test_the_running_bar_grows_with_the_clock(method: str, venues: Venues) -> None:
    venue = venues()
    first = rows(venue, "um", method, limit=1)[0]
    venue.clock.set(utc(2024, 6, 15, 12, 30, 15))
    second = rows(venue, "um", method, limit=1)[0]
    assert first[0] == second[0] == ms(utc(2024, 6, 15, 12))
    assert 0 < first[8] < second[8]
    venue.clock.set(utc(2024, 6, 15, 13, 0))
    assert rows(venue, "um", method, limit=2)[0][8] > second[8]


@pytest.mark.parametrize(
    ("market", "method", "query", "code"),
    [
        ("um", "indexPriceKlines", {"pair": "NOSUCHUSDT", "interval": "1h"}, -4144),
        ("cm", "indexPriceKlines", {"pair": "BTCUSD_PERP", "interval": "1h"}, -4144),
        ("cm", "indexPriceKlines", {"symbol": "BTCUSD_PERP", "interval": "1h"}, -1102),
        ("um", "markPriceKlines", {"symbol": "NOSUCHUSDT", "interval": "1h"}, -1121),
        ("cm", "premiumIndexKlines", {"symbol": "BTCUSD", "interval": "1h"}, -1121),
        ("um", "premiumIndexKlines", {"pair": "BTCUSDT", "interval": "1h"}, -1102),
        ("um", "markPriceKlines", {"symbol": "BTCUSDT", "interval": "1s"}, -1120),
        ("um", "markPriceKlines", {"symbol": "BTCUSDT", "interval": "1mo"}, -1120),
        (
            "cm",
            "markPriceKlines",
            {"symbol": "BTCUSD_PERP", "interval": "1d", "startTime": 0, "endTime": 10**12},
            -1127,
        ),
    ],
)
def test_what_the_venue_refuses(
    market: str, method: str, query: dict[str, Any], code: int, venue: Emulator
) -> None:
    status, body = ask(venue, market, method, **query)
    assert (status, body["code"]) == (400, code)


@pytest.mark.parametrize("method", KINDS)
def test_spot_has_no_such_endpoint_and_no_such_folder(method: str, venue: Emulator) -> None:
    assert ask(venue, "spot", method, symbol="BTCUSDT", interval="1h")[0] == 404
    with urlopen(f"{venue.endpoints['listing']}?prefix=data/spot/monthly/{method}/") as answer:
        assert not list(ElementTree.parse(answer).iter(KEY))


@pytest.mark.parametrize(("limit", "weight"), [(99, 1), (499, 2), (1000, 5), (1500, 10)])
def test_a_request_weighs_by_its_limit(limit: int, weight: int, venue: Emulator) -> None:
    for method in KINDS:
        rows(venue, "cm", method, limit=limit)
    assert [(r.kind, r.weight) for r in venue.requests] == [(method, weight) for method in KINDS]


def test_coin_m_counts_back_from_the_end_and_usds_m_forward(venue: Emulator) -> None:
    start, end = ms(utc(2024, 3, 1)), ms(utc(2024, 4, 1))
    for method in KINDS:
        assert rows(venue, "um", method, startTime=start, endTime=end, limit=5)[0][0] == start
        assert rows(venue, "cm", method, startTime=start, endTime=end, limit=5)[-1][0] == end


@pytest.mark.parametrize(("by_contract", "name"), [(False, "BTCUSD"), (True, "BTCUSD_PERP")])
def test_the_listing_holds_price_folders_with_checksums(by_contract: bool, name: str, venues: Venues) -> None:
    venue = venues(index_by_contract=by_contract)
    prefix = f"data/futures/cm/daily/indexPriceKlines/{name}/1h/"
    with urlopen(f"{venue.endpoints['listing']}?prefix={prefix}&max-keys=2") as answer:
        keys = [key.text for key in ElementTree.parse(answer).iter(KEY)]
    assert keys == [f"{prefix}{name}-1h-2020-08-11.zip", f"{prefix}{name}-1h-2020-08-11.zip.CHECKSUM"]
    other = "BTCUSD" if by_contract else "BTCUSD_PERP"
    with urlopen(
        f"{venue.endpoints['listing']}?prefix=data/futures/cm/daily/indexPriceKlines/{other}/"
    ) as answer:
        assert not list(ElementTree.parse(answer).iter(KEY))


def test_an_outage_can_take_one_kind_alone_and_a_contract_takes_its_pair(venues: Venues) -> None:
    span = (utc(2024, 5, 10, 3), utc(2024, 5, 10, 5))
    venue = venues(
        outages=[
            Outage(*span, "cm", ("BTCUSD_PERP",), kinds=("indexPriceKlines",)),
            Outage(utc(2024, 5, 11), utc(2024, 5, 12), "cm", ("BTCUSD_PERP",)),
        ]
    )
    window = {"startTime": ms(utc(2024, 5, 10)), "endTime": ms(utc(2024, 5, 12)) - 1}
    counts = {method: len(rows(venue, "cm", method, **window)) for method in ("klines", *KINDS)}
    assert counts == {"klines": 24, "markPriceKlines": 24, "indexPriceKlines": 22, "premiumIndexKlines": 24}


def test_a_fault_hits_price_klines_by_their_path(venues: Venues) -> None:
    venue = venues(
        faults=[
            Fault("malformed", "premiumIndexKlines"),
            Fault("empty", "markPriceKlines"),
            Fault("503", "/klines"),
        ]
    )
    assert rows(venue, "um", "markPriceKlines") == []
    assert len(rows(venue, "um", "indexPriceKlines")) == 1500
    with pytest.raises(ValueError, match="line 1"):
        rows(venue, "um", "premiumIndexKlines")


def test_price_files_can_be_missing_and_be_republished(venues: Venues) -> None:
    base = "data/futures/um/daily/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-05"
    venue = venues(missing=[f"{base}-10.zip"])
    with pytest.raises(OSError, match="404"):
        fetch(venue, f"{base}-10.zip")
    klines = fetch(venue, f"{base}-11.zip".replace("markPriceKlines", "klines"))
    venue.republish(f"{base}-11.zip", changed={utc(2024, 5, 11): {"close": "1.00000000"}})
    assert lines(fetch(venue, f"{base}-11.zip"))[1].split(",")[4] == "1.00000000"
    assert fetch(venue, f"{base}-11.zip".replace("markPriceKlines", "klines")) == klines


def test_prices_of_cheap_and_dear_coins_keep_their_relation(venues: Venues) -> None:
    coins = [("PEPEUSDT", 0.000012), ("GOLDUSDT", 900_000.0)]
    venue = venues(listings=[Listing(symbol, "um", price=price) for symbol, price in coins])
    for symbol, price in coins:
        bounds = {"symbol": symbol, "interval": "1d", "startTime": ms(utc(2024, 1, 1)), "limit": 100}
        mark, traded = (ask(venue, "um", method, **bounds)[1] for method in ("markPriceKlines", "klines"))
        assert len(mark) == 100
        for m, t in zip(mark, traded, strict=True):
            assert float(m[1]) == pytest.approx(float(t[1]), rel=0.02)
            assert price / 10 < float(m[1]) < price * 10
