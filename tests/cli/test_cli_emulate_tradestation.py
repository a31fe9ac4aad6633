"""`dsm emulate tradestation`: a venue with a sign-in in another process, and what leads DSM to it."""

from __future__ import annotations

import importlib.util
import socket
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from cli.emulating import emulating, stop
from cli.running import Run, Shell

DAY = ("get", "MSFT", "1h", "--start", "2024-11-29", "--end", "2024-11-29")
VENUE = ("tradestation", "    refresh_token:")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a POSIX signal")


@pytest.fixture(autouse=True)
def environment(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment wins over the file."""
    for name in ("DSM_CACHE_DIR", "DSM_PROVIDER"):
        monkeypatch.delenv(name, raising=False)


def test_its_yaml_points_dsm_at_it_with_a_login_that_works(shell: Shell, place: Path) -> None:
    with emulating(*VENUE) as (process, text):
        (place / "dsm.yaml").write_text(text)
        assert shell("config", "check").returncode == 0
        done = shell(*DAY, "--format", "csv")
        said = stop(process)
    assert done.returncode == 0, done.stderr
    # Half a day: 09:30 to 13:00 in New York.
    assert [line[:16] for line in done.stdout.splitlines()[1:]] == [
        "2024-11-29T14:30",
        "2024-11-29T15:30",
        "2024-11-29T16:30",
        "2024-11-29T17:30",
    ]
    # One for the access token, one for the bars.
    assert "Stopped after 2 requests." in said
    assert process.returncode == 0


def test_a_fault_is_shown_to_whom_it_is_meant_for(shell: Shell, place: Path) -> None:
    with emulating(*VENUE, "--fault", "not-entitled:/barcharts/MSFT:times=all") as (process, text):
        (place / "dsm.yaml").write_text(text)
        done = shell(*DAY)
        stop(process)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert "entitled" in done.stderr


def test_an_unknown_fault_is_wrong_usage(run: Run) -> None:
    result = run("emulate", "tradestation", "--fault", "tea")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "unknown fault 'tea'" in result.stderr


def test_a_folder_without_recordings_is_wrong_usage(run: Run, place: Path) -> None:
    result = run("emulate", "tradestation", "--data", str(place))
    assert result.exit_code == 2
    assert "no recorded barcharts or symbols under" in result.stderr


def test_a_taken_port_is_an_error(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = run("emulate", "tradestation", "--port", str(min(server.getsockname()[1], 65534)))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: The port cannot be opened: ")


def test_without_its_extra_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "aiohttp" else usual(name, package)

    monkeypatch.setattr("dsm_core.emulation.command.find_spec", find)
    result = run("emulate", "tradestation")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "pip install 'dsm-tradestation[emulator]'" in result.stderr
