"""One renewal for however many ask, and nothing used that is not stored."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from dsm_core.config import Secret
from dsm_core.errors import (
    AuthenticationError,
    ProtocolChangedError,
    RestAPIError,
    ServerError,
    SourceError,
    SourceTimeoutError,
    TransientSourceError,
)
from dsm_core.net import Deadline, deadline_scope
from dsm_core.plugins import ClientContext
from dsm_core.testing import Fault, LoopbackServer, Response
from dsm_tradestation.auth import authorized, get_authorized
from dsm_tradestation.config import TradeStationConfig
from tradestation.signin import Signin, context_of, keep, record, refreshes, settings, store_of


@pytest.fixture
def vendor() -> Signin:
    return Signin()


@pytest.fixture
def server(vendor: Signin) -> Iterator[LoopbackServer]:
    with LoopbackServer(vendor.answer) as running:
        yield running
        assert running.problems == ()


def stored(config: Any) -> Any:
    return store_of(config).read()[0]


async def token(context: ClientContext) -> str:
    return (await authorized(context).token()).reveal()


async def data(context: ClientContext) -> str:
    reply = await get_authorized(context, "{api}/v3/data", pool="signin")
    return str(reply.body["token"])


async def until(is_so: Any) -> None:
    """Let the loop go on until something is so, ten seconds at most."""
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0)


async def test_a_stored_token_that_lasts_is_used_without_a_request(
    server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config, ends_in_s=600))
    async with context_of(config, tmp_path) as context:
        assert await token(context) == "access-0-of-the-tests"
    assert server.requests == ()


async def test_fifty_tasks_with_an_expired_token_make_one_refresh(
    server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    server.inject(Fault.stall())
    async with context_of(config, tmp_path) as context, asyncio.TaskGroup() as group:
        tasks = [group.create_task(token(context)) for _ in range(50)]
        await until(server.arrived.is_set)
        server.go_on()
    assert {task.result() for task in tasks} == {"access-1-of-the-tests"}
    assert len(refreshes(server)) == 1


def test_ten_threads_with_managers_and_loops_of_their_own_make_one_refresh(
    server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    together, found = threading.Barrier(10), []

    async def ask() -> list[str]:
        async with context_of(config, tmp_path) as context:
            together.wait(10)
            return await asyncio.gather(*(token(context) for _ in range(5)))

    threads = [threading.Thread(target=lambda: found.extend(asyncio.run(ask()))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == ["access-1-of-the-tests"] * 50
    assert len(refreshes(server)) == 1


async def test_one_who_leaves_does_not_end_the_refresh_for_the_others(
    server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    server.inject(Fault.stall())
    async with context_of(config, tmp_path) as context:
        first, second = asyncio.create_task(token(context)), asyncio.create_task(token(context))
        await until(server.arrived.is_set)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        server.go_on()
        assert await second == "access-1-of-the-tests"
    assert len(refreshes(server)) == 1


async def test_a_replaced_refresh_token_is_stored_also_when_everybody_has_left(
    vendor: Signin, server: LoopbackServer, tmp_path: Path
) -> None:
    vendor.rotates = True
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    server.inject(Fault.stall())
    async with context_of(config, tmp_path) as context:
        task = asyncio.create_task(token(context))
        await until(server.arrived.is_set)
        task.cancel()
        server.go_on()
        await until(lambda: stored(config).refresh.reveal() == "refresh-1-of-the-tests")
        assert await token(context) == "access-1-of-the-tests"
    assert len(refreshes(server)) == 1


async def test_each_who_waits_has_a_deadline_of_its_own(server: LoopbackServer, tmp_path: Path) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    server.inject(Fault.stall())

    async def hurried(context: ClientContext) -> str:
        with deadline_scope(Deadline.after(0.05)):
            return await token(context)

    async with context_of(config, tmp_path) as context:
        first, second = asyncio.create_task(hurried(context)), asyncio.create_task(token(context))
        with pytest.raises(SourceTimeoutError, match="before the call's deadline"):
            await first
        assert not second.done()
        server.go_on()
        assert await second == "access-1-of-the-tests"
    assert len(refreshes(server)) == 1


async def test_a_lock_held_elsewhere_is_waited_for_until_the_deadline_and_the_loop_goes_on(
    server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    [kept] = (tmp_path / "auth").glob("*.json")
    with FileLock(kept.with_suffix(".lock")):
        async with context_of(config, tmp_path) as context:

            async def hurried() -> str:
                with deadline_scope(Deadline.after(0.3)):
                    return await token(context)

            task, steps = asyncio.create_task(hurried()), 0
            while not task.done():
                steps += 1
                await asyncio.sleep(0.001)
            with pytest.raises(SourceTimeoutError):
                await task
    assert steps > 10
    assert refreshes(server) == []


async def test_another_process_may_have_renewed_meanwhile(server: LoopbackServer, tmp_path: Path) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    async with context_of(config, tmp_path) as one, context_of(config, tmp_path) as other:
        assert await token(one) == await token(other) == "access-1-of-the-tests"
        assert (await authorized(other).renew(Secret("access-0-of-the-tests"))).reveal() == await token(one)
    assert len(refreshes(server)) == 1


async def test_a_token_that_is_turned_away_is_renewed_once_for_all(
    vendor: Signin, server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config, ends_in_s=600))
    async with context_of(config, tmp_path) as context:
        found = await asyncio.gather(*(data(context) for _ in range(20)))
        assert set(found) == {"access-1-of-the-tests"}
        assert len(refreshes(server)) == 1
        assert len([r for r in server.requests if r.path == "/v3/data"]) <= 40
        vendor.access.clear()
        assert await data(context) == "access-2-of-the-tests"


async def test_after_one_renewal_a_refusal_is_final(
    vendor: Signin, server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config, ends_in_s=600))
    server.inject(
        Fault.reply(lambda _: Response(401, json={"Message": "Unauthorized"})),
        times=None,
        where=lambda request: request.path == "/v3/data",
    )
    async with context_of(config, tmp_path) as context:
        with pytest.raises(AuthenticationError, match="HTTP 401"):
            await data(context)
    assert [request.path for request in server.requests] == ["/v3/data", "/oauth/token", "/v3/data"]


async def test_a_refusal_that_is_not_about_the_token_renews_nothing(
    server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config, ends_in_s=600))

    def refuse(body: Any) -> None:
        raise AuthenticationError("no entitlement")

    server.inject(Fault.reply(lambda _: Response(json={})))
    async with context_of(config, tmp_path) as context:
        with pytest.raises(AuthenticationError, match="no entitlement"):
            await get_authorized(context, "{api}/v3/data", pool="signin", check=refuse)
    assert [request.path for request in server.requests] == ["/v3/data"]


async def test_a_replaced_refresh_token_is_stored_before_the_access_token_is_used(
    vendor: Signin, server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    seen: list[str] = []
    vendor.rotates, vendor.on_data = True, lambda: seen.append(stored(config).refresh.reveal())
    async with context_of(config, tmp_path) as context:
        for _ in range(3):
            vendor.access.clear()
            await data(context)
    tokens = ["refresh-1-of-the-tests", "refresh-2-of-the-tests", "refresh-3-of-the-tests"]
    assert list(dict.fromkeys(seen)) == tokens
    assert refreshes(server) == ["refresh-0-of-the-tests", *tokens[:2]]


@pytest.mark.parametrize(
    ("life", "lasts"),
    [
        (1200, True), ("1200", True), (20, True), (2.5, True), (None, True), ("soon", True), (1e300, True),
        ([], True), (0, False), (-5, False),
    ],
)  # fmt: skip
async def test_whatever_life_the_server_tells_the_token_serves(
    vendor: Signin, server: LoopbackServer, tmp_path: Path, life: Any, lasts: bool
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    vendor.life, now = life, time.time()
    async with context_of(config, tmp_path, now_s=lambda: now) as context:
        assert await data(context) == "access-1-of-the-tests"
        assert await data(context) == ("access-1-of-the-tests" if lasts else "access-2-of-the-tests")


@pytest.mark.parametrize("jump_s", [1141, 10 * 365 * 86400, -120, -10 * 365 * 86400])
async def test_a_clock_that_jumps_costs_one_refresh(
    server: LoopbackServer, tmp_path: Path, jump_s: float
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    now = [time.time()]
    async with context_of(config, tmp_path, now_s=lambda: now[0]) as context:
        assert await token(context) == "access-1-of-the-tests"
        now[0] += jump_s
        assert await token(context) == "access-2-of-the-tests"
        assert await token(context) == "access-2-of-the-tests"


async def test_a_record_of_a_wrong_clock_counts_as_expired(server: LoopbackServer, tmp_path: Path) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config, ends_in_s=1e9))
    async with context_of(config, tmp_path) as context:
        assert await token(context) == "access-1-of-the-tests"


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refresh_token_that_is_refused_says_what_to_do_and_is_not_sent_again(
    vendor: Signin, server: LoopbackServer, tmp_path: Path, status: int
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    vendor.refusal_status = status
    vendor.refresh.clear()
    async with context_of(config, tmp_path, retry_count=3) as context:
        for _ in range(2):
            with pytest.raises(AuthenticationError) as caught:
                await token(context)
            assert str(caught.value) == (
                "TradeStation does not take the refresh token of the last login any more: it was revoked, "
                "has expired, or was replaced for another process or machine. "
                "To log in again, run `dsm auth tradestation login`."
            )
            assert caught.value.status == status
        assert len(refreshes(server)) == 1
        vendor.refresh.add("refresh-of-a-new-login")
        keep(config, record(config, refresh=Secret("refresh-of-a-new-login")))
        assert await token(context) == "access-1-of-the-tests"


async def test_a_refused_key_names_the_settings(server: LoopbackServer, tmp_path: Path) -> None:
    config = settings(server.url, tmp_path, client_secret=Secret("a-wrong-one"))
    keep(config, record(config))
    async with context_of(config, tmp_path) as context:
        with pytest.raises(AuthenticationError, match=r"invalid_client .*client_id and client_secret"):
            await token(context)


async def test_trouble_of_the_server_passes(vendor: Signin, server: LoopbackServer, tmp_path: Path) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    async with context_of(config, tmp_path) as context:
        server.inject(Fault.status(503))
        with pytest.raises(ServerError):
            await token(context)
        server.inject(Fault.drop())
        with pytest.raises(TransientSourceError):
            await token(context)
        vendor.token_reply = Response(500, json={"error": "server_error"})
        with pytest.raises(ServerError):
            await token(context)
        vendor.token_reply = Response(body="")
        with pytest.raises(ServerError):
            await token(context)
        vendor.token_reply = None
        assert await token(context) in vendor.access


@pytest.mark.parametrize("body", [[], {}, {"access_token": 5}, {"access_token": ""}, "text", None,
                                  {"access_token": "access-9", "refresh_token": 7},
                                  {"access_token": "access-9\u00f6"}, {"access_token": "access-9\r\nX: y"},
                                  {"access_token": "access-9", "refresh_token": "\u00f6"}])  # fmt: skip
async def test_an_answer_without_tokens_is_shown_to_nobody(
    vendor: Signin, server: LoopbackServer, tmp_path: Path, body: Any
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    vendor.token_reply = Response(json=body)
    async with context_of(config, tmp_path) as context:
        with pytest.raises(ProtocolChangedError, match="without a usable access token") as caught:
            await token(context)
    assert "access-9" not in repr(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # Python's own JSON gives up on the first one, others read it.
        (200, f'{{"access_token": "a", "x": {"[" * 990}{"]" * 990}}}', ProtocolChangedError | ServerError),
        (400, '{"access_token": "a", "expires_in": 1e999}', RestAPIError),
    ],
    ids=["nested too deeply", "a life without end"],
)
async def test_an_answer_that_oauthlib_chokes_on_is_an_error_of_the_source(
    vendor: Signin, server: LoopbackServer, tmp_path: Path, status: int, body: str, kind: Any
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    vendor.token_reply = Response(status, body=body)
    async with context_of(config, tmp_path) as context:
        with pytest.raises(SourceError) as caught:
            await token(context)
    assert isinstance(caught.value, kind)


async def test_without_a_key_one_message_says_how_to_get_one(tmp_path: Path) -> None:
    config = settings("http://127.0.0.1:9", tmp_path, client_id=None)
    async with context_of(config, tmp_path) as context:
        with pytest.raises(AuthenticationError) as caught:
            await data(context)
    told = str(caught.value)
    for part in (
        "Client Services", "providers.tradestation.client_id", "client_secret", "${TRADESTATION_CLIENT_ID}",
        "${TRADESTATION_CLIENT_SECRET}", "`dsm auth tradestation login`",
    ):  # fmt: skip
        assert part in told


async def test_without_a_login_one_message_names_the_command(tmp_path: Path) -> None:
    config = settings("http://127.0.0.1:9", tmp_path)
    async with context_of(config, tmp_path) as context:
        with pytest.raises(AuthenticationError) as caught:
            await data(context)
    assert str(caught.value) == (
        "There is no login at TradeStation for the API key clie***. "
        "Run `dsm auth tradestation login` once, or set providers.tradestation.refresh_token."
    )


@pytest.mark.parametrize("key", ["api", "signin"])
def test_credentials_are_not_sent_in_clear(key: str) -> None:
    for good in ("https://desk.example", "http://localhost:1", "http://[::1]:1", "http://127.0.0.2:1"):
        TradeStationConfig(endpoints={key: (good,)})
    with pytest.raises(ValueError, match=rf"{key} would send credentials unencrypted to desk\.example"):
        TradeStationConfig(endpoints={key: ("https://desk.example", "http://desk.example")})


async def test_a_configured_refresh_token_serves_where_nothing_is_stored(
    vendor: Signin, server: LoopbackServer, tmp_path: Path
) -> None:
    vendor.rotates = True
    config = settings(server.url, tmp_path, refresh_token=Secret("refresh-0-of-the-tests"))
    begun = time.time()
    for now in (begun, begun + 3600):
        async with context_of(config, tmp_path, now_s=lambda now=now: now) as context:
            await token(context)
    # What grew from it wins over it.
    assert refreshes(server) == ["refresh-0-of-the-tests", "refresh-1-of-the-tests"]


async def test_a_newly_configured_refresh_token_wins_over_what_is_stored(
    vendor: Signin, server: LoopbackServer, tmp_path: Path
) -> None:
    vendor.refresh = {"older-of-the-tests", "newer-of-the-tests"}
    for name in ("older", "newer", "newer"):
        config = settings(server.url, tmp_path, refresh_token=Secret(f"{name}-of-the-tests"))
        async with context_of(config, tmp_path) as context:
            await token(context)
    async with context_of(settings(server.url, tmp_path), tmp_path) as context:
        assert await token(context) == "access-2-of-the-tests"
    assert refreshes(server) == ["older-of-the-tests", "newer-of-the-tests"]


async def test_a_configured_refresh_token_that_is_refused_is_named(
    server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path, refresh_token=Secret("long-gone-of-the-tests"))
    async with context_of(config, tmp_path) as context:
        with pytest.raises(AuthenticationError, match="the configured refresh token any more") as caught:
            await token(context)
    assert "remove providers.tradestation.refresh_token" in str(caught.value)
    assert "long-gone" not in repr(caught.value.details) + str(caught.value)


async def test_a_replaced_token_that_cannot_be_stored_is_not_used_and_stored_later(
    vendor: Signin, server: LoopbackServer, tmp_path: Path
) -> None:
    vendor.rotates = True
    config = settings(server.url, tmp_path, refresh_token=Secret("refresh-0-of-the-tests"))
    (tmp_path / "auth").write_text("a file where the folder should be")
    async with context_of(config, tmp_path) as context:
        with pytest.raises(AuthenticationError, match="the new one cannot be stored"):
            await data(context)
        assert [request.path for request in server.requests] == ["/oauth/token"]
        with pytest.raises(AuthenticationError, match="the new one cannot be stored"):
            await data(context)
        (tmp_path / "auth").unlink()
        assert await data(context) == "access-1-of-the-tests"
    assert stored(config).refresh.reveal() == "refresh-1-of-the-tests"
    assert len(refreshes(server)) == 1


async def test_a_login_that_was_stored_meanwhile_wins_over_what_could_not_be(
    vendor: Signin, server: LoopbackServer, tmp_path: Path
) -> None:
    vendor.rotates = True
    config = settings(server.url, tmp_path, refresh_token=Secret("refresh-0-of-the-tests"))
    (tmp_path / "auth").write_text("a file where the folder should be")
    async with context_of(config, tmp_path) as context:
        with pytest.raises(AuthenticationError, match="the new one cannot be stored"):
            await data(context)
        (tmp_path / "auth").unlink()
        vendor.refresh.add("refresh-of-a-new-login")
        keep(config, record(config, refresh=Secret("refresh-of-a-new-login"), generation=1))
        assert await data(context) == "access-2-of-the-tests"
    assert refreshes(server) == ["refresh-0-of-the-tests", "refresh-of-a-new-login"]


async def test_what_is_kept_in_memory_only_leaves_no_trace(
    vendor: Signin, server: LoopbackServer, tmp_path: Path
) -> None:
    vendor.rotates = True
    config = settings(
        server.url, tmp_path, refresh_token=Secret("refresh-0-of-the-tests"), token_store="memory"
    )
    async with context_of(config, tmp_path) as context:
        for _ in range(2):
            vendor.access.clear()
            await asyncio.gather(*(data(context) for _ in range(10)))
    assert refreshes(server) == ["refresh-0-of-the-tests", "refresh-1-of-the-tests"]
    assert not (tmp_path / "auth").exists()


async def test_where_nothing_can_be_stored_a_lasting_refresh_token_serves_all_the_same(
    server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path, refresh_token=Secret("refresh-0-of-the-tests"))
    (tmp_path / "auth").write_text("a file where the folder should be")
    async with context_of(config, tmp_path) as context:
        assert await data(context) == await data(context) == "access-1-of-the-tests"
    assert len(refreshes(server)) == 1
