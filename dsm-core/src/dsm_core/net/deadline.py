"""How long the current call may still take; set by the caller, respected by every wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import Any

from dsm_core.errors import SourceTimeoutError

__all__ = ["Deadline", "current_deadline", "deadline_scope"]


class Deadline:
    """A moment on the monotonic clock, or none.

    Parameters
    ----------
    at
        The moment, on ``monotonic``'s scale; infinity means no deadline.
    monotonic
        The clock.
    """

    __slots__ = ("_at", "_monotonic")

    def __init__(self, at: float = inf, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._at = at
        self._monotonic = monotonic

    def __repr__(self) -> str:
        return f"Deadline(remaining_s={self.remaining_s():.3f})"

    @classmethod
    def after(cls, seconds: float | None, *, monotonic: Callable[[], float] = time.monotonic) -> Deadline:
        """Give the deadline ``seconds`` from now; None means there is none."""
        return cls(inf if seconds is None else monotonic() + seconds, monotonic=monotonic)

    def remaining_s(self) -> float:
        """Seconds left: infinite without a deadline, never below 0."""
        return max(0.0, self._at - self._monotonic())

    def check(self, **about: Any) -> None:
        """Go on while there is time; ``about`` joins the error's details.

        Raises
        ------
        SourceTimeoutError
            The deadline has passed; a later call, or one with a longer deadline, may work.
        """
        if self.remaining_s() <= 0:
            message = "The call's deadline has passed."
            raise SourceTimeoutError(message, hint="Allow more with deadline_s.", **about)


_current: ContextVar[Deadline | None] = ContextVar("dsm_deadline", default=None)
_NO_DEADLINE = Deadline()


def current_deadline() -> Deadline:
    """Give the deadline of the call that runs now; one without end outside of any scope."""
    return _current.get() or _NO_DEADLINE


@contextmanager
def deadline_scope(deadline: Deadline, *, replaces: bool = False) -> Iterator[Deadline]:
    """Apply ``deadline`` to everything inside; of nested ones the earliest counts.

    With ``replaces`` the outer ones do not count: for work that others wait for too, whose deadlines differ.
    """
    outer = current_deadline()
    token = _current.set(deadline if replaces or deadline.remaining_s() <= outer.remaining_s() else outer)
    try:
        yield current_deadline()
    finally:
        _current.reset(token)
