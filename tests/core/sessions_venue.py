"""An exchange on loopback with sessions: end-stamped bars, none while it is closed; it takes notes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from dsm_core.model.grid import Grid
from dsm_core.model.session_grid import SessionGrid
from dsm_core.model.time_range import to_ns
from dsm_core.plugins import Answer, ClientSpec, PagedClient, PageRequest

__all__ = ["SessionVenue", "grid_of", "price_of", "sessions", "utc"]

# Some weeks for the clock of the tests, and two for the machine's own.
_SPELLS = (
    (datetime(2024, 2, 26, tzinfo=UTC), datetime(2024, 3, 9, tzinfo=UTC)),
    (datetime(2026, 10, 19, tzinfo=UTC), datetime(2027, 1, 9, tzinfo=UTC)),
)
# New York had daylight saving time until Sunday, 1 November 2026.
_SUMMER = (datetime(2024, 3, 10, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
_HOLIDAYS = {datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 12, 25, tzinfo=UTC)}
_HALF_DAYS = {datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 12, 24, tzinfo=UTC)}
_STEPS = {"5m": 5, "30m": 30, "1h": 60}
_WIDER = {"regular": (0, 0), "extended": (5, 4)}


def utc(*fields: int) -> datetime:
    """A moment in UTC."""
    return datetime(*fields, tzinfo=UTC)  # type: ignore[misc,arg-type]


def sessions(hours: str = "regular") -> Iterator[tuple[datetime, datetime]]:
    """09:30 to 16:00 in New York, 13:00 on half days; extended hours are five more before and four after."""
    before, after = _WIDER[hours]
    for first, last in _SPELLS:
        for number in range((last - first).days):
            day = first + timedelta(days=number)
            if day.weekday() < 5 and day not in _HOLIDAYS:
                is_summer = _SUMMER[0] <= day < _SUMMER[1]
                open_ = day + timedelta(hours=14 - is_summer, minutes=30)
                length = timedelta(hours=3.5 if day in _HALF_DAYS else 6.5)
                yield open_ - timedelta(hours=before), open_ + length + timedelta(hours=after)


def grid_of(interval: str, hours: str = "regular") -> Grid:
    """The calendar's slots; days are labelled by their date, weeks by their Monday, and end with a close."""
    spans = list(sessions() if interval in ("1d", "1w") else sessions(hours))
    starts, ends = ([to_ns(t) for t in side] for side in zip(*spans, strict=True))
    if interval in _STEPS:
        return SessionGrid(np.array(starts), np.array(ends), _STEPS[interval] * 60 * 10**9)
    closes: dict[int, int] = {}
    for open_, close in spans:
        midnight = open_.replace(hour=0, minute=0)
        label = midnight if interval == "1d" else midnight - timedelta(days=midnight.weekday())
        closes[to_ns(label)] = to_ns(close)
    return SessionGrid(np.array(list(closes)), np.array(list(closes.values())))


def price_of(end: datetime) -> float:
    """What the venue says of a bar: a number that tells which one it is."""
    return end.timestamp() / 300 % 100_000


class SessionVenue:
    """A server whose answers are plain attributes; use it as a context manager.

    ``absent`` are ends of bars that nobody traded; ``strays`` ends of bars outside the calendar; ``now``
    is its clock, and ``asked`` what it was asked: first and last end, both inclusive.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.absent: set[datetime] = set()
        self.strays: set[datetime] = set()
        self.asked: list[tuple[datetime, datetime]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def taken(self) -> list[tuple[datetime, datetime]]:
        """What was asked since the last look."""
        seen, self.asked = self.asked, []
        return seen

    def bars(self, interval: str, hours: str) -> list[tuple[datetime, datetime]]:
        """Every bar there is, the one that is open too: when it begins and ends."""
        if interval == "1d":
            found = [(open_.replace(hour=0, minute=0), close) for open_, close in sessions()]
        else:
            step, found = timedelta(minutes=_STEPS[interval]), []
            for open_, close in sessions(hours):
                start = open_
                while start < close:
                    found.append((start, min(start + step, close)))
                    start += step
            found += [(end - step, end) for end in self.strays]
        return sorted(bar for bar in found if bar[1] not in self.absent and bar[0] <= self.now)

    def answer(self, query: dict[str, str]) -> list[list[Any]]:
        first, last = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
        self.asked.append((first, last))
        labelled = query["interval"] == "1d"
        rows = []
        for start, end in self.bars(query["interval"], query["hours"]):
            stamp = start if labelled else end
            if first <= stamp <= last:
                price = price_of(end)
                rows.append([int(stamp.timestamp() * 1000), price, price + 2, price - 1, price + 1, 10.0])
        return rows

    def client(self) -> type[PagedClient]:
        """A client of this very server."""
        url = self.url

        class SessionBars(PagedClient):
            spec = ClientSpec(
                market_type="equities",
                chart_type="klines",
                source="rest",
                intervals=["5m", "30m", "1h", "1d"],
                columns="open high low close volume",
                authoritative=True,
                page_rows=200,
                grid=lambda _: None,
                keeps_off_grid=True,
                overlap=1,
                options={"hours": ("regular", "extended")},
            )

            def make_grid(self) -> Grid | None:
                assert self.interval is not None
                if self.symbol == "UNKNOWN.HOURS":
                    return None
                return grid_of(self.interval, self.options["hours"])

            @property
            def stamp(self) -> Any:
                return "start" if self.interval == "1d" else "end"

            @classmethod
            def option_defaults(cls, config: Any) -> dict[str, Any]:
                return {"hours": "regular"}

            async def fetch_page(self, page: PageRequest) -> Answer:
                bounds = (page.asked_start, page.asked_end)
                first, last = (datetime.fromtimestamp(t // 10**9, UTC).isoformat() for t in bounds)
                asked = {"from": first, "to": last, "interval": page.code, "hours": self.options["hours"]}
                reply = await self.get_json(f"{url}/bars", asked)
                return Answer.from_rows(reply.body, "open_time:ms open high low close volume")

        return SessionBars


def _handler(venue: SessionVenue) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            data = json.dumps(venue.answer(dict(parse_qsl(urlsplit(self.path).query)))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
