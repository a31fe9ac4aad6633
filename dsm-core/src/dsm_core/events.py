"""What happens during a call, as typed values, and the bus that hands them to observers.

Progress, metrics and logs subscribe here; no other room calls them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count

from attrs import field, frozen

__all__ = [
    "CacheHit",
    "CacheWritten",
    "Event",
    "EventBus",
    "GapFound",
    "Planned",
    "RateLimitWait",
    "RequestFinished",
    "RequestSent",
    "Retry",
    "SegmentDone",
    "SourceSkipped",
    "call_scope",
    "new_call_id",
]

_log = logging.getLogger(__name__)
_call_id: ContextVar[int] = ContextVar("dsm_call_id", default=0)
_next_call = count(1)


def new_call_id() -> int:
    """A number that no other call of the process has."""
    return next(_next_call)


@contextmanager
def call_scope(call_id: int) -> Iterator[None]:
    """Give every event emitted inside the same ``call_id``, in tasks begun inside too."""
    token = _call_id.set(call_id)
    try:
        yield
    finally:
        _call_id.reset(token)


@frozen(kw_only=True)
class Event:
    """Base of every event; ``call_id`` is the same through all layers of one call."""

    call_id: int = field(factory=_call_id.get)


@frozen(kw_only=True)
class Planned(Event):
    """A plan was made; ``tasks`` requests are foreseen."""

    series: str
    tasks: int
    requests: int


@frozen(kw_only=True)
class CacheHit(Event):
    """Rows or confirmed holes came from the cache."""

    series: str
    rows: int


@frozen(kw_only=True)
class RequestSent(Event):
    """One HTTP request leaves."""

    method: str
    url: str
    attempt: int


@frozen(kw_only=True)
class RequestFinished(Event):
    """One HTTP exchange ended; ``status`` is 0 when no answer came."""

    method: str
    url: str
    status: int
    duration_s: float
    bytes_received: int


@frozen(kw_only=True)
class Retry(Event):
    """A request will be sent again after ``wait_s``."""

    url: str
    attempt: int
    wait_s: float
    error: str


@frozen(kw_only=True)
class RateLimitWait(Event):
    """A request waits for its pool."""

    pool: str
    wait_s: float


@frozen(kw_only=True)
class SegmentDone(Event):
    """One task of a plan was answered."""

    series: str
    source: str
    start_ns: int
    end_ns: int
    rows: int


@frozen(kw_only=True)
class SourceSkipped(Event):
    """A source failed for a range, which moves on to the next one."""

    series: str
    source: str
    error: str


@frozen(kw_only=True)
class GapFound(Event):
    """Bars that no source had."""

    series: str
    start_ns: int
    end_ns: int
    reason: str
    final: bool


@frozen(kw_only=True)
class CacheWritten(Event):
    """A cache file was replaced."""

    path: str
    rows: int
    bytes_written: int


class EventBus:
    """Hands events to observers; one that raises is reported once and dropped."""

    def __init__(self) -> None:
        self._observers: tuple[Callable[[Event], object], ...] = ()
        self._lock = threading.Lock()

    def subscribe(self, observer: Callable[[Event], object]) -> Callable[[], None]:
        """Call ``observer(event)`` for each event from now on.

        Returns
        -------
        callable
            Ends the subscription; calling it twice is harmless.
        """
        with self._lock:
            self._observers = (*self._observers, observer)
        return lambda: self._drop(observer)

    def emit(self, event: Event) -> None:
        """Hand ``event`` to every observer, in the caller's thread."""
        for observer in self._observers:
            try:
                observer(event)
            except Exception as error:
                if observer in self._observers:
                    self._drop(observer)
                    _log.warning("observer_dropped observer=%r error=%r", observer, error)

    def _drop(self, observer: Callable[[Event], object]) -> None:
        with self._lock:
            self._observers = tuple(o for o in self._observers if o is not observer)
