"""`dsm emulate binance`: a venue in another process, and the configuration that leads to it."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import pytest

from cli.emulating import emulating, stop
from cli.running import Run, Shell
from dsm_core.config import load_config

DAY = ("get", "BTCUSDT", "1h", "--start", "2024-03-01", "--end", "2024-03-01")
VENUE = ("binance", "      cm:")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a POSIX signal")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_its_folder_goes(place: Path, number: int) -> None:
    with emulating(*VENUE) as (process, text):
        (place / "venue.yaml").write_text(text)
        cache = load_config(place / "venue.yaml", env={}).cache.dir
        assert cache is not None
        assert cache.parent.is_dir()
        said = stop(process, number)
    assert process.returncode == 0
    assert "Stopped after 0 requests." in said
    assert "Traceback" not in said
    assert not cache.parent.exists()


def test_its_yaml_points_dsm_at_it(shell: Shell, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSM_CACHE_DIR")
    with emulating(*VENUE) as (process, text):
        (place / "dsm.yaml").write_text(text)
        assert shell("config", "check").returncode == 0
        done = shell(*DAY, "--format", "csv")
        assert stop(process).count("Stopped after 2 requests.") == 1
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 25


def test_a_fault_is_shown_to_whom_it_is_meant_for(shell: Shell, place: Path) -> None:
    with emulating(*VENUE, "--fault", "403:.zip:times=all", "--fault", "451:klines:times=all") as (
        process,
        text,
    ):
        (place / "dsm.yaml").write_text(text)
        done = shell(*DAY)
        stop(process)
    assert (done.returncode, done.stdout) == (5, "")


def test_an_unknown_fault_is_wrong_usage(run: Run) -> None:
    result = run("emulate", "binance", "--fault", "tea")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "unknown fault 'tea'" in result.stderr


def test_a_folder_without_recordings_is_wrong_usage(run: Run, place: Path) -> None:
    result = run("emulate", "binance", "--data", str(place))
    assert result.exit_code == 2
    assert "no recorded klines or funding rates under" in result.stderr


def test_a_taken_port_is_an_error(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = run("emulate", "binance", "--port", str(server.getsockname()[1]))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: The port cannot be opened: ")
