"""What a provider's own code raises becomes an error that names it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import path
from typing import Any

from dsm_core.errors import ClientFailedError, DSMError
from dsm_core.model.time_range import TimeRange
from dsm_core.plugins.blame import place_of, told

__all__ = ["guarding"]


@contextmanager
def guarding(
    code: Callable[..., Any], provider: str, span: TimeRange | None = None, *, name: str | None = None
) -> Iterator[None]:
    """Make a ``ClientFailedError`` of what the provider's own code raises inside the block.

    Only ``KeyboardInterrupt`` and a cancellation that was asked for pass: they are no fault of the code.

    Parameters
    ----------
    code
        The class or function to blame.
    provider
        Whose it is.
    span
        What it was asked for.
    name
        What errors call it; None takes its own name.
    """
    try:
        yield
    except (DSMError, KeyboardInterrupt):
        raise
    except BaseExceptionGroup as group:
        known = _passing(group)
        raise (known or _failed(code, provider, span, group, name)) from group
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and _is_asked_for():
            raise
        raise _failed(code, provider, span, error, name) from error


def _is_asked_for() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0


def _passing(group: BaseExceptionGroup[Any]) -> BaseException | None:
    """What a group stands for: an interrupt in it, or the first error where all are of DSM."""
    if group.subgroup(KeyboardInterrupt) is not None:
        return KeyboardInterrupt()
    first, rest = _first(group), group.split(DSMError)[1]
    return first if rest is None and isinstance(first, DSMError) else None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _failed(
    code: Callable[..., Any],
    provider: str,
    span: TimeRange | None,
    error: BaseException,
    name: str | None,
) -> ClientFailedError:
    cause = _first(error)
    name = name or getattr(code, "__name__", type(code).__name__)
    where = place_of(cause, _home(code)) or place_of(error, _home(code))
    said = told(cause)
    if isinstance(cause, asyncio.CancelledError):
        said += " left the code, and nobody had cancelled it"
    asked = "" if span is None else f" for {span}"
    return ClientFailedError(
        f"{name} of provider {provider!r} failed{asked}: {said}{where}.",
        hint="The fault is in the provider's code: report it to its author.",
        provider=provider,
        client=name,
        cause=said,
        where=where.strip(" ()") or None,
        range=asked.removeprefix(" for ") or None,
    )


def _home(code: Callable[..., Any]) -> str | None:
    module = sys.modules.get(getattr(code, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    return path.dirname(file) if file else None
