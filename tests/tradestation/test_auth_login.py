"""The login with a browser: what comes back to this machine, and what is made of it."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import urlopen

import pytest
from attrs import define, field

from dsm_core.config import Secret
from dsm_core.errors import AuthenticationError, ConfigError, DSMError, ServerError, SourceTimeoutError
from dsm_core.events import Event
from dsm_core.plugins import AuthStatus, ClientContext, LoginRequest
from dsm_core.testing import Fault, LoopbackServer, Response
from dsm_tradestation.auth import TradeStationAuth, authorized
from dsm_tradestation.auth.redirect import redirect_of
from dsm_tradestation.config import TradeStationConfig
from tradestation.signin import CLIENT, SECRET, Signin, context_of, keep, record, settings, store_of

AUTH = TradeStationAuth()


@define
class Browser:
    """Opens an address in a thread, as a user's browser does, and keeps the pages it was shown."""

    visit: Callable[[str], list[tuple[int, str]]]
    pages: list[tuple[int, str]] = field(factory=list)
    urls: list[str] = field(factory=list)
    told: list[str] = field(factory=list)
    thread: threading.Thread | None = None

    def show_url(self, url: str) -> None:
        self.urls.append(url)
        self.thread = threading.Thread(target=lambda: self.pages.extend(self.visit(url)))
        self.thread.start()

    def request(self, **more: Any) -> LoginRequest:
        return LoginRequest(tell=self.told.append, show_url=self.show_url, **more)

    def end(self) -> None:
        if self.thread is not None:
            self.thread.join(10)


def page(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def answer_to(url: str, **changes: str) -> str:
    """Where the vendor would send the browser, with other parameters."""
    asked = dict(parse_qsl(urlsplit(url).query))
    return f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], **changes})}"


@pytest.fixture
def vendor() -> Signin:
    return Signin()


@pytest.fixture
def server(vendor: Signin) -> Iterator[LoopbackServer]:
    with LoopbackServer(vendor.answer) as running:
        yield running
        assert running.problems == ()


@pytest.fixture
def browser() -> Iterator[Browser]:
    made = Browser(lambda url: [page(url)])
    yield made
    made.end()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def config(server: LoopbackServer, tmp_path: Path, port: int) -> TradeStationConfig:
    return settings(server.url, tmp_path, redirect_port=port)


@pytest.fixture
async def context(config: TradeStationConfig, tmp_path: Path) -> AsyncIterator[ClientContext]:
    async with context_of(config, tmp_path) as made:
        yield made


def kept(config: TradeStationConfig) -> Any:
    return store_of(config).read()[0]


async def test_a_login_with_code_and_secret_gives_tokens_that_serve(
    config: TradeStationConfig, context: ClientContext, server: LoopbackServer, browser: Browser, port: int
) -> None:
    status = await AUTH.login(context, browser.request())
    browser.end()
    [asked, exchanged] = server.requests
    assert asked.params == {
        "response_type": "code", "client_id": CLIENT, "audience": "https://api.tradestation.com",
        "redirect_uri": f"http://localhost:{port}", "scope": "openid offline_access MarketData",
        "state": asked.params["state"],
    }  # fmt: skip
    assert len(asked.params["state"]) >= 30
    assert exchanged.form == {
        "grant_type": "authorization_code", "client_id": CLIENT, "client_secret": SECRET,
        "code": "code-1-of-the-tests", "redirect_uri": f"http://localhost:{port}",
    }  # fmt: skip
    assert (status.state, status.account, status.remedy) == ("logged_in", "clie***", None)
    assert status.valid_until is not None
    assert status.kept_in is not None
    assert status.kept_in.startswith("the file ")
    assert (await authorized(context).token()).reveal() == "access-2-of-the-tests"
    assert kept(config).refresh.reveal() == "refresh-2-of-the-tests"
    [(code, text)] = browser.pages
    assert code == 200
    assert "Go back to the terminal" in text
    assert "code-1" not in text


async def test_a_key_without_secret_proves_itself_by_pkce(
    vendor: Signin, server: LoopbackServer, tmp_path: Path, browser: Browser, port: int
) -> None:
    vendor.secret = None
    config = settings(server.url, tmp_path, redirect_port=port, client_secret=None)
    async with context_of(config, tmp_path) as context:
        await AUTH.login(context, browser.request())
        [asked, exchanged] = server.requests
        assert asked.params["code_challenge_method"] == "S256"
        assert 43 <= len(exchanged.form["code_verifier"]) <= 128
        assert "client_secret" not in exchanged.form
        await authorized(context).renew(kept(config).access)
        assert "client_secret" not in server.requests[-1].form
    assert kept(config).access.reveal() == "access-3-of-the-tests"


