"""An HTTP room whose other side says what it is told to, and clients over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from dsm_binance.config import BinanceConfig
from dsm_binance.plugin import dsm_provider
from dsm_core.errors import ClientFailedError, DSMError
from dsm_core.events import EventBus
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import TimeRange
from dsm_core.net import Http, HttpSettings
from dsm_core.net.status import MAX_BAN_S
from dsm_core.plugins import ClientContext, DataClientInterface, Task
from dsm_core.plugins.calling import answers_of, lifetime_of
from dsm_core.schema.chart_type import KLINES
from dsm_core.schema.conform import conform
from torture.fuzz_files import HOURS

__all__ = ["NOW_S", "SPAN", "START", "Desk", "response_of", "within_the_tree"]

NOW_S: Final = 1_717_300_000.0
START: Final = 1_717_200_000 * 10**9
SPAN: Final = TimeRange(START, START + 24 * 3600 * 10**9)
# A provider is checked whenever it is made, which takes longer than most inputs.
LIMITS: Final = dsm_provider().limits
SETTINGS: Final = {
    "retry_count": 0,
    "max_wait_s": 0.0,
    "max_json_bytes": 1 << 16,
    "max_download_bytes": 1 << 16,
}


class _Body(httpx.AsyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._data), 4096):
            yield self._data[at : at + 4096]


def response_of(data: bytes) -> httpx.Response:
    """The answer that bytes mean: a status and headers, as many lines as there are, and the body."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    status = int(first[:3]) if first[:3].isdigit() and int(first[:3]) >= 200 else 200
    named = (line.partition(b":")[::2] for line in lines if b":" in line)
    # What no server can send, as the reader of its bytes refuses it.
    legal = [(n.strip(), v.strip()) for n, v in named if n.strip().replace(b"-", b"").isalnum()]
    headers = [(n, v) for n, v in legal if not any(byte < 32 or byte == 127 for byte in v)]
    return httpx.Response(status, headers=headers, stream=_Body(body))


@contextmanager
def within_the_tree() -> Iterator[None]:
    """An error of the tree is a good end; a fault in a client's code is none, whatever core calls it."""
    try:
        yield
    except ClientFailedError as error:
        raise AssertionError(str(error)) from error.__cause__
    except DSMError:
        return


class Desk:
    """Clients over an HTTP room whose other side says what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus = EventBus()
        self._now = NOW_S
        self.said = b""
        self.workers = ThreadPoolExecutor(1)
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(self.workers)

    def close(self) -> None:
        self.workers.shutdown()
        self.loop.close()

    def http(self) -> Http:
        # Late enough that nothing is blocked any more by what was answered before.
        self._now += 2 * MAX_BAN_S
        return Http(
            HttpSettings(state_dir=self.folder, **SETTINGS),
            self.bus,
            transport=httpx.MockTransport(self.answer),
            monotonic=lambda: self._now,
            wall=lambda: self._now,
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What the other side says to a request."""
        return response_of(self.said)

    async def exchange(self, data: bytes) -> None:
        """Each kind of answer, of the same bytes."""
        self.said = data
        http = self.http()
        session = http.session(provider="fuzz", endpoints={"api": ["http://api.example"]})
        to = self.folder / "object"
        for call in (
            lambda: session.get_json("{api}/a", {"x": "1"}),
            lambda: session.get_text("{api}/a", max_bytes=1 << 16),
            lambda: session.download("{api}/a", to),
            lambda: session.head("{api}/a"),
            lambda: session.post_form("{api}/a", {"a": "b"}, is_empty_good=True),
        ):
            with within_the_tree():
                await call()
        await http.close()
        left = [path.name for path in self.folder.iterdir() if path.name.endswith(".part")]
        assert not left, left

    async def ask(self, client_class: type[DataClientInterface], symbol: str, data: bytes) -> None:
        """A client's page, and when the symbol lived."""
        self.said = b"200 OK\r\n\r\n" + data
        http = self.http()
        session = http.session(provider="binance", endpoints=BinanceConfig().endpoints, limits=LIMITS)
        context = ClientContext(
            http=session,
            config=BinanceConfig(),
            now_ns=lambda: int(NOW_S) * 10**9,
            emit=self.bus.emit,
            make_workdir=lambda: self.folder,
            workers=self.workers,
        )
        interval = Interval("1h") if client_class.spec.intervals else None
        client = client_class(symbol, interval, context)
        client.provider = "binance"
        with within_the_tree():
            task = Task(name="page", source="rest", span=SPAN)
            async for answer in answers_of(client, task):
                conform(answer.rows, KLINES, grid=HOURS, strays="moved", span=SPAN)
        with within_the_tree():
            await lifetime_of(client)
        await http.close()
