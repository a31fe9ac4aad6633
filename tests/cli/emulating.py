"""`dsm emulate VENUE` in another process, and how it is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["emulating", "stop"]


@contextmanager
def emulating(venue: str, last: str, *args: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running command and the YAML that it printed, up to the line that begins with ``last``."""
    command = [sys.executable, "-m", "dsm_core", "emulate", venue, *args]
    env = {name: value for name, value in os.environ.items() if name != "DSM_CACHE_DIR"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith(last):
                break
        try:
            yield process, "".join(lines)
        finally:
            if process.poll() is None:
                process.kill()


def stop(process: subprocess.Popen[str], number: int = signal.SIGINT) -> str:
    """Send a signal, and give what the command said on standard error in all."""
    process.send_signal(number)
    assert process.stderr is not None
    said = process.stderr.read()
    process.wait(timeout=10)
    return said
