"""What the tests of the command line share beside fixtures."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from click.testing import Result

from dsm_binance.emulator import Outage

__all__ = ["OUTAGE", "Run", "Shell", "wait_until", "write_config"]

OUTAGE = Outage(datetime(2024, 3, 1, 2, tzinfo=UTC), datetime(2024, 3, 1, 5, tzinfo=UTC), market="um")

Run = Callable[..., Result]
Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def write_config(folder: Path, endpoints: object) -> Path:
    """Make `dsm.yaml` in a folder; JSON is YAML."""
    path = folder / "dsm.yaml"
    http = {"state_dir": str(folder / "state"), "retry_count": 0}
    content = {"http": http, "providers": {"binance": {"endpoints": endpoints}}}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for another process or thread, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
