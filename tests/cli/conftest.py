"""A venue on this machine, a configuration that names it, and two ways to run `dsm` against it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.running import OUTAGE, Run, Shell, write_config
from dsm_binance.emulator import Emulator
from dsm_core.cli.app import dsm


@pytest.fixture(scope="session")
def venue() -> Iterator[Emulator]:
    with Emulator(outages=[OUTAGE]) as running:
        yield running


@pytest.fixture
def place(venue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the test: `dsm.yaml` points at the venue, `cache` is the cache."""
    for name in [name for name in os.environ if name.startswith("DSM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DSM_PROVIDER", "binance")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("DSM_CONFIG", str(write_config(tmp_path, venue.endpoints)))
    monkeypatch.setenv("DSM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(place: Path) -> Run:
    """Run `dsm` in this process; an exception that is no way to end a command is raised again."""

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(dsm, args, prog_name="dsm", catch_exceptions=False)

    return invoke


@pytest.fixture
def shell(place: Path) -> Shell:
    """Run `dsm` in a process of its own."""

    def invoke(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dsm_core", *args],
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )

    return invoke
