"""Which host a request goes to: refusals, breakers and the order among candidates."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from attrs import field, frozen

from dsm_core.errors import AccessDeniedError, ServerError, TransientSourceError
from dsm_core.net.breaker import Breaker
from dsm_core.net.urls import mask, origin

__all__ = ["Host", "Hosts", "Route", "Target"]

_log = logging.getLogger(__name__)


class Host:
    """One origin (scheme, host, port) and what is known of it."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.breaker = Breaker(monotonic)
        self.refusal: AccessDeniedError | None = None
        self._failure: tuple[type[TransientSourceError], str] = (ServerError, "")

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
        self._by_origin: dict[tuple[str, str, int], Host] = {}

    def route(self, provider: str, urls: Sequence[str]) -> Route:
        """Give the candidates of one call."""
        return Route(provider, tuple(Target(url, self._get(url)) for url in urls))

    def _get(self, url: str) -> Host:
        key = origin(url)
        if key not in self._by_origin:
            self._by_origin[key] = Host(self._monotonic)
        return self._by_origin[key]


@frozen
class Target:
    """One candidate: a URL and its host."""

    url: str
    host: Host = field(repr=False)


class Route:
    """The candidates of one call, in the order to try them."""

    def __init__(self, provider: str, targets: tuple[Target, ...]) -> None:
        self._provider = provider
        self._targets = targets
        self._first = 0

    @property
    def first_url(self) -> str:
        """The best candidate, whatever its state."""
        return self._targets[0].url

    def move_on(self, failed: Target) -> None:
        """Let the next choice begin after ``failed``."""
        self._first = (self._targets.index(failed) + 1) % len(self._targets)

    def pick(self, *, insist: bool = False) -> Target:
        """Give the next candidate that is neither refused nor left alone.

        Parameters
        ----------
        insist
            Take a host that is left alone when there is no other: a call that was admitted keeps
            its own, bounded, number of retries.

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
        for target in willing:
            if target.host.breaker.wait_s() <= 0:
                return target
        if insist:
            return willing[0]
        soonest = min(willing, key=lambda target: target.host.breaker.wait_s())
        raise soonest.host.open_error(self._provider, soonest.url)

    def _in_order(self) -> Iterator[Target]:
        yield from self._targets[self._first :]
        yield from self._targets[: self._first]

    def _all_refused(self) -> AccessDeniedError:
        refusals = [target.host.refusal for target in self._targets if target.host.refusal]
        last = refusals[-1]
        count = len(refusals)
        message = (
            last.message if count == 1 else f"All {count} hosts refuse this client; the last: {last.message}"
        )
        return AccessDeniedError(message, hint=last.hint, **last.details)
