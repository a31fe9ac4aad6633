"""HTTP against a real server on the loopback, and its errors, hosts, redirects and bodies."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from attrs import define, field

from dsm_core.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigError,
    DataNotAvailableError,
    OfflineError,
    PermanentSourceError,
    ProtocolChangedError,
    RateLimitError,
    RequestError,
    RestAPIError,
    ServerError,
    SourceTimeoutError,
)
from dsm_core.events import Event, EventBus, RequestFinished, RequestSent, Retry
from dsm_core.net import Deadline, Http, HttpSession, HttpSettings, current_deadline, deadline_scope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@define
class Clock:
    """Time that moves only when somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(factory=list)

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1.7e9 + self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@define
class Venue:
    """A server that answers in order; the last answer stays."""

    url: str = ""
    answers: list[web.Response | Handler] = field(factory=list)
    requests: list[web.Request] = field(factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, web.Response):
            return web.Response(body=answer.body, status=answer.status, headers=answer.headers)
        return await answer(request)


@pytest.fixture
async def venues() -> AsyncIterator[list[Venue]]:
    made, runners = [], []
    for _ in range(2):
        venue, app = Venue(), web.Application()
        app.router.add_route("*", "/{path:.*}", venue.handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        venue.url = f"http://{host}:{port}"
        made.append(venue)
        runners.append(runner)
    yield made
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
def venue(venues: list[Venue]) -> Venue:
    return venues[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
async def http(tmp_path: Path, clock: Clock, events: list[Event]) -> AsyncIterator[Http]:
    bus = EventBus()
    bus.subscribe(events.append)
    settings = HttpSettings(state_dir=tmp_path / "limits", retry_count=2)
    client = Http(settings, bus, monotonic=clock.monotonic, wall=clock.wall, sleep=clock.sleep)
    yield client
    await client.close()


@pytest.fixture
def session(http: Http, venues: list[Venue]) -> HttpSession:
    one, two = venues
    return http.session(provider="test", endpoints={"one": [one.url], "both": [one.url, two.url]})


def json_answer(text: str = "[1]", status: int = 200, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(text=text, status=status, headers=named)


# answers


async def test_a_json_answer_has_body_headers_status_and_the_servers_clock(
    session: HttpSession, venue: Venue
) -> None:
    venue.answers = [json_answer('{"a": [1, "2"]}', Date="Tue, 02 Jan 2024 03:04:05 GMT", X_Used="7")]
    reply = await session.get_json("{one}/api/v3/time", {"b": 1})
    assert reply.body == {"a": [1, "2"]}
    assert reply.status == 200
    assert reply.headers["x-used"] == "7"
    assert reply.url == f"{venue.url}/api/v3/time?b=1"
    assert reply.server_date is not None
    assert reply.server_date.isoformat() == "2024-01-02T03:04:05+00:00"
    assert session.requests_sent == 1


async def test_non_ascii_parameters_arrive_and_none_is_left_out(session: HttpSession, venue: Venue) -> None:
    venue.answers = [json_answer()]
    await session.get_json("{one}/k?x=1", {"symbol": "币安人生USDT", "limit": None, "s": "a&b=c d"})
    assert dict(venue.requests[0].query) == {"x": "1", "symbol": "币安人生USDT", "s": "a&b=c d"}
    assert "%E5%B8%81" in venue.requests[0].raw_path


async def test_a_template_may_go_on_with_a_query_alone(session: HttpSession, venue: Venue) -> None:
    venue.answers = [json_answer("<xml/>")]
    reply = await session.get_text("{one}?prefix=data/", {"marker": "a/b"})
    assert reply.text == "<xml/>"
    assert dict(venue.requests[0].query) == {"prefix": "data/", "marker": "a/b"}


async def test_text_beyond_its_bound_is_refused(session: HttpSession, venue: Venue) -> None:
    venue.answers = [json_answer("x" * 2000)]
    with pytest.raises(ProtocolChangedError, match="longer than the 1000 bytes"):
        await session.get_text("{one}/", max_bytes=1000)


async def test_the_bound_counts_bytes_after_decompression(
    tmp_path: Path, venue: Venue, http: Http, clock: Clock
) -> None:
    body = gzip.compress(b"[" + b"1," * 100_000 + b"1]")
    venue.answers = [web.Response(body=body, headers={"Content-Encoding": "gzip"})]
    small = Http(HttpSettings(state_dir=tmp_path, max_json_bytes=100_000), EventBus(), sleep=clock.sleep)
    with pytest.raises(ProtocolChangedError):
        await small.session(provider="t", endpoints={"one": venue.url}).get_json("{one}/")
    await small.close()
    reply = await http.session(provider="t", endpoints={"one": venue.url}).get_json("{one}/")
    assert len(reply.body) == 100_001


async def test_a_posted_form_arrives(session: HttpSession, venue: Venue) -> None:
    seen: dict[str, Any] = {}

    async def token(request: web.Request) -> web.StreamResponse:
        seen.update(await request.post())
        return json_answer('{"ok": true}')

    venue.answers = [token]
    reply = await session.post_form("{one}/oauth/token", {"grant_type": "refresh_token"})
    assert reply.body == {"ok": True}
    assert seen == {"grant_type": "refresh_token"}


async def test_an_empty_answer_to_a_form_is_damage_unless_it_may_be_empty(
    session: HttpSession, venue: Venue
) -> None:
    venue.answers = [json_answer("")]
    assert (await session.post_form("{one}/oauth/revoke", {"token": "t"}, is_empty_good=True)).body is None
    with pytest.raises(ServerError, match="not JSON"):
        await session.post_form("{one}/oauth/token", {"grant_type": "refresh_token"})
    venue.answers = [json_answer("no")]
    with pytest.raises(ServerError, match="not JSON"):
        await session.post_form("{one}/oauth/revoke", {"token": "t"}, is_empty_good=True)


async def test_a_refused_form_turns_the_client_away_unless_it_is_about_the_form(
    session: HttpSession, venue: Venue
) -> None:
    venue.answers = [json_answer('{"error": "invalid_grant"}', 403), json_answer("{}")]
    with pytest.raises(AccessDeniedError, match="invalid_grant"):
        await session.post_form("{one}/oauth/token", {"code": "old"}, is_host_refusal=False)
    assert (await session.post_form("{one}/oauth/token", {"code": "new"})).body == {}
    venue.answers = [json_answer('{"error": "blocked"}', 403), json_answer("{}")]
    for _ in range(2):
        with pytest.raises(AccessDeniedError, match="blocked"):
            await session.post_form("{one}/oauth/token", {"code": "new"})


# statuses


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RestAPIError),
        (401, AuthenticationError),
        (404, DataNotAvailableError),
        (409, RestAPIError),
        (403, AccessDeniedError),
        (451, AccessDeniedError),
        (418, RateLimitError),
    ],
)
async def test_a_lasting_status_is_one_error_after_one_request(
    session: HttpSession, venue: Venue, status: int, kind: type[Exception]
) -> None:
    venue.answers = [json_answer('{"code": -1121, "msg": "Invalid symbol."}', status)]
    with pytest.raises(kind, match=r"Invalid symbol\.") as caught:
        await session.get_json("{one}/k", {"symbol": "X"})
    assert len(venue.requests) == 1
    details = caught.value.details  # type: ignore[attr-defined]
    assert details["provider"] == "test"
    assert details["url"] == f"{venue.url}/k"
    assert details["status"] == status
    assert details["attempt"] == 1
    assert details["code"] == -1121
    assert details["body"].startswith('{"code"')


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_failure_is_tried_again_and_then_raised(
    session: HttpSession, venue: Venue, clock: Clock, status: int
) -> None:
    venue.answers = [json_answer("x" * 9000, status)]
    with pytest.raises(ServerError) as caught:
        await session.get_json("{one}/")
    assert len(venue.requests) == session.requests_sent == 3
    assert caught.value.details["attempt"] == 3
    assert caught.value.details["body"] == "x" * 500
    assert 0.25 <= clock.slept[0] <= 0.5 <= clock.slept[1] <= 1.0


