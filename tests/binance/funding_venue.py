"""What the tests of the emulated funding share: contracts, and requests to the venue that lists them."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from dsm_binance.emulator import Emulator, Listing

DATA = Path(__file__).parent.parent / "data" / "binance"
FUNDING = DATA / "funding"
FILES = sorted(FUNDING.rglob("*.zip"))
SPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
ROOTS = {"spot": "/api/v3", "um": "/fapi/v1", "cm": "/dapi/v1"}
HOUR = 3_600_000
HEADER = "calc_time,funding_interval_hours,last_funding_rate"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def ms(*parts: int) -> int:
    return int(utc(*parts).timestamp()) * 1000


NOW, EPOCH = utc(2026, 9, 20, 12, 30), utc(1970, 1, 1)
# The month in which a contract went from 8 hours to 1 and on to 4.
CHANGING = ((None, 8), (utc(2026, 7, 9, 16), 1), (utc(2026, 7, 11, 4), 4))
LISTINGS = [
    Listing("BTCUSDT"),
    Listing("BTCUSDT", "um", funding_listed=True),
    Listing("ETHUSDT", "um"),
    Listing("XECUSDT", "um", listed_at=utc(2026, 6, 30, 5), funding=CHANGING),
    Listing("GONEUSDT", "um", listed_at=utc(2024, 2, 1, 3), delisted_at=utc(2024, 3, 5, 16), removed=True),
    Listing(
        "TSLAUSDT",
        "um",
        listed_at=utc(2026, 7, 1),
        contract_type="TRADIFI_PERPETUAL",
        special_funding=(utc(2026, 8, 7, 16), utc(2026, 8, 9, 13)),
    ),
    Listing("BTCUSDT_261225", "um", contract_type="CURRENT_QUARTER", delivery_at=utc(2026, 12, 25, 8)),
    Listing("BTCUSD_PERP", "cm"),
    Listing("ADAUSD_PERP", "cm", funding=((None, 4),)),
    Listing("BTCUSD_261225", "cm"),
]


@dataclass
class Answer:
    status: int
    body: bytes
    headers: Message

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def get(url: str) -> Answer:
    try:
        with urlopen(url) as found:
            return Answer(found.status, found.read(), found.headers)
    except HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.read(), refused.headers)


def ask(venue: Emulator, market: str, endpoint: str, **query: object) -> Answer:
    asked = urlencode({name: str(value) for name, value in query.items()})
    return get(f"{venue.endpoints[market]}{ROOTS[market]}/{endpoint}?{asked}")


def rates(venue: Emulator, market: str = "um", symbol: str = "BTCUSDT", **query: object) -> list[Any]:
    found = ask(venue, market, "fundingRate", symbol=symbol, **query).json
    assert isinstance(found, list)
    return found


def zip_path(market: str, symbol: str, month: str, frequency: str = "monthly") -> str:
    return f"data/futures/{market}/{frequency}/fundingRate/{symbol}/{symbol}-fundingRate-{month}.zip"


def fetch(venue: Emulator, path: str) -> Answer:
    return get(f"{venue.endpoints['vision']}/{path}")


def lines_of(body: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return archive.read(archive.namelist()[0]).decode().splitlines()


def month_of(venue: Emulator, market: str, symbol: str, month: str) -> list[tuple[int, int, str]]:
    head, *lines = lines_of(fetch(venue, zip_path(market, symbol, month)).body)
    assert head == HEADER
    rows = [line.split(",") for line in lines]
    return [(int(time), int(hours), rate) for time, hours, rate in rows]
