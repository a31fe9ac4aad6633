"""Calling a provider's functions: the venue's clock and its lists of symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from numbers import Integral
from typing import Any, Final

from dsm_core.model.names import MarketType
from dsm_core.model.time_range import to_ns
from dsm_core.net import current_deadline
from dsm_core.plugins.context import ClientContext
from dsm_core.plugins.guard import guarding
from dsm_core.plugins.leash import Leash, patience_s
from dsm_core.plugins.provider import Provider, SymbolInfo

__all__ = ["ask_clock", "ask_symbols"]

# The rows want the rest of the deadline.
_CLOCK_SHARE: Final = 0.5
_CLOCK_S: Final = 10.0
_FIRST_NS: Final = to_ns(datetime(2010, 1, 1, tzinfo=UTC))
_LAST_NS: Final = to_ns(datetime(2200, 1, 1, tzinfo=UTC))


async def ask_clock(provider: Provider, context: ClientContext, market_type: MarketType) -> int:
    """The venue's time, UTC nanoseconds; asked for half of the call's deadline, at most 10 seconds.

    Raises
    ------
    ClientFailedError
        When the function raises what is no ``DSMError``, or gives no time.
    SourceTimeoutError
        When it does not answer.
    """
    within_s = min(current_deadline().remaining_s() * _CLOCK_SHARE, _CLOCK_S)
    return int(await _ask(provider, "server_time", _checked_time, within_s, context, market_type))


async def ask_symbols(
    provider: Provider, name: str, context: ClientContext, market_type: MarketType
) -> tuple[SymbolInfo, ...]:
    """What the provider's ``symbols`` or ``universe`` lists; raises as :func:`ask_clock`."""
    check = partial(_checked_symbols, name)
    found: tuple[SymbolInfo, ...] = await _ask(provider, name, check, patience_s(), context, market_type)
    return found


async def _ask(
    provider: Provider, name: str, check: Callable[[Any], Any], within_s: float, *args: Any
) -> Any:
    work = getattr(provider, name)
    guard = partial(guarding, work, provider.name, name=name)
    async with Leash(f"{name} of provider {provider.name!r}", guard, within_s) as leash:
        result = await leash.do(lambda: work(*args))
    with guard():
        return check(result)


def _checked_time(told: Any) -> int:
    if isinstance(told, bool) or not isinstance(told, Integral) or not _FIRST_NS <= int(told) < _LAST_NS:
        raise ValueError(f"it gave {told!r:.100}, no time of now in UTC nanoseconds")
    return int(told)


def _checked_symbols(name: str, found: Any) -> tuple[SymbolInfo, ...]:
    listed = tuple(found) if isinstance(found, Iterable) else None
    if listed is None or not all(isinstance(info, SymbolInfo) for info in listed):
        raise TypeError(f"{name} gave {found!r:.100}, not a list of SymbolInfo")
    return listed
