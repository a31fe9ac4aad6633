"""What the tests of funding rates share: a second opinion on rows, and a small venue of given ones."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd

from binance.venues import UTC_NS, ns, utc
from dsm_binance.emulator import Emulator

MINUTE_MS = 60_000
ROW = tuple[int, int, str]


def frame(symbol: str, rows: Iterable[ROW]) -> pd.DataFrame:
    """A second opinion: times to the minute, the interval of each row, the nearest float of the text."""
    rows = list(rows)
    times = [(time + MINUTE_MS // 2) // MINUTE_MS * MINUTE_MS for time, _, _ in rows]
    index = pd.to_datetime(times, unit="ms", utc=True).astype(UTC_NS).rename("funding_time")
    return pd.DataFrame(
        {
            "contracts": pd.Series([symbol] * len(rows), index=index, dtype="str"),
            "funding_interval": pd.Series([f"{hours}h" for _, hours, _ in rows], index=index, dtype="str"),
            "funding_rate": [float(Decimal(rate)) for _, _, rate in rows],
        },
        index=index,
    )


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_freq=False)


@contextmanager
def answering(
    rows: Sequence[Mapping[str, Any]], info: object = (), clock: Callable[[], datetime] | None = None
) -> Iterator[dict[str, Any]]:
    """Endpoints of a venue whose funding rates are ``rows``, told as the real one pages them."""

    now = clock or (lambda: utc(2026, 9, 1))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked = {k: v[0] for k, v in parse_qs(url.query).items()}
            name = url.path.rpartition("/")[2]
            body: object = info if name == "fundingInfo" else {"serverTime": ns(now()) // 10**6}
            if name == "fundingRate":
                first, last = int(asked["startTime"]), int(asked["endTime"])
                chosen = [row for row in rows if first <= row["fundingTime"] <= last]
                body = chosen[: int(asked["limit"])]
            text = json.dumps(list(body) if isinstance(body, tuple) else body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}"
    try:
        yield {key: f"{base}/{key}" for key in ("vision", "listing", "spot", "um", "cm")}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def spacing(rows: Sequence[Mapping[str, Any]], first: int) -> list[ROW]:
    """Captured rows with the hours since the one before."""
    times = [round(row["fundingTime"] / 3_600_000) for row in rows]
    hours = [first, *(b - a for a, b in itertools.pairwise(times))]
    return [(row["fundingTime"], h, row["fundingRate"]) for row, h in zip(rows, hours, strict=True)]


def told(venue: Emulator, market: str, symbol: str, start: datetime, end: datetime) -> list[ROW]:
    """The venue's own book: regular settlements of ``[start, end)``."""
    rooms = venue._gate._rooms
    assert rooms.rest is not None
    book = rooms.rest._book
    series = book.series(market, symbol)
    assert series is not None
    rows = book.funding.first_rows(series.listing, ns(start) // 10**6, ns(end) // 10**6, 10**9)
    return [(row.time_ms, row.hours, row.rate) for row in rows if not row.special]
