"""A program at a terminal: stdout and stderr of a child process are a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import sys

__all__ = ["in_terminal", "python_in_terminal"]


def in_terminal(*args: str, **env: str) -> tuple[int, str]:
    """Exit code of `dsm`, and what the terminal showed."""
    return python_in_terminal("-m", "dsm_core", *args, **env)


def python_in_terminal(*args: str, **env: str) -> tuple[int, str]:
    """Exit code of an interpreter, and what the terminal showed."""
    main, child = pty.openpty()
    command = [sys.executable, *args]
    pid = os.posix_spawn(
        sys.executable,
        command,
        {**os.environ, "TERM": "xterm-256color", **env},
        file_actions=[(os.POSIX_SPAWN_DUP2, child, 1), (os.POSIX_SPAWN_DUP2, child, 2)],
    )
    os.close(child)
    text = b"".join(iter(lambda: _read(main), b""))
    os.close(main)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:
        # Linux says so when the last process has left the terminal.
        return b""
