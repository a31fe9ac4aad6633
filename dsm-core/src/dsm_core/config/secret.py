"""Text that must not be seen: keys, tokens, passwords."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn

from dsm_core.masking import MASK, remember

__all__ = ["Secret"]


def _encode(text: str) -> bytes:
    # A variable that is not UTF-8 reaches Python as lone surrogates.
    return text.encode("utf-8", "surrogatepass")


class Secret:
    """Text that prints as ``***`` everywhere; `reveal` alone gives it.

    It is not a ``str``, so that joining, logging or JSON cannot write it out by accident, and it refuses to
    be pickled. Copies are the object itself. While it lives, errors, events and logs show ``***`` in place of
    its text, if that has six characters or more.

    Parameters
    ----------
    value
        The text to hide.

    Raises
    ------
    TypeError
        `value` is not text.

    Examples
    --------
    >>> token = Secret("abc")
    >>> print(token, f"{token}", [token])
    *** *** [Secret('***')]
    >>> token.reveal()
    'abc'
    """

    __slots__ = ("__value", "__weakref__")

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            # The value itself stays out of the message.
            raise TypeError(f"a secret is text, not {type(value).__name__}")
        self.__value = str.__str__(value)
        remember(self)

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self.__value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_encode(self.__value), _encode(other.__value))

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret is not pickled; let the other process load the configuration itself")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret does not give its state; use reveal()")