async def test_a_passing_failure_is_forgotten_when_the_next_try_succeeds(
    session: HttpSession, venue: Venue, events: list[Event]
) -> None:
    venue.answers = [json_answer(status=503), json_answer("[2]")]
    assert (await session.get_json("{one}/k")).body == [2]
    kinds = [type(event) for event in events]
    assert kinds == [RequestSent, RequestFinished, Retry, RequestSent, RequestFinished]
    retry = next(event for event in events if isinstance(event, Retry))
    assert retry.url == f"{venue.url}/k"
    assert "HTTP 503" in retry.error
    finished = [event for event in events if isinstance(event, RequestFinished)]
    assert [event.status for event in finished] == [503, 200]
    assert finished[-1].bytes_received == 3


async def test_a_stated_wait_of_a_busy_server_is_respected(
    session: HttpSession, venue: Venue, clock: Clock
) -> None:
    venue.answers = [json_answer(status=503, Retry_After="7"), json_answer()]
    await session.get_json("{one}/")
    assert clock.slept == [7.0]


@pytest.mark.parametrize(
    "body", ["", "<html><body>Maintenance</body></html>", "[1, 2", '{"a": }', "\N{SNOWMAN}"]
)
async def test_a_body_that_is_not_json_is_tried_again(session: HttpSession, venue: Venue, body: str) -> None:
    venue.answers = [json_answer(body), json_answer("[1]")]
    assert (await session.get_json("{one}/")).body == [1]
    venue.answers = [json_answer(body)]
    with pytest.raises(ServerError):
        await session.get_json("{one}/")


