"""The bus: hands events to observers and to the log, in the thread in which they happen."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from typing import Any

from attrs import define

from dsm_core.errors import RequestError
from dsm_core.events.event import Event
from dsm_core.masking import mask_text, masked_traceback

__all__ = ["EventBus"]

# The package's name, which users know, and not this module's.
_log = logging.getLogger("dsm_core.events")
# A library is silent until its user asks: else Python itself prints warnings to stderr.
logging.getLogger("dsm_core").addHandler(logging.NullHandler())


@define(eq=False)
class _Subscription:
    observer: Callable[[Event], object]
    is_on: bool = True


class EventBus:
    """Hands events to observers; one that raises is reported once and dropped."""

    def __init__(self) -> None:
        self._subscriptions: tuple[_Subscription, ...] = ()
        self._lock = threading.Lock()
        self._here = threading.local()

    @property
    def is_observing(self) -> bool:
        """Whether this thread is inside one of the bus's observers."""
        return getattr(self._here, "is_observing", False)

    def wants(self, kind: type[Event]) -> bool:
        """Whether anybody would see an event of ``kind``: what costs to tell may be left out else."""
        return bool(self._subscriptions) or _log.isEnabledFor(kind.log_level)

    def subscribe(self, observer: Callable[[Event], object]) -> Callable[[], None]:
        """Call ``observer(event)`` for each event from now on.

        Returns
        -------
        callable
            Ends the subscription; calling it twice is harmless.

        Raises
        ------
        RequestError
            When the observer cannot be called, or is a coroutine function.
        """
        _check(observer)
        made = _Subscription(observer)
        with self._lock:
            self._subscriptions = (*self._subscriptions, made)

        def unsubscribe() -> None:
            self._end([made])

        return unsubscribe

    def has(self, observer: Callable[[Event], object]) -> bool:
        """Whether an observer equal to this one, and of its type, is subscribed."""
        same = (s.observer for s in self._subscriptions if type(s.observer) is type(observer))
        return any(one == observer for one in same)

    def emit(self, event: Event) -> None:
        """Log ``event`` and hand it to every observer, in the caller's thread."""
        if _log.isEnabledFor(event.log_level):
            # Formatted only if a handler writes it; `dsm_event` is for handlers that keep fields apart.
            _log.log(event.log_level, "%s", event, extra={"dsm_event": event})
        if self._subscriptions:
            outer, self._here.is_observing = self.is_observing, True
            try:
                for subscription in self._subscriptions:
                    self._tell(subscription, event)
            finally:
                self._here.is_observing = outer

    def _tell(self, subscription: _Subscription, event: Event) -> None:
        if not subscription.is_on:
            return
        try:
            subscription.observer(event)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # Whatever ends an observer, a SystemExit or a cancellation too, is not to end the call.
            if self._drop(subscription):
                _report(subscription.observer, error)

    def _drop(self, broken: _Subscription) -> bool:
        """End every subscription of the same observer; tell whether nobody did so before."""
        return self._end([s for s in (broken, *self._subscriptions) if s.observer is broken.observer])

    def _end(self, ended: list[_Subscription]) -> bool:
        with self._lock:
            was_on = any(s.is_on for s in ended)
            for subscription in ended:
                subscription.is_on = False
            self._subscriptions = tuple(s for s in self._subscriptions if s.is_on)
        return was_on


def _report(observer: object, error: BaseException) -> None:
    if not _log.isEnabledFor(logging.WARNING):
        return
    told = (mask_text(repr(observer)), mask_text(repr(error)))
    record = _log.makeRecord(
        _log.name, logging.WARNING, __file__, 0, "observer_dropped observer=%s error=%s", told, None
    )
    # As text, since a formatter would write the exception unmasked.
    record.exc_text = masked_traceback(error)
    _log.handle(record)


def _check(observer: Any) -> None:
    call = getattr(observer, "__call__", None)  # noqa: B004 - an object's own method may be a coroutine function
    if call is None:
        raise RequestError(f"{observer!r} cannot be called.", hint="Pass a function of one event.")
    if inspect.iscoroutinefunction(observer) or inspect.iscoroutinefunction(call):
        raise RequestError(
            f"Observer {observer!r} is a coroutine function, which nobody would await.",
            hint="Pass a plain function; it may put the event into an asyncio.Queue.",
        )
