"""The use of one pool, shared by the machine's processes through one small file.

The file is a cache of facts, not a record: one that is damaged, foreign or from the future is as
good as none. Where it cannot be written, the pool is kept by this process alone.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define, evolve, frozen
from filelock import FileLock, Timeout
from pyrate_limiter import Decision, Rate, StateAlgorithm, StateStore, WallClock
from pyrate_limiter.abstracts import State

from dsm_core.net.status import MAX_BAN_S
from dsm_core.net.window import SlotWindow

__all__ = ["FileStateStore", "Verdict"]

_log = logging.getLogger(__name__)
_VERSION: Final = 1
_LOCK_TIMEOUT_S: Final = 1.0
_LOCK_POLL_S: Final = 0.002
_MAX_BAN_MS: Final = int(MAX_BAN_S * 1000)
_CLOCK_SLACK_MS: Final = 1000
_FILE_BYTES: Final = 1024
_MAX_FILE_BYTES: Final = 64 * 1024
_OPEN_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)


@define
class _Record:
    """What the file holds; times are wall-clock milliseconds."""

    at: int = 0
    windows: tuple[int, ...] = ()
    state: State = ()
    blocked_at: int = 0
    blocked_until: int = 0
    banned: bool = False

    def settle(self, now: int) -> None:
        """Make the record fit a clock that may have been set."""
        if self.at > now + _MAX_BAN_MS or self.blocked_until > now + 2 * _MAX_BAN_MS:
            self.windows, self.state, self.blocked_until = (), (), 0
        elif self.blocked_at > now + _CLOCK_SLACK_MS:
            self.blocked_until += now - self.blocked_at
            self.blocked_at = now
        self.blocked_until = min(self.blocked_until, now + _MAX_BAN_MS)
        self.at = now

    def dump(self) -> bytes:
        blocked = [self.blocked_at, self.blocked_until, int(self.banned)]
        body = {
            "v": _VERSION,
            "at": self.at,
            "windows": self.windows,
            "state": self.state,
            "blocked": blocked,
        }
        return json.dumps(body, separators=(",", ":")).encode()


def _parse(text: bytes) -> _Record:
    body: Any = json.loads(text)
    if body["v"] != _VERSION:
        raise ValueError(f"version {body['v']}")
    blocked_at, blocked_until, banned = (int(number) for number in body["blocked"])
    windows = tuple(int(number) for number in body["windows"])
    state = tuple(int(number) for number in body["state"])
    return _Record(int(body["at"]), windows, state, blocked_at, blocked_until, bool(banned))


@frozen
class Verdict:
    """Whether units were spent, and how long to wait where not."""

    decision: Decision
    wait_s: float = 0.0
    banned: bool = False
    used: tuple[int, ...] = ()


class FileStateStore(StateStore):
    """Holds one pool's state in ``path``, under a lock beside it.

    Every method is short file work, meant for a worker thread.
    """

    is_async = False
    default_clock = WallClock()

    def __init__(self, path: Path, *, wall: Callable[[], float] = time.time) -> None:
        self._path: Path | None = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._go_alone(error)
        self._lock = FileLock(f"{path}.lock", timeout=_LOCK_TIMEOUT_S, poll_interval=_LOCK_POLL_S)
        self._threads = threading.Lock()
        self._wall = wall
        self._record = _Record()

    def now_ms(self) -> int:
        """Wall-clock milliseconds."""
        return int(self._wall() * 1000)

    def check(self, algorithm: StateAlgorithm, rates: list[Rate], now: int, weight: int) -> Decision:
        """Apply ``algorithm.step`` to the stored state, atomically over all processes."""
        with self._open() as record:
            state, decision = algorithm.step(rates, _state_of(record, algorithm, rates), now, weight)
            record.state = state
            return decision

    def read(self, algorithm: StateAlgorithm, rates: list[Rate]) -> State:
        """Give the stored state, for reporting."""
        with self._open() as record:
            return _state_of(record, algorithm, rates)

    def reset(self) -> None:
        """Forget use and blocks."""
        with self._open() as record:
            record.windows, record.state, record.blocked_until = (), (), 0

    def admit(self, algorithm: SlotWindow, rates: list[Rate], weight: int) -> Verdict:
        """Spend ``weight`` now, unless the pool is blocked or full."""
        with self._open() as record:
            now = record.at
            if record.blocked_until > now:
                wait_s = (record.blocked_until - now) / 1000
                return Verdict(Decision(), wait_s, banned=record.banned)
            if not rates:
                return Verdict(Decision())
            state = _state_of(record, algorithm, rates)
            record.state, decision = algorithm.step(rates, state, now, weight)
            used = tuple(algorithm.used(rates, record.state, now))
            return Verdict(decision, (decision.retry_after_ms or 0) / 1000, used=used)

    def raise_to(self, algorithm: SlotWindow, rates: list[Rate], counts: list[int]) -> None:
        """Count at least ``counts`` units in each window from now on."""
        with self._open() as record:
            state = _state_of(record, algorithm, rates)
            record.state = algorithm.raise_to(rates, state, record.at, counts)

    def block(self, wait_s: float, *, banned: bool) -> None:
        """Keep every process away for ``wait_s``; a longer block that stands is kept."""
        with self._open() as record:
            until = record.at + int(min(wait_s, MAX_BAN_S) * 1000)
            if until > record.blocked_until:
                record.blocked_at, record.blocked_until, record.banned = record.at, until, banned

    @contextmanager
    def _open(self) -> Iterator[_Record]:
        with self._threads:
            shared = self._acquire()
            try:
                if shared is not None:
                    self._record = _read(shared) or self._record
                before = evolve(self._record)
                self._record.settle(self.now_ms())
                yield self._record
                if shared is not None and self._record != before:
                    self._write(shared)
            finally:
                if shared is not None:
                    os.close(shared)
                    self._lock.release()

    def _acquire(self) -> int | None:
        """Lock and open the file; None where this process is on its own."""
        if self._path is None:
            return None
        try:
            self._lock.acquire()
        except Timeout:
            _log.debug("limit_state_busy path=%s", self._path)
            return None
        except OSError as error:
            self._go_alone(error)
            return None
        try:
            return os.open(self._path, _OPEN_FLAGS, 0o600)
        except OSError as error:
            self._lock.release()
            self._go_alone(error)
            return None

    def _write(self, shared: int) -> None:
        try:
            # one write in place, of constant length: if it is torn, the text is damaged, which is as none
            text = self._record.dump().ljust(_FILE_BYTES)
            os.lseek(shared, 0, os.SEEK_SET)
            os.write(shared, text)
            if os.fstat(shared).st_size > len(text):
                os.ftruncate(shared, len(text))
        except OSError as error:
            self._go_alone(error)

    def _go_alone(self, error: OSError) -> None:
        _log.debug("limit_state_not_shared path=%s error=%r", self._path, error)
        self._path = None


def _read(shared: int) -> _Record | None:
    try:
        text = os.read(shared, _MAX_FILE_BYTES)
        return _parse(text) if text else None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        _log.debug("limit_state_unreadable error=%r", error)
        return None


def _state_of(record: _Record, algorithm: StateAlgorithm, rates: list[Rate]) -> State:
    """Give the state, or a fresh one when it was kept for other windows."""
    windows = tuple(rate.interval for rate in rates)
    fresh = algorithm.initial(rates)
    if record.windows != windows or len(record.state) != len(fresh):
        record.windows, record.state = windows, fresh
    return record.state