async def test_a_body_cut_short_is_a_broken_connection(session: HttpSession, venue: Venue) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"[1, 2")
        assert request.transport is not None
        request.transport.close()
        return response

    venue.answers = [cut]
    with pytest.raises(SourceTimeoutError, match="The connection broke") as caught:
        await session.get_json("{one}/")
    assert isinstance(caught.value.__cause__, httpx.RemoteProtocolError)
    assert len(venue.requests) == 3


async def test_credentials_are_masked_in_errors_and_events(
    session: HttpSession, venue: Venue, events: list[Event]
) -> None:
    venue.answers = [json_answer(status=400)]
    address = venue.url.replace("http://", "http://me:hunter2@")
    with pytest.raises(RestAPIError) as caught:
        await session.get_json(f"{address}/?apikey=s3cret&a=1", {"signature": "s3cret"})
    shown = f"{caught.value.details} {events}"
    assert "hunter2" not in shown
    assert "s3cret" not in shown
    assert "a=1" in shown


# redirects


async def test_a_redirect_on_the_same_host_is_followed(session: HttpSession, venue: Venue) -> None:
    venue.answers = [json_answer(status=302, Location="/there?x=1"), json_answer("[3]")]
    reply = await session.get_json("{one}/here", {"y": 2}, headers={"Authorization": "Bearer t"})
    assert reply.body == [3]
    assert venue.requests[1].path_qs == "/there?x=1"
    assert venue.requests[1].headers["Authorization"] == "Bearer t"


async def test_a_redirect_to_another_host_is_refused(session: HttpSession, venues: list[Venue]) -> None:
    venues[0].answers = [json_answer(status=302, Location=f"{venues[1].url}/there")]
    with pytest.raises(ProtocolChangedError, match="redirects"):
        await session.get_json("{one}/here")
    assert venues[1].requests == []


async def test_a_redirect_loop_ends(session: HttpSession, venue: Venue) -> None:
    venue.answers = [json_answer(status=301, Location="/again")]
    with pytest.raises(ProtocolChangedError, match="More than 5 redirects"):
        await session.get_json("{one}/again")
    assert len(venue.requests) == 6


async def test_a_redirect_to_nowhere_is_refused(session: HttpSession, venue: Venue) -> None:
    venue.answers = [json_answer(status=304)]
    with pytest.raises(ProtocolChangedError, match="HTTP 304"):
        await session.get_json("{one}/")


# hosts


async def test_an_unknown_endpoint_key_names_the_known_ones(session: HttpSession) -> None:
    with pytest.raises(ConfigError, match="'spit'; known keys: both, one"):
        await session.get_json("{spit}/api")


@pytest.mark.parametrize("address", ["wss://host/x", "no-scheme/path", "http://", "http://h:99999/"])
async def test_an_address_that_is_not_http_is_a_configuration_error(http: Http, address: str) -> None:
    with pytest.raises(ConfigError, match="not an http or https URL"):
        await http.session(provider="t", endpoints={"x": [address]}).get_json("{x}/k")


@pytest.mark.parametrize("status", [403, 451])
async def test_a_host_that_refuses_is_left_for_the_next_one_for_good(
    session: HttpSession, venues: list[Venue], clock: Clock, status: int
) -> None:
    venues[0].answers = [json_answer(status=status)]
    venues[1].answers = [json_answer("[9]")]
    for _ in range(3):
        assert (await session.get_json("{both}/k")).body == [9]
    assert len(venues[0].requests) == 1
    assert len(venues[1].requests) == 3
    assert clock.slept == []


async def test_when_every_host_refuses_nothing_more_is_sent(
    session: HttpSession, venues: list[Venue]
) -> None:
    for venue in venues:
        venue.answers = [json_answer('{"msg": "restricted location"}', 451)]
    for _ in range(2):
        with pytest.raises(AccessDeniedError, match="restricted location") as caught:
            await session.get_json("{both}/k")
        assert caught.value.status == 451
    assert [len(venue.requests) for venue in venues] == [1, 1]


