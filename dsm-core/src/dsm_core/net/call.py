"""One call: attempts over hosts and time until there is a result or a lasting reason for none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen
from tenacity import RetryCallState

from dsm_core.errors import (
    AccessDeniedError,
    RateLimitError,
    ServerError,
    SourceError,
    SourceTimeoutError,
    TransientSourceError,
)
from dsm_core.events import EventBus, Retry
from dsm_core.net.deadline import Deadline
from dsm_core.net.hosts import Route, Target
from dsm_core.net.limits import Clocks, Pool
from dsm_core.net.retry import backoff_s, build_retrying
from dsm_core.net.settings import HttpSettings
from dsm_core.net.urls import mask
from dsm_core.net.wire import Answer, Attempt, Outgoing, Wire

__all__ = ["Call", "Engine"]

T = TypeVar("T")


@frozen
class Engine:
    """What every call of one ``Http`` shares."""

    settings: HttpSettings
    bus: EventBus
    clocks: Clocks
    wire: Wire
    check_open: Callable[..., None]


@define(kw_only=True, eq=False)
class Call(Generic[T]):
    """A request on its way; `run` gives what ``handle`` makes of the first good answer."""

    _engine: Engine
    _provider: str
    _route: Route
    _outgoing: Outgoing
    _pool: Pool
    _cost: int
    _deadline: Deadline
    _handle: Callable[[Answer], Awaitable[T]]
    _on_sent: Callable[[], None]
    _attempt: int = field(default=0, init=False)
    _passing: BaseException | None = field(default=None, init=False)

    async def run(self) -> T:
        """Try until something lasting happens."""
        self._deadline.check(provider=self._provider, url=mask(self._route.first_url))
        retrying = build_retrying(
            self._engine.settings,
            self._deadline,
            sleep=self._engine.clocks.sleep,
            is_retryable=lambda error: error is self._passing,
            before_sleep=self._emit_retry,
        )
        return await retrying(self._try_hosts)

    async def _try_hosts(self) -> T:
        self._attempt += 1
        refusal: AccessDeniedError | None = None
        while True:
            target = self._pick(refusal)
            await self._pool.take(self._cost, self._deadline, **self._about(target))
            # the wait may have been long: choose again among the hosts as they are now
            target = self._pick(refusal)
            try:
                return await self._try_host(target)
            except AccessDeniedError as error:
                if not self._outgoing.is_host_refusal:
                    raise
                target.host.note_refusal(error)
                refusal = error

    def _pick(self, refusal: AccessDeniedError | None) -> Target:
        try:
            return self._route.pick(insist=self._attempt > 1)
        except SourceError as error:
            error.details.setdefault("attempt", self._attempt)
            if self._attempt > 1 and isinstance(error, TransientSourceError):
                # somebody else's probe is under way: a retry that is not sent is one of the retries
                self._passing = error
            raise error from refusal

    async def _try_host(self, target: Target) -> T:
        self._engine.check_open(**self._about(target))
        admission, ok = target.host.enter(), None
        try:
            result = await self._exchange(target)
            ok = True
        except TransientSourceError as error:
            ok = await self._judge(error, target)
            raise
        except SourceError:
            ok = True  # the host answered, whatever it said
            raise
        finally:
            target.host.leave(admission, ok)
        return result

    async def _exchange(self, target: Target) -> T:
        engine = self._engine
        attempt = Attempt(self._deadline, self._about(target), self._on_sent)
        async with engine.wire.fetch(self._outgoing, target.url, attempt) as answer:
            await self._pool.sync(answer.headers)
            if not answer.is_success:
                raise await answer.error(engine.clocks.wall())
            return await self._handle(answer)

    async def _judge(self, error: TransientSourceError, target: Target) -> bool | None:
        """Prepare for what follows a passing failure; say what it tells of the host."""
        if isinstance(error, RateLimitError):
            await self._block(error)
            return True
        self._passing = error
        if not isinstance(error, (ServerError, SourceTimeoutError)):
            return True  # a kind of the provider's own, told inside an answer
        self._route.move_on(target)
        if self._deadline.remaining_s() <= 0:
            return None  # the call was short of time; that is not the host's failure
        target.host.note_failure(error)
        return False

    async def _block(self, error: RateLimitError) -> None:
        banned = bool(error.details.get("banned"))
        wait_s = error.details.setdefault("retry_after_s", backoff_s(self._engine.settings, self._attempt))
        await self._pool.block(wait_s, banned=banned)
        longest_s = min(self._engine.settings.max_wait_s, self._deadline.remaining_s())
        if not banned and wait_s <= longest_s:
            self._passing = error

    def _about(self, target: Target) -> dict[str, Any]:
        return {"provider": self._provider, "url": mask(target.url), "attempt": self._attempt}

    def _emit_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        url = error.details.get("url", "") if isinstance(error, SourceError) else ""
        event = Retry(
            provider=self._provider,
            url=url,
            attempt=self._attempt,
            wait_s=state.upcoming_sleep,
            error=repr(error),
        )
        self._engine.bus.emit(event)
