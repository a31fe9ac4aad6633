"""JSON text to values, by orjson where it is installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

__all__ = ["JsonError", "loads"]


class JsonError(ValueError):
    """The text is not JSON."""


def _fast_loads() -> Callable[[bytes | str], Any]:
    try:
        import orjson  # noqa: PLC0415 - an extra
    except ImportError:
        return json.loads
    return orjson.loads


_loads = _fast_loads()


def loads(text: bytes | str) -> Any:
    """Parse ``text``; raise `JsonError` when it is not JSON."""
    try:
        return _loads(text)
    except (ValueError, RecursionError) as error:
        raise JsonError(str(error)) from error