async def test_the_next_host_is_tried_after_a_failure(session: HttpSession, venues: list[Venue]) -> None:
    venues[0].answers = [json_answer(status=500)]
    venues[1].answers = [json_answer("[9]")]
    assert (await session.get_json("{both}/k")).body == [9]
    assert [len(venue.requests) for venue in venues] == [1, 1]


async def test_a_refused_connection_moves_on_too(
    http: Http, venue: Venue, unused_tcp_port_factory: Callable[[], int]
) -> None:
    venue.answers = [json_answer("[9]")]
    dead = f"http://127.0.0.1:{unused_tcp_port_factory()}"
    session = http.session(provider="t", endpoints={"x": [dead, venue.url]})
    assert (await session.get_json("{x}/")).body == [9]


async def test_a_host_that_keeps_failing_is_left_alone_and_then_probed_once(
    session: HttpSession, venue: Venue, clock: Clock
) -> None:
    venue.answers = [json_answer(status=502)]
    for _ in range(2):
        with pytest.raises(ServerError):
            await session.get_json("{one}/")
    sent = len(venue.requests)
    with pytest.raises(ServerError, match=r"left alone after repeated failures.*HTTP 502"):
        await session.get_json("{one}/")
    assert len(venue.requests) == sent == 6
    clock.now += 31
    venue.answers = [json_answer()]
    assert (await session.get_json("{one}/")).body == [1]
    assert len(venue.requests) == 7


# time


async def test_nothing_is_sent_after_the_deadline(session: HttpSession, venue: Venue, clock: Clock) -> None:
    with deadline_scope(Deadline.after(0, monotonic=clock.monotonic)), pytest.raises(SourceTimeoutError):
        await session.get_json("{one}/")
    assert venue.requests == []


async def test_a_retry_that_would_pass_the_deadline_is_not_waited_for(
    session: HttpSession, venue: Venue, clock: Clock
) -> None:
    venue.answers = [json_answer(status=503, Retry_After="10")]
    with deadline_scope(Deadline.after(5, monotonic=clock.monotonic)), pytest.raises(ServerError) as caught:
        await session.get_json("{one}/")
    assert clock.slept == []
    assert caught.value.retry_after_s == 10


async def test_a_silent_server_is_given_up_at_the_deadline(session: HttpSession, venue: Venue) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return json_answer()

    venue.answers = [silent]
    # Long enough that the request is on its way on a busy machine too.
    with deadline_scope(Deadline.after(1.5)), pytest.raises(SourceTimeoutError):
        await session.get_json("{one}/")
    assert len(venue.requests) == 1


async def test_a_silent_server_is_tried_again_after_the_read_timeout(
    venue: Venue, tmp_path: Path, clock: Clock
) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return json_answer()

    venue.answers = [silent, json_answer()]
    http = Http(HttpSettings(state_dir=tmp_path, read_timeout_s=0.05), EventBus(), sleep=clock.sleep)
    assert (await http.session(provider="t", endpoints={}).get_json(venue.url)).body == [1]
    await http.close()


def test_of_nested_deadlines_the_earliest_counts(clock: Clock) -> None:
    outer = Deadline.after(5, monotonic=clock.monotonic)
    with deadline_scope(outer):
        with deadline_scope(Deadline.after(None)):
            assert current_deadline() is outer
        with deadline_scope(Deadline.after(1, monotonic=clock.monotonic)):
            assert current_deadline().remaining_s() == 1
    assert current_deadline().remaining_s() == float("inf")


# downloads


