"""What the tests of price klines share: the exact shape, and a second opinion on the venue's rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pandas as pd

from binance.venues import UTC_NS
from dsm_binance.emulator import Emulator
from dsm_binance.emulator.intervals import INTERVALS

COLUMNS = ["open", "high", "low", "close", "close_time", "count"]
DTYPES = dict.fromkeys(COLUMNS[:4], "float64") | {"close_time": UTC_NS, "count": "int64"}
ROOTS = {"spot": "/api/v3", "um": "/fapi/v1", "cm": "/dapi/v1"}
METHODS = {
    "mark_price_klines": "markPriceKlines",
    "index_price_klines": "indexPriceKlines",
    "premium_index_klines": "premiumIndexKlines",
}
EVERY = [(market, chart) for market in ("um", "cm") for chart in METHODS]


def name_of(market: str, chart: str, base: str = "BTC") -> str:
    """The name that the venue asks for: a contract, or a pair for index prices."""
    if market == "um":
        return f"{base}USDT"
    return f"{base}USD" if chart == "index_price_klines" else f"{base}USD_PERP"


def check_prices(frame: pd.DataFrame) -> None:
    """The exact shape that every answer has."""
    assert list(frame.columns) == COLUMNS
    assert {c: frame[c].dtype for c in COLUMNS} == DTYPES
    assert (frame.index.name, frame.index.dtype) == ("open_time", UTC_NS)
    assert frame.index.is_monotonic_increasing
    assert frame.index.is_unique


def price_frame(rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Frame of raw rows of twelve cells, a row at a time."""
    rows = list(rows)
    index = pd.to_datetime([int(row[0]) * 1_000_000 for row in rows], utc=True).as_unit("ns")
    prices = [[float(Decimal(str(cell))) for cell in row[1:5]] for row in rows]
    frame = pd.DataFrame(prices, columns=COLUMNS[:4], index=index, dtype="float64")
    frame["close_time"] = pd.to_datetime([int(row[6]) * 1_000_000 for row in rows], utc=True).as_unit("ns")
    frame["count"] = pd.array([int(row[8]) for row in rows], dtype="int64")
    frame.index.name = "open_time"
    return frame


def told(
    venue: Emulator, market: str, chart: str, name: str, interval: str, start: datetime, end: datetime
) -> pd.DataFrame:
    """What the venue's own book tells: ``start <= open < end``."""
    rooms = venue._gate._rooms
    book = rooms.rest._book if rooms.rest is not None else rooms.archive.book
    series = book.series(market, name, METHODS[chart])
    a, b = (int(t.timestamp() * 1000) for t in (start, end))
    return price_frame(book.rows(series, INTERVALS[interval], a, b, venue.clock.now_ms()))


def ask(venue: Emulator, market: str, method: str, **query: Any) -> tuple[int, Any]:
    """Status and JSON of a REST request."""
    url = f"{venue.endpoints[market]}{ROOTS[market]}/{method}?{urlencode(query)}"
    try:
        with urlopen(url) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as refused:
        with refused:
            body = refused.read()
            return refused.code, json.loads(body) if body.startswith(b"{") else body
