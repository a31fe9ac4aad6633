"""Which host a request goes to: refusals, breakers, load and the order among candidates."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from attrs import field, frozen

from dsm_core.errors import AccessDeniedError, ServerError, TransientSourceError
from dsm_core.net.breaker import Admission, Breaker
from dsm_core.net.urls import mask, origin

__all__ = ["Host", "Hosts", "Route", "Target"]

_log = logging.getLogger(__name__)


class Host:
    """One origin (scheme, host, port) and what is known of it.

    Parameters
    ----------
    monotonic
        The breaker's clock.
    turns
        Numbers the requests of every host among which there is a choice.
    """

    def __init__(self, monotonic: Callable[[], float], turns: Iterator[int]) -> None:
        self.breaker = Breaker(monotonic)
        self.refusal: AccessDeniedError | None = None
        self._failure: tuple[type[TransientSourceError], str] = (ServerError, "")
        self._turns = turns
        self._last_turn = -1
        self._in_flight = 0

    @property
    def load(self) -> tuple[int, int]:
        """Requests in flight, then the turn of the last one: the smallest is to be asked next."""
        return self._in_flight, self._last_turn

    def enter(self) -> Admission:
        """Begin a request; give what is to be handed to `leave`."""
        self._in_flight += 1
        self._last_turn = next(self._turns)
        return self.breaker.enter()

    def leave(self, admission: Admission, ok: bool | None) -> None:
        """End a request: the host worked, failed, or (None) nothing was learned."""
        self._in_flight -= 1
        self.breaker.leave(admission, ok)

    def note_refusal(self, error: AccessDeniedError) -> None:
        """Remember that the host turns this client away."""
        # a copy: keeping the raised error would keep its frames alive with it
        _log.debug("host_refused url=%s status=%s", error.details.get("url"), error.details.get("status"))
        self.refusal = AccessDeniedError(error.message, hint=error.hint, **error.details)

    def note_failure(self, error: TransientSourceError) -> None:
        """Remember why the breaker may open."""
        self._failure = (type(error), error.message)

    def open_error(self, provider: str, url: str) -> TransientSourceError:
        """Give the error of a call that finds the breaker open."""
        kind, reason = self._failure
        shown, wait_s = mask(url), self.breaker.wait_s()
        retry_after_s = wait_s if wait_s < 3600 else None
        return kind(
            f"The host is left alone after repeated failures; the last one: {reason}",
            provider=provider,
            url=shown,
            retry_after_s=retry_after_s,
        )


class Hosts:
    """Every host an ``Http`` has met."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._turns = count()
        self._by_origin: dict[tuple[str, str, int], Host] = {}

    def route(self, provider: str, urls: Sequence[str]) -> Route:
        """Give the candidates of one call."""
        return Route(provider, tuple(Target(url, self._get(url)) for url in urls))

    def _get(self, url: str) -> Host:
        key = origin(url)
        if key not in self._by_origin:
            self._by_origin[key] = Host(self._monotonic, self._turns)
        return self._by_origin[key]


@frozen
class Target:
    """One candidate: a URL and its host."""

    url: str
    host: Host = field(repr=False)


class Route:
    """The candidates of one call: balanced over at first, failed over in their order.

    The first try goes to the host with the fewest requests in flight, of equals to the one that was
    left in peace longest. After a passing failure the next try goes to the next host of the list.
    """

    def __init__(self, provider: str, targets: tuple[Target, ...]) -> None:
        self._provider = provider
        self._targets = targets
        self._first: int | None = None

    @property
    def first_url(self) -> str:
        """The first candidate of the list, whatever its state."""
        return self._targets[0].url

    def move_on(self, failed: Target) -> None:
        """Let the next choice be the first in the list after ``failed``."""
        self._first = (self._targets.index(failed) + 1) % len(self._targets)

    def pick(self, *, insist: bool = False) -> Target:
        """Give the next candidate that is neither refused nor left alone.

        Parameters
        ----------
        insist
            Take a host that is left alone when there is no other: a call that was admitted keeps
            its own, bounded, number of retries. A host that is being probed gets nothing else.

        Raises
        ------
        AccessDeniedError
            Every candidate has refused this client.
        ServerError, SourceTimeoutError
            Those that have not are being left alone; the kind is that of the last failure.
        """
        willing = [target for target in self._in_order() if target.host.refusal is None]
        if not willing:
            raise self._all_refused()
        healthy = [target for target in willing if target.host.breaker.wait_s() <= 0]
        if healthy:
            return healthy[0] if self._first is not None else min(healthy, key=lambda t: t.host.load)
        if insist and (left_alone := [t for t in willing if not t.host.breaker.is_probed]):
            return left_alone[0]
        soonest = min(willing, key=lambda target: target.host.breaker.wait_s())
        raise soonest.host.open_error(self._provider, soonest.url)

    def _in_order(self) -> Iterator[Target]:
        first = self._first or 0
        yield from self._targets[first:]
        yield from self._targets[:first]

    def _all_refused(self) -> AccessDeniedError:
        refusals = [target.host.refusal for target in self._targets if target.host.refusal]
        last = refusals[-1]
        several = f"All {len(refusals)} hosts refuse this client; the last: {last.message}"
        message = last.message if len(refusals) == 1 else several
        return AccessDeniedError(message, hint=last.hint, **last.details)