async def test_a_secret_of_a_key_that_has_none_is_to_be_removed(
    vendor: Signin, context: ClientContext, browser: Browser
) -> None:
    vendor.secret = None
    with pytest.raises(AuthenticationError, match=r"remove providers\.tradestation\.client_secret"):
        await AUTH.login(context, browser.request())


async def test_two_logins_have_nothing_in_common(
    context: ClientContext, server: LoopbackServer, browser: Browser
) -> None:
    for _ in range(2):
        await AUTH.login(context, browser.request())
        browser.end()
    states = [request.params["state"] for request in server.requests if request.path == "/authorize"]
    assert len(set(states)) == 2


async def test_other_requests_change_nothing_and_the_login_goes_on(
    config: TradeStationConfig, context: ClientContext, browser: Browser
) -> None:
    def visit(url: str) -> list[tuple[int, str]]:
        back = answer_to(url)
        root = back.partition("?")[0]
        return [
            page(f"{root}/favicon.ico"),
            page(root),
            page(answer_to(url, state="of-another-login", code="stolen")),
            page(answer_to(url, state="é", code="stolen")),
            page(f"{root}?code=stolen"),
            page(f"{root}?error=access_denied"),
            page(f"{root}/elsewhere?{urlsplit(back).query}&code=stolen"),
            page(url),
        ]

    browser.visit = visit
    await AUTH.login(context, browser.request())
    browser.end()
    assert [code for code, _ in browser.pages] == [404, 400, 400, 400, 400, 400, 404, 200]
    assert "belongs to another login" in browser.pages[2][1]
    assert kept(config).refresh.reveal() == "refresh-2-of-the-tests"
    assert sum("belongs to another login" in line for line in browser.told) == 4


async def test_a_second_answer_changes_nothing(
    vendor: Signin,
    config: TradeStationConfig,
    context: ClientContext,
    server: LoopbackServer,
    browser: Browser,
) -> None:
    # The exchange waits until the browser has come a second time.
    server.inject(Fault.stall(), where=lambda request: request.path == "/oauth/token")

    def visit(url: str) -> list[tuple[int, str]]:
        pages = [page(url), page(answer_to(url, code="another"))]
        server.go_on()
        return pages

    browser.visit = visit
    await AUTH.login(context, browser.request())
    browser.end()
    assert [code for code, _ in browser.pages] == [200, 200]
    assert kept(config).refresh.reveal() == "refresh-2-of-the-tests"


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE"])
async def test_only_a_get_is_an_answer(context: ClientContext, browser: Browser, method: str) -> None:
    def visit(url: str) -> list[tuple[int, str]]:
        parts = urlsplit(answer_to(url, code="stolen"))
        connection = HTTPConnection("127.0.0.1", parts.port or 80, timeout=10)
        connection.request(method, f"/?{parts.query}")
        refused = connection.getresponse().status
        connection.close()
        return [(refused, ""), page(url)]

    browser.visit = visit
    await AUTH.login(context, browser.request())
    browser.end()
    assert [code for code, _ in browser.pages] == [501, 200]


async def test_a_connection_that_says_nothing_holds_nobody_up(
    context: ClientContext, browser: Browser, port: int
) -> None:
    def visit(url: str) -> list[tuple[int, str]]:
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            return [page(url)]

    browser.visit = visit
    status = await AUTH.login(context, browser.request())
    assert status.is_ready


async def test_a_login_that_cannot_be_kept_is_not_begun(
    server: LoopbackServer, tmp_path: Path, browser: Browser
) -> None:
    config = settings(server.url, tmp_path, token_store="memory")
    async with context_of(config, tmp_path) as context:
        with pytest.raises(ConfigError, match="would forget a login at once"):
            await AUTH.login(context, browser.request())
        assert (await AUTH.status(context)).state == "logged_out"
        assert (await AUTH.logout(context)).notes == ("Nothing was stored.",)
    assert browser.urls == []


async def test_a_login_that_cannot_be_stored_says_why(
    context: ClientContext, browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "auth").write_text("a file where the folder should be")
    with pytest.raises(AuthenticationError, match="The login cannot be stored: Not a directory"):
        await AUTH.login(context, browser.request())


async def test_a_user_who_says_no_is_told_so(
    vendor: Signin, config: TradeStationConfig, context: ClientContext, browser: Browser
) -> None:
    vendor.denies = "access_denied"
    with pytest.raises(AuthenticationError) as caught:
        await AUTH.login(context, browser.request())
    assert str(caught.value) == (
        "TradeStation granted no access (access_denied: The user said no). Run `dsm auth tradestation login` "
        "again and agree; if you did, check the API key's settings and scopes."
    )
    assert kept(config) is None


async def test_an_answer_without_a_code_is_told(context: ClientContext, browser: Browser) -> None:
    browser.visit = lambda url: [page(answer_to(url))]
    with pytest.raises(AuthenticationError, match="missing_code"):
        await AUTH.login(context, browser.request())


