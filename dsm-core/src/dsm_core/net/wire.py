"""Single HTTP exchanges: the one module in which httpx sends and reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from math import isfinite
from typing import Any, Final

import httpx
from attrs import define, evolve, field, frozen

from dsm_core.errors import ProtocolChangedError, SourceError, SourceTimeoutError
from dsm_core.events import EventBus, RequestFinished, RequestSent
from dsm_core.net.deadline import Deadline
from dsm_core.net.limits import Clocks
from dsm_core.net.masked_log import mask_log, own_request
from dsm_core.net.settings import HttpSettings
from dsm_core.net.status import Rejection, status_error, transport_error
from dsm_core.net.urls import is_same_host, mask

__all__ = ["Answer", "Attempt", "Outgoing", "Wire"]

MAX_REDIRECTS: Final = 5
_ERROR_BODY_BYTES: Final = 64 * 1024
# Python's other codecs are not all for text, nor all quick: a server does not get to pick among them.
_CHARSETS: Final = {"iso-8859-1": "latin-1", "latin-1": "latin-1", "windows-1252": "cp1252"}
_next_request = count(1)


@frozen(kw_only=True)
class Outgoing:
    """What is asked, apart from where."""

    method: str = "GET"
    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    is_host_refusal: bool = True


@frozen
class Attempt:
    """One try of a call: its time, what errors tell of it, and who counts what is sent."""

    deadline: Deadline
    about: Mapping[str, Any]
    on_sent: Callable[[], None]


@define
class _Exchange:
    """One request that left, and what is known of its end."""

    sent: RequestSent
    started: float
    answer: Answer | None = None
    error: str = ""


class Answer:
    """An answer whose body is still to be read."""

    def __init__(self, response: httpx.Response, about: Mapping[str, Any]) -> None:
        self._response = response
        self.about = about
        self.status = response.status_code
        self.headers: dict[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self.url = mask(str(response.url))
        self._bytes_read = 0

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return self._response.is_success

    @property
    def bytes_received(self) -> int:
        """Bytes of the body as sent, before decompression."""
        # a transport that hands over a finished body leaves the response's own count at 0
        return self._response.num_bytes_downloaded or self._bytes_read

    async def chunks(self, size: int | None = None) -> AsyncIterator[bytes]:
        """Give the body, decompressed, in pieces of ``size`` or as they come."""
        async for chunk in self._response.aiter_bytes(size):
            self._bytes_read += len(chunk)
            yield chunk

    async def body(self, max_bytes: int) -> bytes:
        """Give the whole body; a longer one is a `ProtocolChangedError`."""
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > max_bytes:
                message = f"The answer is longer than the {max_bytes} bytes allowed for it."
                raise ProtocolChangedError(message, status=self.status, **self.about)
        return bytes(body)

    async def text(self, max_bytes: int) -> str:
        """Give the whole body as text, in the charset the server names where it is a usual one."""
        body = await self.body(max_bytes)
        named = (self._response.charset_encoding or "").lower()
        return body.decode(_CHARSETS.get(named, "utf-8"), errors="replace")

    async def error(self, wall_s: float) -> SourceError:
        """Give the error that the status stands for."""
        body = bytearray()
        # the status counts, above all a ban, whether or not its explanation arrives
        with suppress(httpx.HTTPError):
            async for chunk in self.chunks():
                body += chunk
                if len(body) > _ERROR_BODY_BYTES:
                    break
        text = bytes(body[:_ERROR_BODY_BYTES]).decode("utf-8", errors="replace")
        rejection = Rejection(status=self.status, headers=self.headers, body=text, wall_s=wall_s)
        return status_error(rejection, **self.about)


class Wire:
    """Sends requests over one client, which it builds when the first one leaves."""

    def __init__(
        self,
        settings: HttpSettings,
        bus: EventBus,
        clocks: Clocks,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._clocks = clocks
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def fetch(self, outgoing: Outgoing, url: str, attempt: Attempt) -> AsyncIterator[Answer]:
        """Send the request and follow redirects as long as they stay on the host."""
        for _ in range(MAX_REDIRECTS + 1):
            async with self._exchange(outgoing, url, attempt) as (answer, target):
                if target is None:
                    yield answer
                    return
                if outgoing.method != "GET" or not is_same_host(url, target):
                    message = f"The server redirects a {outgoing.method} to {mask(target)}"
                    raise ProtocolChangedError(message, status=answer.status, **attempt.about)
            # the target brings its own query
            url, outgoing = target, evolve(outgoing, params=None)
        raise ProtocolChangedError(f"More than {MAX_REDIRECTS} redirects in a row.", **attempt.about)

    @asynccontextmanager
    async def _exchange(
        self, outgoing: Outgoing, url: str, attempt: Attempt
    ) -> AsyncIterator[tuple[Answer, str | None]]:
        with _translated(attempt):
            request = self._build(outgoing, url)
        async with self._told(request, attempt) as exchange, _in_time(attempt):
            with own_request():
                response = await self._get_client().send(request, stream=True)
            try:
                exchange.answer = answer = Answer(response, attempt.about)
                yield answer, _redirect_target(response, answer)
            finally:
                await response.aclose()

    def _build(self, outgoing: Outgoing, url: str) -> httpx.Request:
        client = self._get_client()
        address = httpx.URL(url)
        if outgoing.params:
            given = {name: value for name, value in outgoing.params.items() if value is not None}
            address = address.copy_merge_params(given)
        return client.build_request(outgoing.method, address, headers=outgoing.headers, data=outgoing.form)

    @asynccontextmanager
    async def _told(self, request: httpx.Request, attempt: Attempt) -> AsyncIterator[_Exchange]:
        """Tell observers of both ends, however the exchange ends."""
        event = RequestSent(
            request_id=next(_next_request),
            provider=attempt.about.get("provider", ""),
            method=request.method,
            url=mask(str(request.url)),
            attempt=attempt.about["attempt"],
        )
        exchange = _Exchange(event, self._clocks.monotonic())
        self._bus.emit(event)
        attempt.on_sent()
        try:
            yield exchange
        except BaseException as error:
            exchange.error = type(error).__name__
            raise
        finally:
            self._bus.emit(_end_of(exchange, self._clocks.monotonic()))

    def _get_client(self) -> httpx.AsyncClient:
        if self._client is None:
            mask_log()
            given = self._settings
            self._client = httpx.AsyncClient(
                transport=self._transport,
                headers={"User-Agent": given.user_agent},
                # waiting for a free connection is bounded by the call's deadline, and is no host's failure
                timeout=httpx.Timeout(given.read_timeout_s, connect=given.connect_timeout_s, pool=None),
                limits=httpx.Limits(
                    max_connections=given.max_connections, max_keepalive_connections=given.max_connections
                ),
                follow_redirects=False,
            )
        return self._client


@contextmanager
def _translated(attempt: Attempt) -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise transport_error(error, **attempt.about) from error


@asynccontextmanager
async def _in_time(attempt: Attempt) -> AsyncIterator[None]:
    """Bound what is inside by the call's deadline, and give its failures as DSM's own errors."""
    remaining_s = attempt.deadline.remaining_s()
    try:
        async with asyncio.timeout(remaining_s if isfinite(remaining_s) else None):
            with _translated(attempt):
                yield
    except TimeoutError as error:
        raise SourceTimeoutError("No answer before the call's deadline.", **attempt.about) from error


def _end_of(exchange: _Exchange, now: float) -> RequestFinished:
    sent, answer = exchange.sent, exchange.answer
    return RequestFinished(
        call_id=sent.call_id,
        series=sent.series,
        request_id=sent.request_id,
        provider=sent.provider,
        source=sent.source,
        method=sent.method,
        url=sent.url,
        status=answer.status if answer else 0,
        duration_s=now - exchange.started,
        bytes_received=answer.bytes_received if answer else 0,
        error=exchange.error,
    )


def _redirect_target(response: httpx.Response, answer: Answer) -> str | None:
    """Give where the answer points; None when it is final."""
    if not 300 <= answer.status < 400:
        return None
    location = response.headers.get("location")
    if not response.has_redirect_location or location is None:
        message = f"An answer of HTTP {answer.status} is not expected here."
        raise ProtocolChangedError(message, status=answer.status, **answer.about)
    return str(response.url.join(location))
