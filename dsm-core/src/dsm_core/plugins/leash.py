"""A client's coroutines in a task that can be left: some swallow their cancellation."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from math import isinf
from typing import Any, Final
from weakref import WeakSet

from dsm_core.errors import SourceTimeoutError
from dsm_core.net import current_deadline

__all__ = ["Leash", "is_left", "patience_s"]

_log = logging.getLogger(__name__)
_left: WeakSet[asyncio.Task[Any]] = WeakSet()
# HTTP keeps the deadline itself, and tells more than a client that was cut short.
_GRACE_S: Final = 1.0

Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


def is_left(task: asyncio.Task[Any]) -> bool:
    """Whether nobody waits for ``task`` any more, since it did not end when it was cancelled."""
    return task in _left


def patience_s() -> float:
    """How long a client may take: until the call's deadline and a little more; 0 when it has passed."""
    left = current_deadline().remaining_s()
    return left + _GRACE_S if left > 0 else 0.0


class Leash:
    """Runs coroutines one after another in one task, in which their own timeouts and groups may live.

    Parameters
    ----------
    name
        Whose they are, for errors.
    guard
        Makes the block that each of them runs in.
    within_s
        Seconds for all of them together; infinite for no limit.
    close
        Called in the same task at the end.
    """

    def __init__(
        self,
        name: str,
        guard: Callable[[], AbstractContextManager[None]],
        within_s: float,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._name, self._guard, self._close = name, guard, close
        self._until = loop.time() + within_s
        self._jobs: asyncio.Queue[Job | None] = asyncio.Queue()
        self._is_busy = self._is_left = False
        self._task = loop.create_task(self._run())
        self._task.add_done_callback(_seen)

    async def __aenter__(self) -> Leash:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the task; one that does not end soon is left to itself."""
        self._is_left = True
        if self._is_busy:
            self._task.cancel()
        else:
            self._jobs.put_nowait(None)
        await asyncio.wait([self._task], timeout=_GRACE_S)
        if not self._task.done():
            self._task.cancel()
            _left.add(self._task)
            _log.warning("client_left why='it does not end when it is cancelled' client=%r", self._name)

    async def do(self, work: Callable[[], Any]) -> Any:
        """What ``work`` gives, awaited where it can be.

        Raises
        ------
        SourceTimeoutError
            When time is up.
        """
        loop = asyncio.get_running_loop()
        left = self._until - loop.time()
        if left > 0:
            reply: asyncio.Future[Any] = loop.create_future()
            self._is_busy = True
            self._jobs.put_nowait((work, reply))
            await asyncio.wait([reply], timeout=None if isinf(left) else left)
            if reply.done():
                self._is_busy = False
                return reply.result()
        raise SourceTimeoutError(
            f"{self._name} gave no answer within the call's deadline.", hint="Allow more with deadline_s."
        )

    async def _run(self) -> None:
        try:
            while (job := await self._jobs.get()) is not None:
                await self._do(*job)
                if self._is_left:
                    break
        finally:
            if self._close is not None:
                await self._close()

    async def _do(self, work: Callable[[], Any], reply: asyncio.Future[Any]) -> None:
        try:
            with self._guard():
                result = work()
                if inspect.isawaitable(result):
                    result = await result
        except asyncio.CancelledError:
            reply.cancel()
            raise
        except BaseException as error:
            if isinstance(error.__cause__, GeneratorExit) and self._is_left:
                # The loop was closed under a task that had been left.
                self._close = None
            elif not self._is_left:
                reply.set_exception(error)
        else:
            if not reply.done():
                reply.set_result(result)


def _seen(task: asyncio.Task[None]) -> None:
    """Keep asyncio from reporting what a task raised that was left."""
    if not task.cancelled():
        task.exception()
