"""Calling a client's own code: what it raises and returns becomes something the protocol knows."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dsm_core.model.coverage import Origin
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins.answer import Answer
from dsm_core.plugins.guard import guarding
from dsm_core.plugins.leash import Leash, patience_s
from dsm_core.plugins.task import Task
from dsm_core.plugins.threads import taken_in_thread

if TYPE_CHECKING:
    from dsm_core.plugins.archive import ArchiveClient
    from dsm_core.plugins.interface import DataClientInterface

__all__ = [
    "answers_of",
    "as_answer",
    "each_answer",
    "lifetime_of",
    "name_of",
    "plan_of",
    "published_of",
    "published_origin_of",
]

T = TypeVar("T")
_END: Final = object()


def name_of(client: DataClientInterface) -> str:
    """A client as errors name it: ``DeskKlines of provider 'desk'``."""
    return f"{type(client).__name__} of provider {client.provider!r}"


async def answers_of(client: DataClientInterface, task: Task) -> AsyncGenerator[Answer, None]:
    """Answers of one task; whatever the client's own code raises is a ``SourceError``.

    Raises
    ------
    ClientFailedError
        Raised from an exception that is no ``DSMError``.
    SourceTimeoutError
        When the client is still at it at the call's deadline.
    """
    guard = partial(guarding, type(client), client.provider, task.span)
    with guard():
        answers = aiter(client.answers(task))
    async with Leash(name_of(client), guard, patience_s(), getattr(answers, "aclose", None)) as leash:
        while (answer := await leash.do(lambda: anext(answers, _END))) is not _END:
            yield answer


async def published_of(client: DataClientInterface, span: TimeRange) -> frozenset[str] | None:
    """Names of what the client's source lists inside ``span``; raises as :func:`answers_of`."""

    def check(names: Any) -> frozenset[str] | None:
        if names is not None and not (isinstance(names, set | frozenset) and _are(str, names)):
            raise TypeError(f"published() gave {names!r:.100}, not a frozenset of texts or None")
        return None if names is None else frozenset(names)

    return await _ask(client, lambda: client.published(span), check, span)


async def published_origin_of(client: ArchiveClient, url: str) -> Origin:
    """What is published at ``url`` now; raises as :func:`answers_of`."""

    def check(origin: Any) -> Origin:
        if not isinstance(origin, Origin):
            raise TypeError(f"published_origin() gave {origin!r:.100}, not an Origin")
        return origin

    return await _ask(client, lambda: client.published_origin(url), check)


async def lifetime_of(client: DataClientInterface) -> TimeRange | None:
    """From the symbol's first bar to the end of its last; raises as :func:`answers_of`."""

    def check(life: Any) -> TimeRange | None:
        if life is not None and not isinstance(life, TimeRange):
            raise TypeError(f"lifetime() gave {life!r:.100}, not a TimeRange or None")
        return life

    return await _ask(client, client.lifetime, check)


async def _ask(
    client: DataClientInterface,
    work: Callable[[], Any],
    check: Callable[[Any], T],
    span: TimeRange | None = None,
) -> T:
    guard = partial(guarding, type(client), client.provider, span)
    async with Leash(name_of(client), guard, patience_s()) as leash:
        result = await leash.do(work)
    with guard():
        return check(result)


def plan_of(
    client: DataClientInterface, ranges: RangeSet, now: int, skip: frozenset[str] = frozenset()
) -> tuple[Task, ...]:
    """The client's plan for ``ranges``; a fault in it is a ``ClientFailedError``."""
    with guarding(type(client), client.provider):
        tasks: Any = client.plan(ranges, now, skip)
        listed = tuple(tasks) if isinstance(tasks, Iterable) else None
        if listed is None or not _are(Task, listed):
            raise TypeError(f"plan() gave {tasks!r:.100}, not a tuple of Tasks")
        return listed


def _are(kind: type, values: Iterable[Any]) -> bool:
    return all(isinstance(value, kind) for value in values)


async def each_answer(result: Any) -> AsyncGenerator[Answer, None]:
    """Answers in whatever a ``fetch`` gave: one, an iterator of them, plain or async, or a list."""
    if inspect.isawaitable(result):
        result = await result
    if isinstance(result, list | tuple) and result and _are(Answer, result):
        result = iter(result)
    if isinstance(result, Iterator) and not hasattr(result, "__arrow_c_stream__"):
        result = taken_in_thread(result)
    if not isinstance(result, AsyncIterator):
        yield as_answer(result)
        return
    async with _closing(result) as parts:
        told = False
        async for part in parts:
            answer = as_answer(part)
            # A part without rows says nothing of the whole; only if all are so, the whole is empty.
            if answer.covered is not None or not _is_blank(answer.rows):
                told = True
                yield answer
            else:
                # Such parts may come without end, and never wait for anything.
                await asyncio.sleep(0)
        if not told:
            yield Answer({})


@asynccontextmanager
async def _closing(items: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    try:
        yield items
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()


def _is_blank(rows: Any) -> bool:
    if isinstance(rows, Mapping):
        rows = next(iter(rows.values()), ())
    return hasattr(rows, "__len__") and not len(rows)


def as_answer(result: Any) -> Answer:
    """An answer, or rows made one."""
    return result if isinstance(result, Answer) else Answer(result)
