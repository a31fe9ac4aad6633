"""What ``dsm doctor`` finds at the venues: their clocks, their addresses, whether credentials serve.

A provider's own coroutines are foreign code: whatever one raises is a finding, and hurts no other check.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from dsm_core.cli.checkup import Check, Status
from dsm_core.config import DSMConfig
from dsm_core.config.masking import hide_secrets, mask_url
from dsm_core.errors import AuthenticationError, ConfigError, DSMError
from dsm_core.events import Event, EventBus, RequestFinished
from dsm_core.fcp.session import Session
from dsm_core.fcp.settings import Settings
from dsm_core.model.names import MarketType
from dsm_core.net.deadline import Deadline, deadline_scope
from dsm_core.net.urls import mask_text, origin
from dsm_core.plugins.blame import place_of, told
from dsm_core.plugins.provider import Provider
from dsm_core.plugins.venue import Venue

__all__ = ["check_network"]


_Origin = tuple[str, str, int]

_PATIENCE_S: Final = 10.0
_NS: Final = 10**9
# Below one second nothing depends on it; a minute off, certificates and recent files begin to be misjudged.
_NOTICED_S: Final = 1.0
_WRONG_S: Final = 60.0
_SET_CLOCK: Final = "Let the system keep its clock by the network (NTP)."
_NOT_SET_UP: Final = "nothing is configured, so nothing of it is tried"
_REFUSALS: Final = frozenset({401, 403, 418, 429, 451})


async def check_network(config: DSMConfig, providers: Sequence[Provider]) -> list[Check]:
    """Checks of every provider's venue, in the providers' order."""
    found = await asyncio.gather(*(_Visit(config, provider).checks() for provider in providers))
    return [check for checks in found for check in checks]


@define
class _Visit:
    """The checks of one provider, over connections of their own."""

    config: DSMConfig
    provider: Provider
    settings: Any = None
    answers: dict[_Origin, tuple[int, float]] = field(factory=dict)

    async def checks(self) -> list[Check]:
        """All of them, once the provider's section is right."""
        bus = EventBus()
        bus.subscribe(self._note)
        settings = Settings(config=self.config, provider=self.provider.name, use_cache=False, retry_count=0)
        session = Session(settings, bus)
        try:
            return await self._all(session)
        except ConfigError as error:
            # Its mistakes have lines of their own.
            name = f"{self.provider.name} network"
            return [Check(name, "warning", f"not checked: {error.message.splitlines()[0]}", error.hint)]
        except Exception as error:
            return [self._failure(f"{self.provider.name} network", error)]
        finally:
            await session.aclose()

    async def _all(self, session: Session) -> list[Check]:
        markets = self.provider.market_types
        venue, _ = session.market(markets[0])
        self.settings = venue.config
        tried = [] if self.provider.check is None else [await self._credentials(venue, markets[0])]
        if tried and tried[0].detail == _NOT_SET_UP:
            return tried
        told_by = [] if self.provider.server_time is None else markets
        clocks = await asyncio.gather(*(self._clock(venue, market) for market in told_by))
        # Where the clock was read, nothing more need be sent.
        seen = dict(self.answers)
        endpoints: Mapping[str, Sequence[str]] = getattr(venue.config, "endpoints", None) or {}
        reached = await asyncio.gather(
            *(self._endpoint(venue, key, urls, seen) for key, urls in endpoints.items())
        )
        return [*clocks, *tried, *(check for checks in reached for check in checks)]

    def _note(self, event: Event) -> None:
        if isinstance(event, RequestFinished) and event.status:
            self.answers[origin(event.url)] = (event.status, event.duration_s)

    async def _clock(self, venue: Venue, market: MarketType) -> Check:
        name = f"{self.provider.name} clock of {market}"
        assert self.provider.server_time is not None
        before = time.time_ns()
        try:
            with deadline_scope(Deadline.after(_PATIENCE_S)):
                there = await self.provider.server_time(venue.context(market), market)
            after = time.time_ns()
            ahead_s = (there - (before + after) / 2) / _NS
        except Exception as error:
            return self._failure(name, error)
        return _judge_clock(name, ahead_s, (after - before) / 2 / _NS)

    async def _credentials(self, venue: Venue, market: MarketType) -> Check:
        name = f"{self.provider.name} credentials in use"
        assert self.provider.check is not None
        try:
            with deadline_scope(Deadline.after(_PATIENCE_S)):
                told = await self.provider.check(venue.context(market))
        except AuthenticationError as error:
            if not self.config.section(self.provider.name).raw:
                # Installed, and not in use: its venue is nobody's business.
                return Check(name, "ok", _NOT_SET_UP, error.hint)
            return self._failure(name, error)
        except Exception as error:
            return self._failure(name, error)
        note = f"; {told}" if isinstance(told, str) and told else ""
        return Check(name, "ok", mask_text(hide_secrets(f"they serve{note}", self.settings)))

    def _failure(self, name: str, error: Exception) -> Check:
        if isinstance(error, DSMError):
            detail = error.message
            remedy = error.hint or "Check the network, proxies and the provider's endpoints."
        else:
            where = f"{told(error)}{place_of(error)}"
            detail, remedy = f"the provider's own code failed: {where}", "Upgrade its package."
        # Whose words they are, nobody knows; a report is made to be handed on.
        return Check(name, "failed", mask_text(hide_secrets(detail, self.settings)), remedy)

    async def _endpoint(
        self, venue: Venue, key: str, urls: str | Iterable[str], seen: Mapping[_Origin, tuple[int, float]]
    ) -> list[Check]:
        name = f"{self.provider.name} endpoint {key}"
        addresses = [urls] if isinstance(urls, str) else list(urls)
        found = await asyncio.gather(
            *(self._address(name, venue, url, seen.get(origin(_as_http(url)))) for url in addresses)
        )
        # Calls go on to the addresses that answer.
        return list(found) if all(c.status == "failed" for c in found) else [_lessened(c) for c in found]

    async def _address(self, name: str, venue: Venue, url: str, seen: tuple[int, float] | None) -> Check:
        shown = mask_url(url)
        if seen is not None:
            return _judge_status(name, shown, *seen)
        started = time.monotonic()
        try:
            with deadline_scope(Deadline.after(_PATIENCE_S)):
                status = await venue.session.probe(_as_http(url))
        except DSMError as error:
            remedy = f"Check the network, proxies and providers.{self.provider.name}.endpoints."
            return Check(name, "failed", f"{shown}: {error.message}", remedy)
        return _judge_status(name, shown, status, time.monotonic() - started)


