"""Options of a request: one value has one form, in the series key and in the client's hands."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any, Final

from dsm_core.errors import RequestError

__all__ = ["OPTION_TYPES", "OptionKind", "check_names", "read_options"]

OptionKind = type[bool] | type[int] | type[float] | type[str] | tuple[str, ...]
"""What an option takes: a type, or a tuple of the texts that are allowed."""
OPTION_TYPES: Final = (bool, int, float, str)
_BOOLS: Final = {"true": True, "false": False}


def read_options(given: Mapping[str, Any], kinds: Mapping[str, OptionKind]) -> dict[str, Any]:
    """Values of their declared kinds: ``True`` and ``"true"`` are one, ``5`` and ``"5"`` too.

    Raises
    ------
    RequestError
        For an option that is not among ``kinds``, with the nearest one, or a value it does not take.
    """
    check_names(given, kinds)
    return {name: _read(name, given[name], kinds[name]) for name in sorted(given)}


def check_names(given: Mapping[str, Any], known: Mapping[str, OptionKind]) -> None:
    """Refuse options that nobody reads.

    Raises
    ------
    RequestError
        With the nearest one, and all of them.
    """
    for name in sorted(map(str, given)):
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.5)
            guess = f"Did you mean {close[0]!r}? " if close else ""
            raise RequestError(
                f"No client reads the option {name!r}.",
                hint=f"{guess}Known options: {', '.join(sorted(known)) or 'none'}.",
                option=name,
            )


def _read(name: str, value: Any, kind: OptionKind) -> Any:
    if isinstance(kind, tuple):
        return _one_of(name, value, kind)
    try:
        return _READERS[kind](value)
    except (TypeError, ValueError, OverflowError):
        raise RequestError(
            f"Option {name!r} has the value {value!r}.", hint=f"It takes {_WORDS[kind]}.", option=name
        ) from None


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value in allowed:
        return str(value)
    close = get_close_matches(str(value), allowed, n=1, cutoff=0.5)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    raise RequestError(
        f"Option {name!r} has the value {value!r}.",
        hint=f"It takes one of {', '.join(allowed)}.{guess}",
        option=name,
    )


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _BOOLS:
        return _BOOLS[value.strip().lower()]
    raise ValueError(value)


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or int(value) != float(value):
        raise ValueError(value)
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or not isfinite(float(value)):
        raise ValueError(value)
    return float(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float) or str(value) == "":
        raise ValueError(value)
    return str(value)


_READERS: Final[Mapping[Any, Any]] = {bool: _bool, int: _int, float: _float, str: _text}
_WORDS: Final[Mapping[Any, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text that is not empty, a number or a bool",
}