async def test_a_code_that_is_refused_asks_for_another_login(
    context: ClientContext, browser: Browser
) -> None:
    browser.visit = lambda url: [page(answer_to(url, code="made-up-of-the-tests"))]
    with pytest.raises(AuthenticationError, match=r"code that it gave the browser.*has expired, or was used"):
        await AUTH.login(context, browser.request())


async def test_a_login_that_nobody_answers_ends_in_time(context: ClientContext, browser: Browser) -> None:
    browser.visit = lambda url: []
    with pytest.raises(SourceTimeoutError, match=r"within 0 s.*--timeout"):
        await AUTH.login(context, browser.request(timeout_s=0.05))


async def test_a_port_that_is_taken_is_told_with_the_ways_out(
    context: ClientContext, browser: Browser, port: int
) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConfigError) as caught:
        await AUTH.login(context, browser.request())
    assert f"Port {port} of 127.0.0.1" in str(caught.value)
    assert "--port" in str(caught.value)
    assert browser.urls == []


async def test_the_port_is_free_after_a_login_however_it_ends(
    context: ClientContext, browser: Browser, port: int
) -> None:
    browser.visit = lambda url: []
    with pytest.raises(SourceTimeoutError):
        await AUTH.login(context, browser.request(timeout_s=0.05))
    task = asyncio.create_task(AUTH.login(context, browser.request()))
    while len(browser.urls) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    socket.create_server(("127.0.0.1", port)).close()


async def test_another_port_can_be_asked_for(
    context: ClientContext, server: LoopbackServer, browser: Browser, port: int
) -> None:
    with socket.create_server(("127.0.0.1", port)), socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        other = free.getsockname()[1]
        free.close()
        await AUTH.login(context, browser.request(port=other))
    assert server.requests[0].params["redirect_uri"] == f"http://localhost:{other}"


async def test_a_whole_redirect_address_can_be_configured(
    server: LoopbackServer, tmp_path: Path, browser: Browser, port: int
) -> None:
    uri = f"http://127.0.0.1:{port}/back/home"
    config = settings(server.url, tmp_path, redirect_uri=uri)
    async with context_of(config, tmp_path) as context:
        await AUTH.login(context, browser.request())
    assert [request.params.get("redirect_uri", "") for request in server.requests] == [uri, ""]
    assert server.requests[1].form["redirect_uri"] == uri


@pytest.mark.parametrize(
    "uri", ["https://localhost:1", "http://example.com", "localhost:31022", "", "http://[", "http://a:b@c"]
)
def test_an_address_at_which_nobody_can_listen_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match="redirect_uri"):
        redirect_of(uri)


def test_an_address_tells_where_to_listen() -> None:
    told = [redirect_of(uri) for uri in ("http://localhost", "http://localhost:3000/", "http://[::1]:5/a")]
    assert [(one.host, one.port, one.path) for one in told] == [
        ("127.0.0.1", 80, "/"), ("127.0.0.1", 3000, "/"), ("::1", 5, "/a"),
    ]  # fmt: skip
    assert redirect_of("http://[::1]:5/a", 9).uri == "http://[::1]:9/a"
    assert redirect_of("http://localhost", 31022).uri == "http://localhost:31022"


async def test_without_a_refresh_token_a_login_is_none(
    vendor: Signin, config: TradeStationConfig, context: ClientContext, browser: Browser
) -> None:
    vendor.gives_refresh = False
    with pytest.raises(AuthenticationError, match=r"Add 'offline_access' to providers\.tradestation\.scopes"):
        await AUTH.login(context, browser.request())
    assert kept(config) is None


async def test_a_scope_that_was_not_granted_is_told(
    vendor: Signin, context: ClientContext, browser: Browser
) -> None:
    vendor.scope = "openid offline_access"
    status = await AUTH.login(context, browser.request())
    assert status.notes == ("TradeStation did not grant the scope 'MarketData': bars will be refused.",)


async def test_a_login_wins_over_the_configured_token_that_was_there(
    server: LoopbackServer, tmp_path: Path, browser: Browser, port: int
) -> None:
    config = settings(
        server.url, tmp_path, redirect_port=port, refresh_token=Secret("configured-of-the-tests")
    )
    async with context_of(config, tmp_path) as context:
        before = await AUTH.status(context)
        assert (before.state, before.kept_in) == ("untried", "the configuration")
        assert not before.is_ready
        assert "dsm doctor" in str(before.remedy)
        status = await AUTH.login(context, browser.request())
        assert "the refresh token of the configuration is not used" in status.notes[0]
        assert (await authorized(context).token()).reveal() == "access-2-of-the-tests"


