"""What happens on the way to a venue: requests, retries, and waits for its limits."""

from __future__ import annotations

from attrs import field, frozen

from dsm_core.events.event import Event
from dsm_core.events.scope import current_scope

__all__ = ["RateLimitWait", "RequestFinished", "RequestSent", "Retry"]


@frozen(kw_only=True)
class RequestSent(Event):
    """One HTTP request leaves; exactly one `RequestFinished` of the same ``request_id`` follows.

    Parameters
    ----------
    request_id
        A number that no other request of the process has.
    provider
        Whose request.
    source
        Which of its sources; empty for what belongs to none, such as its clock.
    method
        ``GET``, ``POST``.
    url
        Address and query, credentials masked.
    attempt
        1 for the first try.
    """

    request_id: int = 0
    provider: str = ""
    source: str = field(factory=lambda: current_scope().source)
    method: str
    url: str
    attempt: int


@frozen(kw_only=True)
class RequestFinished(Event):
    """One HTTP exchange ended: answered, refused, broken or cancelled.

    Parameters
    ----------
    request_id, provider, source, method, url
        As in its `RequestSent`.
    status
        HTTP status; 0 when no answer came.
    duration_s
        Seconds from sending until the body was read and parsed or saved.
    bytes_received
        Bytes of the body as sent, before decompression; of a body that was cut, what came.
    error
        Class of the exception that ended it (``ServerError``, ``CancelledError``); empty when the
        answer was taken.
    """

    request_id: int = 0
    provider: str = ""
    source: str = field(factory=lambda: current_scope().source)
    method: str
    url: str
    status: int
    duration_s: float
    bytes_received: int
    error: str = ""


@frozen(kw_only=True)
class Retry(Event):
    """A request will be sent again.

    Parameters
    ----------
    provider, source
        As in `RequestSent`.
    url
        Address that failed, without query, credentials masked.
    attempt
        Number of the try that failed; 1 is the first.
    wait_s
        Seconds until the next one; 0 after a rate limit, whose pool is then waited for.
    error
        Why.
    """

    provider: str = ""
    source: str = field(factory=lambda: current_scope().source)
    url: str
    attempt: int
    wait_s: float
    error: str


@frozen(kw_only=True)
class RateLimitWait(Event):
    """A request begins to wait for its pool of units.

    Parameters
    ----------
    provider, source
        As in `RequestSent`.
    pool
        Name of the pool.
    wait_s
        Seconds that it will wait before it looks again.
    """

    provider: str = ""
    source: str = field(factory=lambda: current_scope().source)
    pool: str
    wait_s: float
