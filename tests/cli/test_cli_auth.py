"""`dsm auth PROVIDER login|status|logout`, in processes of their own, with a browser that is a script."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.running import Run, Shell
from core.fake_dists import plugin_code, write_dist
from dsm_core.testing import Fault, LoopbackServer, Response
from tradestation.file_keyring import PLACE
from tradestation.signin import CLIENT, SECRET, Signin

TESTS = Path(__file__).parents[1]
BROWSER = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=10).read()"
Act = Callable[..., "subprocess.CompletedProcess[str]"]

DOORMAN = """
from datetime import UTC, datetime
from dsm_core.plugins import Authenticator, AuthStatus

class Doorman(Authenticator):
    async def login(self, context, request):
        request.tell(f"come to {request.port} within {request.timeout_s:.0f} s")
        request.show_url("https://door.example/?a=1")
        return AuthStatus(state="logged_in", account="me***", kept_in="my head", notes=["mind the step"],
                          valid_until=datetime(2026, 1, 2, tzinfo=UTC))

    async def status(self, context):
        return {"state": "logged_in"}

    async def logout(self, context, *, revoke=False):
        raise KeyError(f"revoke={revoke}")
"""


@pytest.fixture
def vendor() -> Signin:
    return Signin()


@pytest.fixture
def server(vendor: Signin) -> Iterator[LoopbackServer]:
    with LoopbackServer(vendor.answer) as running:
        yield running


@pytest.fixture
def act(shell: Shell, server: LoopbackServer, place: Path, monkeypatch: pytest.MonkeyPatch) -> Act:
    """Run `dsm` in a process of its own, with a section for TradeStation; `run` then has it too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    section = {
        "client_id": CLIENT,
        "client_secret": "${TRADESTATION_CLIENT_SECRET}",
        "endpoints": {"api": server.url, "signin": server.url},
        "redirect_port": port,
        "token_store": "file",
        "token_dir": str(place / "tokens"),
    }
    told = json.loads((place / "dsm.yaml").read_text())
    told["providers"]["tradestation"] = section
    (place / "dsm.yaml").write_text(json.dumps(told))
    (place / "browser.py").write_text(BROWSER)
    monkeypatch.setenv("TRADESTATION_CLIENT_SECRET", SECRET)

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        browser = f"{sys.executable} {place / 'browser.py'} %s"
        return shell(*args, **{"BROWSER": browser, **env})

    return run


def config_of(place: Path, **changes: Any) -> None:
    """Change the section for TradeStation; None leaves a key out."""
    told = json.loads((place / "dsm.yaml").read_text())
    section = told["providers"]["tradestation"] | changes
    told["providers"]["tradestation"] = {k: v for k, v in section.items() if v is not None}
    (place / "dsm.yaml").write_text(json.dumps(told))


def kept(place: Path) -> dict[str, Any]:
    [path] = (place / "tokens").glob("*.json")
    return dict(json.loads(path.read_text()))


def test_a_login_with_a_browser_gives_what_later_processes_use(
    act: Act, run: Run, place: Path, server: LoopbackServer
) -> None:
    done = act("auth", "tradestation", "login", "--browser")
    assert done.returncode == 0, done.stderr
    url, state, account, place_line, until = done.stdout.splitlines()
    assert url.startswith(f"{server.url}/authorize?response_type=code&client_id={CLIENT}&")
    assert state == "tradestation: logged in"
    assert account == "  account       clie***"
    assert place_line.startswith(f"  kept in       the file {place / 'tokens'}")
    assert until.startswith("  access until  20")
    assert until.endswith(" UTC")
    assert "the answer is awaited at http://localhost:" in done.stderr
    assert kept(place)["refresh_token"] == "refresh-2-of-the-tests"

    again = run("auth", "tradestation", "status", "--json")
    told = json.loads(again.stdout)
    assert again.exit_code == 0
    assert (told["provider"], told["state"], told["account"]) == ("tradestation", "logged_in", "clie***")
    assert told["notes"] == []

    out = run("auth", "tradestation", "logout", "--revoke")
    assert (out.exit_code, out.stdout.splitlines()[0]) == (0, "tradestation: logged out")
    assert "has revoked every refresh token of this API key" in out.stderr
    after = run("auth", "tradestation", "status")
    assert after.exit_code == 1
    assert after.stdout.splitlines()[0] == "tradestation: logged out"
    assert "hint: Run `dsm auth tradestation login` once" in after.stderr