def _as_http(url: str) -> str:
    """The address as HTTP: a WebSocket's host answers that too."""
    return f"http{url.removeprefix('ws')}" if url.startswith("ws") else url


def _lessened(check: Check) -> Check:
    if check.status != "failed":
        return check
    return Check(check.name, "warning", f"{check.detail} Another address answers.", check.remedy)


def _judge_clock(name: str, ahead_s: float, slack_s: float) -> Check:
    """The venue's clock beside this machine's; half the round trip may be the way's."""
    off_s = abs(ahead_s) - slack_s
    if off_s <= _NOTICED_S:
        return Check(name, "ok", f"{max(off_s, 0.0):.1f} s apart from this machine's")
    side = "behind" if ahead_s > 0 else "ahead of"
    detail = f"this machine's clock is {_span(abs(ahead_s))} {side} the venue's."
    return Check(name, "failed" if off_s > _WRONG_S else "warning", detail, _SET_CLOCK)


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.1f} seconds"


def _judge_status(name: str, shown: str, status: int, took_s: float) -> Check:
    detail = f"{shown}: answers in {took_s * 1000:.0f} ms (HTTP {status})"
    verdict: Status = "warning" if status in _REFUSALS or status >= 500 else "ok"
    if verdict == "ok":
        return Check(name, "ok", detail)
    what = "It refuses this client" if status < 500 else "It is in trouble"
    return Check(name, "warning", f"{detail}.", f"{what}; another address may serve, or a later time.")
