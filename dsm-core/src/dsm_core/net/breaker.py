"""Keeps requests away from a host that keeps failing; knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from attrs import frozen

__all__ = ["MAX_OPEN_S", "OPEN_S", "THRESHOLD", "Admission", "Breaker"]

THRESHOLD: Final = 5
OPEN_S: Final = 30.0
MAX_OPEN_S: Final = 300.0


@frozen
class Admission:
    """One request that was let through: when, and whether it is the probe that decides."""

    started: float
    is_probe: bool


class Breaker:
    """Closed, open for a while, then half-open: one probe decides.

    Failures count only when they follow one another: requests in flight together when a
    connection breaks are one piece of evidence, not as many as there were requests.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._last_failure = -inf
        self._open_s = OPEN_S
        self._opens_again_at: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether the host is avoided, a probe under way or due included."""
        return self._opens_again_at is not None

    @property
    def is_probed(self) -> bool:
        """Whether a probe is under way, until whose end nothing else is sent."""
        return self._probing

    def wait_s(self) -> float:
        """Seconds until a probe may be sent; 0 when requests are admitted."""
        if self._opens_again_at is None:
            return 0.0
        return inf if self._probing else max(0.0, self._opens_again_at - self._monotonic())

    def enter(self) -> Admission:
        """Begin a request; give what is to be handed to `leave`."""
        # The retries of calls that were admitted before go on while it is left alone: they are no probe.
        is_probe = self.is_open and self.wait_s() <= 0
        self._probing = self._probing or is_probe
        return Admission(self._monotonic(), is_probe)

    def leave(self, admission: Admission, ok: bool | None) -> None:
        """End a request: the host worked, failed, or (None) nothing was learned."""
        if admission.is_probe:
            self._probing = False
        if ok:
            self._failures, self._open_s, self._opens_again_at = 0, OPEN_S, None
        elif ok is not None:
            self._failed(admission.started)

    def _failed(self, started: float) -> None:
        now = self._monotonic()
        if started < self._last_failure:
            return
        self._last_failure = now
        self._failures += 1
        if self._opens_again_at is None:
            if self._failures >= THRESHOLD:
                self._opens_again_at = now + self._open_s
        elif now >= self._opens_again_at:
            self._open_s = min(self._open_s * 2, MAX_OPEN_S)
            self._opens_again_at = now + self._open_s
