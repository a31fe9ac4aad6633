"""The base of every event: whose work it is, and how it becomes text or JSON."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Set
from functools import cache
from math import isfinite
from typing import Any, ClassVar, Final

from attrs import field, fields, frozen

from dsm_core.events.scope import current_scope
from dsm_core.masking import mask_text

__all__ = ["Event"]

_WORD: Final = re.compile(r"[^\s\"=]+")
_DEPTH: Final = 8


@frozen(kw_only=True)
class Event:
    """Base of every event.

    Parameters
    ----------
    call_id
        The same through all layers of one call of a manager; 0 outside a call.
    series
        Key of the series that is worked for, ``binance/spot/klines/BTCUSDT/1m``; empty where the
        work is for no single series, such as a list of symbols.
    """

    log_level: ClassVar[int] = logging.DEBUG

    call_id: int = field(factory=lambda: current_scope().call_id)
    series: str = field(factory=lambda: current_scope().series)

    @property
    def name(self) -> str:
        """Name in logs: ``cache_hit`` for :class:`CacheHit`."""
        return _snake(type(self).__name__)

    def as_dict(self) -> dict[str, Any]:
        """The event as plain values that JSON can hold: its name under ``event``, then its fields."""
        told = {one.name: _plain(getattr(self, one.name)) for one in fields(type(self))}
        return {"event": self.name, **told}

    def __str__(self) -> str:
        told = self.as_dict()
        return " ".join([told.pop("event"), *(f"{name}={_text(value)}" for name, value in told.items())])


@cache
def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _plain(value: Any, depth: int = _DEPTH) -> Any:
    """The value as JSON knows it; what it does not know, infinity among it, as text."""
    if isinstance(value, bool | None):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if isfinite(value) else str(value)
    if depth and isinstance(value, Mapping):
        return {mask_text(str(key)): _plain(one, depth - 1) for key, one in value.items()}
    if depth and isinstance(value, list | tuple | Set):
        return [_plain(one, depth - 1) for one in value]
    return mask_text(str(value))


def _text(value: Any) -> str:
    # One event is one line, and each value ends where it seems to, whatever a server wrote.
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _WORD.fullmatch(text) and text.isprintable() else json.dumps(text)