async def test_how_things_stand_is_told_without_a_request(
    config: TradeStationConfig, context: ClientContext, server: LoopbackServer, tmp_path: Path
) -> None:
    status = await AUTH.status(context)
    assert (status.state, status.kept_in, status.valid_until) == ("logged_out", None, None)
    assert status.remedy is not None
    assert "dsm auth tradestation login" in status.remedy
    keep(config, record(config))
    assert await AUTH.status(context) == AuthStatus(
        state="logged_in", account="clie***", kept_in=f"the file {next((tmp_path / 'auth').glob('*.json'))}"
    )
    keep(config, record(config, refused=True))
    assert (await AUTH.status(context)).state == "refused"
    async with context_of(settings(server.url, tmp_path, client_id=None), tmp_path) as without:
        status = await AUTH.status(without)
    assert status.state == "not_configured"
    assert "Client Services" in str(status.remedy)
    assert server.requests == ()


async def test_a_refusal_shows_in_the_status(
    vendor: Signin, config: TradeStationConfig, context: ClientContext
) -> None:
    vendor.refresh.clear()
    keep(config, record(config))
    with pytest.raises(AuthenticationError):
        await authorized(context).token()
    status = await AUTH.status(context)
    assert (status.state, status.remedy) == ("refused", "Run `dsm auth tradestation login` again.")


async def test_a_logout_stays_on_this_machine_unless_revoking_is_asked_for(
    vendor: Signin, config: TradeStationConfig, context: ClientContext, server: LoopbackServer
) -> None:
    keep(config, record(config))
    assert (await AUTH.logout(context)).state == "logged_out"
    assert server.requests == ()
    assert kept(config) is None
    assert (await AUTH.logout(context)).notes == ("Nothing was stored.",)
    keep(config, record(config))
    status = await AUTH.logout(context, revoke=True)
    assert vendor.revocations == ["refresh-0-of-the-tests"]
    assert "every refresh token of this API key" in status.notes[0]
    assert kept(config) is None


@pytest.mark.parametrize("status", [404, 500, 403])
async def test_a_revocation_that_fails_is_told_and_the_local_part_done(
    config: TradeStationConfig, context: ClientContext, server: LoopbackServer, status: int
) -> None:
    keep(config, record(config))
    server.inject(Fault.reply(lambda _: Response(status, body="no")))
    told = await AUTH.logout(context, revoke=True)
    assert told.notes[0].startswith("TradeStation did not revoke it: The server ")
    assert kept(config) is None


async def test_a_logout_reminds_of_the_configured_token(server: LoopbackServer, tmp_path: Path) -> None:
    config = settings(server.url, tmp_path, refresh_token=Secret("configured-of-the-tests"))
    async with context_of(config, tmp_path) as context:
        status = await AUTH.logout(context)
    assert "remove providers.tradestation.refresh_token too" in status.notes[1]


async def test_no_token_code_or_secret_is_ever_shown(
    vendor: Signin,
    server: LoopbackServer,
    tmp_path: Path,
    browser: Browser,
    port: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []
    shown: list[str] = []

    async def tried(work: Any) -> None:
        try:
            shown.append(repr(await work))
        except DSMError as error:
            one: BaseException | None = error
            while one is not None:
                shown.extend((str(one), repr(one), repr(getattr(one, "details", ""))))
                one = one.__cause__ or one.__context__

    config = settings(server.url, tmp_path, redirect_port=port)
    async with context_of(config, tmp_path, events=events) as context:
        await tried(AUTH.login(context, browser.request()))
        browser.end()
        keeper = authorized(context)
        faults = [
            None,
            Fault.status(500),
            Fault.drop(),
            Fault.cut(),
            Fault.reply(_echo),
            Fault.reply(_echo_badly),
        ]
        for fault in faults:
            if fault is not None:
                server.inject(fault)
            await tried(keeper.renew(kept(config).access))
        await tried(AUTH.status(context))
        vendor.refresh.clear()
        await tried(keeper.renew(kept(config).access))
        await tried(AUTH.logout(context, revoke=True))
        shown.extend(map(repr, (keeper, context, context.config, context.http)))
    shown.extend((caplog.text, repr(events), *map(str, events), *browser.told))
    everything = "\n".join(shown)
    assert "RequestSent" in everything
    for kind in ("access-", "refresh-", "code-", "secret-of"):
        for line in everything.splitlines():
            assert f"{kind}" not in line or "of-the-tests" not in line, line[:300]


def _echo(response: Response) -> Response:
    return Response(
        400, json={"error": "invalid_request", "error_description": f"got {response.body.decode()}"}
    )


def _echo_badly(response: Response) -> Response:
    return Response(400, body=response.body.decode() * 3)


async def test_an_error_of_the_servers_stays_one(
    context: ClientContext, server: LoopbackServer, browser: Browser
) -> None:
    server.inject(Fault.status(502), where=lambda request: request.path == "/oauth/token")
    with pytest.raises(ServerError):
        await AUTH.login(context, browser.request())