def test_the_login_is_kept_in_the_keyring_where_there_is_one(act: Act, place: Path) -> None:
    config_of(place, token_store="auto")
    env = {
        "PYTHON_KEYRING_BACKEND": "tradestation.file_keyring.FileKeyring",
        "PYTHONPATH": str(TESTS),
        PLACE: str(place / "ring"),
    }
    done = act("auth", "tradestation", "login", "--browser", **env)
    assert "  kept in       the keyring 'of the tests'" in done.stdout.splitlines()
    assert list((place / "tokens").glob("*.json")) == []
    without = act("auth", "tradestation", "status", PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    assert without.returncode == 1
    assert "The keyring is not used: this machine has none that is usable." in without.stderr


def test_without_a_browser_the_address_is_printed_and_time_runs_out(act: Act, server: LoopbackServer) -> None:
    done = act("auth", "tradestation", "login", "--no-browser", "--timeout", "1")
    assert done.returncode == 5
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith(f"{server.url}/authorize?")
    assert "error: No answer to the login came within 1 s." in done.stderr
    assert server.requests == ()


def test_no_browser_is_opened_where_nobody_sits_at_a_terminal(act: Act, server: LoopbackServer) -> None:
    done = act("auth", "tradestation", "login", "--timeout", "1", DISPLAY=":0")
    assert done.returncode == 5
    assert server.requests == ()


def test_a_user_who_says_no_ends_the_login(act: Act, vendor: Signin) -> None:
    vendor.denies = "access_denied"
    done = act("auth", "tradestation", "login", "--browser")
    assert done.returncode == 5
    assert "error: TradeStation granted no access (access_denied: The user said no)." in done.stderr


def test_a_taken_port_is_told_and_another_one_can_be_named(
    act: Act, place: Path, server: LoopbackServer
) -> None:
    port = json.loads((place / "dsm.yaml").read_text())["providers"]["tradestation"]["redirect_port"]
    with socket.create_server(("127.0.0.1", port)), socket.socket() as free:
        taken = act("auth", "tradestation", "login", "--browser")
        assert taken.returncode == 4
        assert f"error: Port {port} of 127.0.0.1" in taken.stderr
        free.bind(("127.0.0.1", 0))
        other = free.getsockname()[1]
        free.close()
        assert act("auth", "tradestation", "login", "--browser", "--port", str(other)).returncode == 0
    assert server.requests[0].params["redirect_uri"] == f"http://localhost:{other}"


def test_without_a_key_every_action_says_how_to_get_one(act: Act, run: Run, place: Path) -> None:
    config_of(place, client_id=None)
    status = run("auth", "tradestation", "status")
    login = run("auth", "tradestation", "login")
    assert (status.exit_code, login.exit_code) == (1, 5)
    assert status.stdout.splitlines()[0] == "tradestation: not configured"
    for done in (status, login):
        assert "providers.tradestation.client_id is not set" in done.stderr
        assert "hint: Ask TradeStation's Client Services for an API key." in done.stderr


def test_tokens_and_secrets_are_in_no_output(
    act: Act, run: Run, place: Path, vendor: Signin, server: LoopbackServer
) -> None:
    config_of(place, refresh_token="configured-of-the-tests")
    login = act("auth", "tradestation", "login", "--browser", "--verbose", "--debug")
    told = {"login": login.stdout + login.stderr}
    for args in (
        ("auth", "tradestation", "status", "--json", "--log-json"),
        ("config", "show"),
        ("doctor", "--verbose"),
        ("doctor", "--json", "--log-json"),
    ):
        told[" ".join(args)] = run(*args).output
    server.inject(Fault.reply(lambda _: Response(500, body="no")))
    told["logout"] = run("auth", "tradestation", "logout", "--revoke", "--debug", "--verbose").output
    vendor.refresh.clear()
    told["refused"] = run("doctor", "--debug", "--verbose").output
    for command, text in told.items():
        assert "tradestation" in text, command
        for secret in (SECRET, "configured-of", "access-2", "refresh-2", "code-1-of"):
            assert secret not in text, command
    assert "client_secret" in told["config show"]
    assert "the configured refresh token any more" in told["refused"]


def test_the_doctor_says_whether_the_login_serves(
    act: Act, run: Run, vendor: Signin, server: LoopbackServer
) -> None:
    def credentials() -> dict[str, Any]:
        checks = json.loads(run("doctor", "--json").stdout)["checks"]
        [found] = [check for check in checks if check["name"] == "tradestation credentials in use"]
        return dict(found)

    before = credentials()
    assert before["status"] == "failed"
    assert "dsm auth tradestation login" in before["remedy"]


def test_a_provider_without_a_login_gets_one_clear_error(run: Run) -> None:
    for action in ("login", "status", "logout"):
        done = run("auth", "binance", action)
        assert done.exit_code == 4
        assert done.stderr.splitlines() == [
            "error: Provider 'binance' has no login.",
            "hint: Whatever it needs stands in the configuration; `dsm providers binance` lists its keys.",
        ]


def test_an_unknown_provider_is_told_with_the_close_ones(run: Run) -> None:
    done = run("auth", "tradstation", "status")
    assert done.exit_code == 4
    assert "hint: Did you mean 'tradestation'?" in done.stderr


def test_the_help_lists_providers_and_imports_none(shell: Shell, run: Run) -> None:
    done = run("auth", "--help")
    assert done.exit_code == 0
    assert "tradestation" in done.stdout
    code = "import sys; from dsm_core.cli.app import dsm; dsm(['auth', '--help'], standalone_mode=False)"
    code += "; assert 'dsm_tradestation' not in sys.modules and 'httpx' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env={**os.environ})
    assert run("auth").exit_code == run("auth", "binance").exit_code == 2
    assert "Missing command" in run("auth").stderr


@pytest.fixture
def door(shell: Shell, place: Path) -> Act:
    """Run `dsm` where a package brings a login."""
    code = plugin_code("door", DOORMAN).replace('sources=["rest"]', 'sources=["rest"], auth=Doorman()')
    write_dist(place / "door", "dsm-door", providers={"door": "door_plugin"}, modules={"door_plugin": code})
    return lambda *args: shell(*args, PYTHONPATH=str(place / "door"))


def test_whatever_provider_brings_a_login_has_these_commands(door: Act) -> None:
    done = door("auth", "door", "login", "--no-browser", "--port", "77", "--timeout", "9")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "https://door.example/?a=1",
        "door: logged in",
        "  account       me***",
        "  kept in       my head",
        "  access until  2026-01-02 00:00:00 UTC",
    ]
    assert done.stderr.splitlines() == ["come to 77 within 9 s", "mind the step"]


def test_a_fault_in_a_providers_login_names_the_provider(door: Act) -> None:
    status, logout = door("auth", "door", "status"), door("auth", "door", "logout", "--revoke")
    assert (status.returncode, logout.returncode) == (5, 5)
    assert "Doorman of provider 'door' failed: TypeError" in status.stderr
    assert "revoke=True" in logout.stderr