def file_answer(body: bytes, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(body=body, headers=named)


async def test_a_download_arrives_whole_with_its_hash(
    session: HttpSession, venue: Venue, tmp_path: Path
) -> None:
    body = bytes(range(256)) * 12_345
    venue.answers = [file_answer(body, ETag='"abc"', Last_Modified="Tue, 02 Jan 2024 03:04:05 GMT")]
    to = tmp_path / "new" / "folder" / "BTCUSDT-1m-2024-01.zip"
    download = await session.download("{one}/f.zip", to)
    assert to.read_bytes() == body
    assert download.path == to
    assert download.size == len(body)
    assert download.sha256 == hashlib.sha256(body).hexdigest()
    assert download.etag == '"abc"'
    assert download.last_modified == "Tue, 02 Jan 2024 03:04:05 GMT"
    assert list(to.parent.iterdir()) == [to]
    assert venue.requests[0].headers["Accept-Encoding"] == "identity"


async def test_an_empty_file_is_a_file(session: HttpSession, venue: Venue, tmp_path: Path) -> None:
    venue.answers = [file_answer(b"")]
    download = await session.download("{one}/f", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b""
    assert download.sha256 == hashlib.sha256(b"").hexdigest()


async def test_a_download_replaces_the_file_that_was_there(
    session: HttpSession, venue: Venue, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"old")
    venue.answers = [file_answer(b"new")]
    await session.download("{one}/f", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b"new"


async def test_a_failed_download_leaves_the_old_file_and_no_other(
    session: HttpSession, venue: Venue, tmp_path: Path
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "5000000"})
        await response.prepare(request)
        await response.write(b"x" * 3_000_000)
        assert request.transport is not None
        request.transport.close()
        return response

    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "f").write_bytes(b"old")
    venue.answers = [cut]
    with pytest.raises(SourceTimeoutError):
        await session.download("{one}/f", folder / "f")
    assert [path.name for path in folder.iterdir()] == ["f"]
    assert (folder / "f").read_bytes() == b"old"
    assert len(venue.requests) == 3


async def test_a_download_of_another_length_than_announced_is_refused(tmp_path: Path, clock: Clock) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"12345"

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": "6"}, content=body())

    transport = httpx.MockTransport(answer)
    settings = HttpSettings(state_dir=tmp_path / "limits", retry_count=1)
    http = Http(settings, EventBus(), transport=transport, sleep=clock.sleep)
    session = http.session(provider="t", endpoints={})
    with pytest.raises(ServerError, match="5 bytes where 6 were announced"):
        await session.download("http://host/f", tmp_path / "d" / "f")
    assert list((tmp_path / "d").iterdir()) == []
    assert session.requests_sent == 2
    await http.close()


@pytest.mark.parametrize("announced", [True, False])
async def test_a_download_beyond_its_bound_is_refused(
    venue: Venue, tmp_path: Path, clock: Clock, announced: bool
) -> None:
    async def long(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "5000"} if announced else None)
        await response.prepare(request)
        await response.write(b"x" * 5000)
        return response

    venue.answers = [long]
    http = Http(HttpSettings(state_dir=tmp_path / "l", max_download_bytes=1000), EventBus())
    with pytest.raises(ProtocolChangedError):
        await http.session(provider="t", endpoints={}).download(venue.url, tmp_path / "f")
    assert not any(path.is_file() for path in tmp_path.iterdir())
    await http.close()


async def test_a_cancelled_download_leaves_nothing(
    session: HttpSession, venue: Venue, tmp_path: Path
) -> None:
    started = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "9000000"})
        await response.prepare(request)
        await response.write(b"x" * 4_000_000)
        started.set()
        await asyncio.sleep(30)
        return response

    venue.answers = [slow]
    task = asyncio.create_task(session.download("{one}/f", tmp_path / "d" / "f"))
    await started.wait()
    while not (tmp_path / "d").exists() or not list((tmp_path / "d").iterdir()):
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list((tmp_path / "d").iterdir()) == []


async def test_a_missing_object_is_not_there_and_no_file_is(
    session: HttpSession, venue: Venue, tmp_path: Path
) -> None:
    venue.answers = [json_answer("<Error/>", 404)]
    with pytest.raises(DataNotAvailableError):
        await session.download("{one}/f", tmp_path / "d" / "f")
    assert not (tmp_path / "d").exists()


# life


async def test_offline_nothing_is_sent(venue: Venue, tmp_path: Path) -> None:
    http = Http(HttpSettings(offline=True, state_dir=tmp_path), EventBus())
    session = http.session(provider="t", endpoints={"one": [venue.url]})
    with pytest.raises(OfflineError) as caught:
        await session.get_json("{one}/")
    assert caught.value.details == {"provider": "t", "url": "{one}/"}
    with pytest.raises(PermanentSourceError):
        await session.download("{one}/", tmp_path / "f")
    assert venue.requests == []
    await http.close()


async def test_closing_twice_is_harmless_and_use_afterwards_an_error(
    http: Http, session: HttpSession, venue: Venue
) -> None:
    venue.answers = [json_answer()]
    await session.get_json("{one}/")
    await http.close()
    await http.close()
    with pytest.raises(RequestError, match="closed"):
        await session.get_json("{one}/")
    with pytest.raises(RequestError, match="closed"):
        await session.limit(1)
    assert len(venue.requests) == 1


async def test_many_tasks_share_one_session(session: HttpSession, venue: Venue) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        return json_answer(request.query["n"])

    venue.answers = [echo]
    replies = await asyncio.gather(*(session.get_json("{one}/", {"n": n}) for n in range(60)))
    assert [reply.body for reply in replies] == list(range(60))
