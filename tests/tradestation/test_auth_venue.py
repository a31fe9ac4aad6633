"""The login and whole fetches together, at the venue that runs on this machine."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from dsm_core import DataSourceManager
from dsm_core.config import Secret
from dsm_core.errors import AuthenticationError
from dsm_core.plugins import LoginRequest
from dsm_tradestation.auth import TradeStationAuth
from dsm_tradestation.config import TradeStationConfig
from dsm_tradestation.emulator import CLIENT_ID, TradeStationEmulator
from tradestation.processes import child, output_of
from tradestation.signin import context_of, keep, record, settings, store_of

DAY = ("2024-03-05", "2024-03-05")


@pytest.fixture
def venue() -> Iterator[TradeStationEmulator]:
    with TradeStationEmulator() as running:
        yield running


@pytest.fixture
def config(venue: TradeStationEmulator, tmp_path: Path) -> TradeStationConfig:
    """With no secret: the key that the venue knows is one of PKCE."""
    return config_at(venue, tmp_path)


def config_at(venue: TradeStationEmulator, folder: Path, **more: Any) -> TradeStationConfig:
    known = {"client_id": CLIENT_ID, "client_secret": None, "endpoints": venue.endpoints}
    return settings("", folder, **known | more)


def whole(venue: TradeStationEmulator, folder: Path, **section: Any) -> dict[str, Any]:
    """A configuration of a manager."""
    own = {"client_id": CLIENT_ID, "token_store": "file", "token_dir": str(folder / "auth")}
    return {
        "cache": {"dir": str(folder / "cache")},
        "http": {"state_dir": str(folder / "state"), "retry_count": 0},
        "providers": {"tradestation": {"endpoints": dict(venue.endpoints), **own, **section}},
    }


def rows(venue: TradeStationEmulator, folder: Path, **section: Any) -> int:
    config = whole(venue, folder, **section)
    with DataSourceManager("equities", "tradestation", config=config, use_cache=False) as manager:
        return len(manager.get_data("MSFT", *DAY, "1h"))


def stored(config: TradeStationConfig) -> Any:
    return store_of(config).read()[0]


@pytest.mark.parametrize("known_by", ["its time", "the venue's refusal"])
def test_fifty_fetches_of_three_processes_with_an_expired_token_make_one_refresh(
    venue: TradeStationEmulator, config: TradeStationConfig, tmp_path: Path, known_by: str
) -> None:
    venue.sign_in.rotation = True
    access = Secret(venue.sign_in.seed_access_token(CLIENT_ID))
    venue.sign_in.expire_access_tokens()
    ends_in_s = -1.0 if known_by == "its time" else 600.0
    keep(config, record(config, refresh=Secret(venue.refresh_token), access=access, ends_in_s=ends_in_s))
    (tmp_path / "dsm.yaml").write_text(json.dumps(whole(venue, tmp_path)))
    with ExitStack() as stack:
        shares = ((1, 18), (18, 35), (35, 51))
        children = [stack.enter_context(child("fetch", tmp_path / "dsm.yaml", *share)) for share in shares]
        for process in children:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in children:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        found = [output_of(process) for process in children]
    assert [len(counts) for counts in found] == [17, 17, 16]
    assert all(count > 0 for counts in found for count in counts)
    assert venue.sign_in.refreshes == 1
    assert stored(config).refresh.reveal() == venue.sign_in.refresh_tokens(CLIENT_ID)[0]


@pytest.mark.parametrize("secret", [None, "secret-of-the-tests"])
async def test_after_a_login_bars_come(
    venue: TradeStationEmulator, tmp_path: Path, secret: str | None
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = f"key-{secret}"
    venue.sign_in.add_client(key, secret, (f"http://localhost:{port}",))
    own = {
        "client_id": key,
        "client_secret": None if secret is None else Secret(secret),
        "redirect_port": port,
    }
    config = config_at(venue, tmp_path, **own)
    pages: list[int] = []

    def visit(url: str) -> None:
        threading.Thread(target=lambda: pages.append(urlopen(url, timeout=10).status)).start()

    async with context_of(config, tmp_path) as context:
        status = await TradeStationAuth().login(context, LoginRequest(tell=lambda _: None, show_url=visit))
    assert (status.is_ready, pages) == (True, [200])
    told = {"client_id": key} | ({} if secret is None else {"client_secret": secret})
    assert rows(venue, tmp_path, **told) == 7
    assert (venue.sign_in.exchanges, venue.sign_in.refreshes) == (1, 0)


def test_rotated_tokens_go_from_process_to_process(
    venue: TradeStationEmulator, config: TradeStationConfig, tmp_path: Path
) -> None:
    venue.sign_in.rotation = True
    seen = [venue.refresh_token]
    for _ in range(4):
        assert rows(venue, tmp_path, refresh_token=seen[0]) == 7
        venue.sign_in.expire_access_tokens()
        [alive] = venue.sign_in.refresh_tokens(CLIENT_ID)
        assert stored(config).refresh.reveal() == alive
        seen.append(alive)
    assert len(set(seen)) == 5
    assert venue.sign_in.refreshes == 4


def test_a_revoked_login_stops_a_call_with_one_message(
    venue: TradeStationEmulator, config: TradeStationConfig, tmp_path: Path
) -> None:
    assert rows(venue, tmp_path, refresh_token=venue.refresh_token) == 7
    venue.sign_in.revoke(CLIENT_ID)
    assert rows(venue, tmp_path) == 7
    venue.sign_in.expire_access_tokens()
    with pytest.raises(
        AuthenticationError, match="does not take the refresh token of the last login"
    ) as caught:
        rows(venue, tmp_path)
    assert "dsm auth tradestation login" in str(caught.value)
    assert stored(config).refused


def test_a_token_that_ends_within_a_call_costs_one_refresh(
    venue: TradeStationEmulator, config: TradeStationConfig, tmp_path: Path
) -> None:
    whole_config = whole(venue, tmp_path, refresh_token=venue.refresh_token)
    with DataSourceManager("equities", "tradestation", config=whole_config, use_cache=False) as manager:
        for _ in range(3):
            assert len(manager.get_data("MSFT", *DAY, "1h")) == 7
            venue.sign_in.expire_access_tokens(after=timedelta(0))
    assert venue.sign_in.refreshes == 3


def test_without_a_key_a_call_says_how_to_get_one(venue: TradeStationEmulator, tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError, match="Ask TradeStation's Client Services for an API key"):
        rows(venue, tmp_path, client_id=None)
    with pytest.raises(AuthenticationError, match="There is no login at TradeStation for the API key dsm-"):
        rows(venue, tmp_path)
    assert venue.requests == []


async def test_a_logout_with_revoke_ends_every_login_of_the_key(
    venue: TradeStationEmulator, config: TradeStationConfig, tmp_path: Path
) -> None:
    other = venue.sign_in.seed_refresh_token(CLIENT_ID)
    keep(config, record(config, refresh=Secret(venue.refresh_token)))
    async with context_of(config, tmp_path) as context:
        status = await TradeStationAuth().logout(context, revoke=True)
    assert "every refresh token of this API key" in status.notes[0]
    assert other not in venue.sign_in.refresh_tokens(CLIENT_ID)
    assert stored(config) is None
