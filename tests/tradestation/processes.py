"""Processes that run `auth_child`, and what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


def child(*args: object, **env: str) -> subprocess.Popen[str]:
    """A process that was given arguments, and variables besides its parent's."""
    return subprocess.Popen(
        [sys.executable, "-m", "tradestation.auth_child", *map(str, args)],
        cwd=TESTS,
        env={**os.environ, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def output_of(process: subprocess.Popen[str]) -> Any:
    """The value in the last line that a process printed before it ended well."""
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return json.loads(told.splitlines()[-1])
