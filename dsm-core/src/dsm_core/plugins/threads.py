"""Threads for a client's blocking code: nobody waits for one that does not come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, TypeVar

__all__ = ["contained", "in_thread", "taken_in_thread"]

T = TypeVar("T")
_END: Final = object()


def contained(work: Callable[..., T], *args: Any) -> T:
    """What ``work`` gives; these two would be lost on their way to the event loop."""
    try:
        return work(*args)
    except (StopIteration, GeneratorExit) as error:
        name = type(error).__name__
        raise RuntimeError(f"{name} left the client's code; next() can be given a default") from error


async def in_thread(work: Callable[..., T], *args: Any) -> T:
    """Run a client's plain function in a thread of its own, which is left when the wait is cancelled."""
    thread = _ClientThread()
    reply = thread.do(work, *args)
    thread.end()
    return await reply


async def taken_in_thread(items: Iterator[Any]) -> AsyncIterator[Any]:
    """The items of a plain iterator, all taken in one thread: a database connection wants that."""
    thread = _ClientThread()
    reply: asyncio.Future[Any] | None = None
    try:
        while True:
            reply = thread.do(next, items, _END)
            item = await reply
            if item is _END:
                return
            yield item
    finally:
        closed = thread.do(getattr(items, "close", _nothing))
        thread.end()
        # A thread that is blocked closes them when it comes back.
        if reply is not None and not reply.cancelled():
            await closed


class _ClientThread:
    """A daemon thread for the code of one call, in the context of who made it.

    The threads of a pool are joined when the interpreter exits, so that one hanging function would
    keep the program alive.
    """

    def __init__(self) -> None:
        self._within = copy_context()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=_serve, args=(self._jobs,), name="dsm-client", daemon=True).start()

    def do(self, work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Have ``work`` done after what was asked for before."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[T] = loop.create_future()
        reply.add_done_callback(_seen)
        job = partial(self._within.run, contained, work, *args)
        self._jobs.put(partial(_report, loop, reply, job))
        return reply

    def end(self) -> None:
        """Let the thread end when all is done."""
        self._jobs.put(None)


def _serve(jobs: SimpleQueue[Callable[[], None] | None]) -> None:
    while (job := jobs.get()) is not None:
        job()


def _report(loop: asyncio.AbstractEventLoop, reply: asyncio.Future[T], job: Callable[[], T]) -> None:
    try:
        tell = partial(_give, reply, job())
    except BaseException as error:
        tell = partial(_fail, reply, error)
    # The loop may be closed by now: then nobody waits.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(tell)


def _give(reply: asyncio.Future[T], result: T) -> None:
    if not reply.done():
        reply.set_result(result)


def _fail(reply: asyncio.Future[Any], error: BaseException) -> None:
    if not reply.done():
        reply.set_exception(error)


def _seen(reply: asyncio.Future[Any]) -> None:
    """Keep asyncio from reporting an error that nobody waits for any more."""
    if not reply.cancelled():
        reply.exception()


def _nothing() -> None:
    return None
