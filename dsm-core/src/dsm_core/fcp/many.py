"""Many calls under one roof: bounded in flight, each failing alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from dsm_core.errors import DSMError, RequestError
from dsm_core.fcp.call import Call
from dsm_core.fcp.request import CallOptions, Moment, Request
from dsm_core.model.arguments import several
from dsm_core.model.series import SeriesKey

__all__ = ["Calls", "fetch_all", "open_all", "requests_for"]

_AT_ONCE: Final = 16
# A pair such as BTC/USDT is left to the venue, which knows the symbol that is meant.
_SYMBOL_PARTS: Final = (1, 2)
_KEY_PARTS: Final = (4, 5)


@frozen
class Calls:
    """Opened calls by label, and the errors of those that could not be opened."""

    calls: dict[str, Call] = field(factory=dict)
    errors: dict[str, DSMError] = field(factory=dict)


def requests_for(
    symbols: Sequence[str | SeriesKey],
    start: Moment | None,
    end: Moment | None,
    interval: str | None,
    given: CallOptions,
) -> dict[str, Request | DSMError]:
    """A request for each symbol or series key, by label; the same one twice counts once.

    Text with slashes that is no series key becomes its error.

    Raises
    ------
    RequestError
        For no symbols, one text in place of a list, or something that is neither.
    """
    requests: dict[str, Request | DSMError] = {}
    seen: set[SeriesKey] = set()
    for symbol in several("symbols", symbols, '"BTCUSDT"'):
        if not isinstance(symbol, str | SeriesKey):
            raise RequestError(f"{symbol!r} is no symbol.", hint="Give text or a SeriesKey.")
        try:
            key = symbol if isinstance(symbol, SeriesKey) else _parse_key(symbol)
        except DSMError as error:
            requests[str(symbol)] = error
            continue
        if key is None:
            requests[str(symbol)] = Request.of(str(symbol), start, end, interval, given)
        elif key not in seen:
            seen.add(key)
            requests[str(symbol)] = _of_key(key, start, end, interval, given)
    if not requests:
        raise RequestError("No symbols were given.", hint="Give at least one.")
    return requests


def open_all(requests: Mapping[str, Request | DSMError], open_call: Callable[[Request], Call]) -> Calls:
    """Open every call; one that cannot be opened is an error of its own."""
    opened = Calls()
    for label, request in requests.items():
        if isinstance(request, DSMError):
            opened.errors[label] = request
            continue
        try:
            opened.calls[label] = open_call(request)
        except DSMError as error:
            opened.errors[label] = error
    return opened


async def fetch_all(calls: Calls, *, at_once: int = _AT_ONCE) -> None:
    """Fetch what is missing, ``at_once`` series at a time; errors go to ``calls.errors``."""
    lane = asyncio.Semaphore(at_once)

    async def fetch(label: str, call: Call) -> None:
        async with lane:
            try:
                await call.fetch()
            except DSMError as error:
                calls.errors[label] = error

    pending = [(label, call) for label, call in calls.calls.items() if not call.is_answered]
    try:
        async with asyncio.TaskGroup() as group:
            for label, call in pending:
                group.create_task(fetch(label, call))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    for label in calls.errors:
        calls.calls.pop(label, None)


def _parse_key(text: str) -> SeriesKey | None:
    parts = text.partition(";")[0].count("/") + 1
    if parts in _SYMBOL_PARTS:
        return None
    if parts not in _KEY_PARTS:
        raise RequestError(
            f"{text!r} is neither a symbol nor a series key.",
            hint="A key is provider/market/chart_type/symbol/interval, such as acme/spot/klines/BTCUSDT/1h.",
        )
    return SeriesKey.parse(text)


def _of_key(
    key: SeriesKey, start: Moment | None, end: Moment | None, interval: str | None, given: CallOptions
) -> Request:
    own: CallOptions = {
        **given,
        "provider": key.provider,
        "market_type": key.market_type,
        "chart_type": key.chart_type,
        "options": dict(key.options) or given.get("options"),
    }
    return Request.of(key.symbol, start, end, key.interval or interval, own)
