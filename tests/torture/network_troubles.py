"""What goes wrong on the network, and what a call may make of it."""

from __future__ import annotations

import math
from typing import Any, Final

from attrs import field, frozen

from dsm_core.errors import (
    AccessDeniedError,
    DSMError,
    IntegrityError,
    ProtocolChangedError,
    RateLimitError,
    ServerError,
    SourceTimeoutError,
)
from torture.network_clients import Client, World

__all__ = ["TROUBLES", "Trouble"]

_OF_HOST: Final = frozenset({"refuse", "stall"})


@frozen(kw_only=True)
class Trouble:
    """One way in which a venue is in trouble.

    Parameters
    ----------
    kind
        A kind of fault, or ``refuse`` or ``stall``, which are the host's.
    becomes
        The errors that it may be told as.
    with_
        More of the fault.
    deadline_s
        What the calls are given.
    is_passing
        Whether the retries outlast it, so that nothing is missing.
    is_silent
        Whether it looks like an answer, so that nothing is an error.
    stops
        Whether the host is not asked again by the same manager: it refuses, or has banned the client.
    http
        Settings that bring it about.
    """

    kind: str
    becomes: tuple[type[DSMError], ...] = ()
    with_: dict[str, Any] = field(factory=dict)
    deadline_s: float = 20.0
    is_passing: bool = False
    is_silent: bool = False
    stops: bool = False
    http: dict[str, Any] = field(factory=dict)

    def concerns(self, client: Client) -> bool:
        """Whether the client's venue can be in it."""
        return self.kind in _OF_HOST or client.can_show(self.kind)

    def begin(self, world: World) -> None:
        """Let it happen to whatever the client asks."""
        if self.kind in _OF_HOST:
            getattr(world.venue, self.kind)()
        else:
            fault = world.client.fault
            world.venue.add_fault(fault(self.kind, world.client.requests, **({"times": None} | self.with_)))

    def end(self, world: World) -> None:
        """Let the venue be well."""
        world.venue.clear_faults()
        if self.kind in _OF_HOST:
            world.venue.serve()
        else:
            world.venue.release()


_BROKEN = (SourceTimeoutError, ServerError)
_WRONG = (ServerError, IntegrityError)
_SLOW: dict[str, Any] = {"read_timeout_s": 60.0}

TROUBLES = {
    "refused connection": Trouble(kind="refuse", becomes=(SourceTimeoutError,)),
    "connection that never stands": Trouble(kind="stall", becomes=(SourceTimeoutError,)),
    "reset": Trouble(kind="reset", becomes=_BROKEN),
    "two resets": Trouble(kind="reset", with_={"times": 2}, is_passing=True),
    "silence": Trouble(kind="timeout", becomes=(SourceTimeoutError,), http={"read_timeout_s": 0.3}),
    "silence beyond the deadline": Trouble(
        kind="timeout", becomes=(SourceTimeoutError,), deadline_s=0.7, http=_SLOW
    ),
    "a body byte by byte": Trouble(kind="drip", becomes=(SourceTimeoutError,), deadline_s=0.7, http=_SLOW),
    "cut body": Trouble(kind="cut", becomes=_BROKEN),
    "wrong length": Trouble(kind="wrong-length", becomes=(*_BROKEN, IntegrityError)),
    "gzip that is none": Trouble(kind="bad-gzip", becomes=_WRONG),
    "page instead of data": Trouble(kind="html", becomes=_WRONG),
    "half of the JSON": Trouble(kind="malformed", becomes=(ServerError,)),
    "redirects without end": Trouble(kind="redirect-loop", becomes=(ProtocolChangedError,)),
    "429, and when to come back": Trouble(kind="429", with_={"times": 1, "retry_after": 1}, is_passing=True),
    "429 that stays": Trouble(
        kind="429", with_={"retry_after": 1}, becomes=(RateLimitError, SourceTimeoutError), deadline_s=3.0
    ),
    "429 without a word": Trouble(kind="429", with_={"retry_after": math.inf, "times": 1}, is_passing=True),
    "429 for ages": Trouble(
        kind="429", with_={"retry_after": 999_999}, becomes=(RateLimitError,), stops=True
    ),
    "418": Trouble(kind="418", with_={"retry_after": 600}, becomes=(RateLimitError,), stops=True),
    "403": Trouble(kind="403", becomes=(AccessDeniedError,), stops=True),
    "451": Trouble(kind="451", becomes=(AccessDeniedError,), stops=True),
    "500": Trouble(kind="500", becomes=(ServerError,)),
    "502": Trouble(kind="502", becomes=(ServerError,)),
    "503 in a burst": Trouble(kind="503", with_={"times": 3}, is_passing=True),
    "503 with a wait beyond the deadline": Trouble(
        kind="503", with_={"retry_after": 900}, becomes=(ServerError,)
    ),
    "200 without a row": Trouble(kind="empty", is_silent=True),
}
