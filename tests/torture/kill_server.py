"""A process that forks others and has them killed: at a given system call, or at a given moment.

Starting an interpreter takes longer than all that is to be killed in it, so this one is started once, does
nothing itself, and answers each line of its standard input, JSON, with one of its own.
"""

from __future__ import annotations

import builtins
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, Self

TESTS = Path(__file__).parents[1]
# Whatever the cache asks of the system by name; writing is met in the files that are opened.
CALLS = (
    "open", "close", "fdopen", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "stat", "lstat",
    "fstat", "listdir", "scandir", "utime",
)  # fmt: skip

# About as long as a child takes before it first reports.
_FIRST_S = 0.03


class KillServer:
    """The other side: starts the process, and asks it."""

    def __init__(self, module: str) -> None:
        env = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
        command = [sys.executable, "-m", "torture.kill_server", module]
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(timeout=30)
        self._process.stdout.close()  # type: ignore[union-attr]

    def at_step(self, act: str, root: Path, step: int) -> bool:
        """Do ``act`` in a process that dies at its ``step``-th call; whether it died, and did not end."""
        return bool(self._ask({"act": act, "root": str(root), "step": step})["killed"])

    def at_moment(self, act: str, root: Path, reports: int, part: float, *args: int) -> tuple[int, bool]:
        """Do ``act`` and kill it from outside; how often it had reported by then, and whether it lived.

        Parameters
        ----------
        reports, part
            When: after so many reports, and a part of the time that the last of them took.
        """
        told = self._ask({"act": act, "root": str(root), "after": reports, "part": part, "args": args})
        return int(told["reports"]), bool(told["killed"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        answer = self._process.stdout.readline()
        assert answer, "the server is gone"
        told: dict[str, Any] = json.loads(answer)
        assert told["signal"] in (0, signal.SIGKILL), f"the act failed: {told}"
        return told


class _Mortal:
    """Counts calls down, and dies at the last."""

    def __init__(self, step: int) -> None:
        self._left = step

    def step(self) -> None:
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.step()
            return function(*args, **kwargs)

        return call

    def open(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            self.step()
            opened = function(file, mode, *args, **kwargs)
            return opened if "r" in mode else _MortalFile(opened, self)

        return call


class _MortalFile:
    """A file that may die before a write, in the middle of it, and before it is flushed or closed."""

    def __init__(self, file: Any, mortal: _Mortal) -> None:
        self._file, self._mortal = file, mortal

    def write(self, data: Any) -> int:
        middle = len(data) // 2
        for part in (data[:middle], data[middle:]):
            self._mortal.step()
            self._file.write(part)
            self._file.flush()
        return len(data)

    def writelines(self, parts: Any) -> None:
        for part in parts:
            self.write(part)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._mortal.step()
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _die_at(step: int) -> None:
    """Make this process mortal from now on."""
    import fcntl  # noqa: PLC0415 - POSIX has it

    mortal = _Mortal(step)
    for name in CALLS:
        setattr(os, name, mortal.wrap(getattr(os, name)))
    vars(fcntl)["flock"] = mortal.wrap(fcntl.flock)
    vars(builtins)["open"] = mortal.open(builtins.open)


@contextmanager
def _reports() -> Iterator[tuple[int, Callable[[], None]]]:
    """A pipe: its reading end, and what writes a byte into it."""
    reading, writing = os.pipe()
    try:
        yield reading, lambda: _say(writing)
    finally:
        os.close(reading)
        os.close(writing)


def _say(writing: int) -> None:
    os.write(writing, b".")


def _child(act: Callable[..., None], question: dict[str, Any], report: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        if "step" in question:
            _die_at(question["step"])
            act(Path(question["root"]))
        else:
            act(Path(question["root"]), report, *question["args"])
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _answer(acts: dict[str, Callable[..., None]], question: dict[str, Any]) -> dict[str, Any]:
    with _reports() as (reading, report):
        child = os.fork()
        if not child:
            _child(acts[question["act"]], question, report)
        reports = _kill(child, reading, question) if "part" in question else 0
        _, status = os.waitpid(child, 0)
        os.set_blocking(reading, False)
        with suppress(BlockingIOError):
            reports += len(os.read(reading, 65536))
    killed = os.WIFSIGNALED(status)
    failed = os.WEXITSTATUS(status) if not killed else 0
    return {"killed": killed, "reports": reports, "signal": os.WTERMSIG(status) if killed else -failed}


def _kill(child: int, reading: int, question: dict[str, Any]) -> int:
    """Kill a child at the moment that is asked for; gives how many reports were seen."""
    # A child that ends first leaves a pidfd that is ready.
    ended = os.pidfd_open(child)
    reports, before, last = 0, time.monotonic(), time.monotonic()
    while reports < question["after"] and ended not in select.select([reading, ended], [], [])[0]:
        reports += len(os.read(reading, 1))
        before, last = last, time.monotonic()
    select.select([ended], [], [], question["part"] * (last - before if reports else _FIRST_S))
    os.close(ended)
    os.kill(child, signal.SIGKILL)
    return reports


def _serve(module: str) -> None:
    acts = __import__(module, fromlist=["ACTS"]).ACTS
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(acts, json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])
