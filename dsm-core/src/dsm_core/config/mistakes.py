"""What a value should have been, in words that a reader of the file understands."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from dsm_core.config.placeholders import Expanded
from dsm_core.config.problem import KeyPath, dotted
from dsm_core.config.secret import Secret

__all__ = ["Mistakes", "did_you_mean", "kind_of", "show"]

_LONGEST_SHOWN: Final = 60


class Mistakes(ValueError):  # noqa: N818 - mostly it becomes a ConfigError's problems
    """Everything wrong in one value: key paths relative to it, and messages.

    A validator that finds several things wrong raises it too; who makes the settings in Python meets it
    as the `ValueError` that validators raise.
    """

    def __init__(self, found: Iterable[tuple[KeyPath, str]]) -> None:
        self.found = list(found)
        super().__init__(
            "; ".join(": ".join(filter(None, (dotted(p), message))) for p, message in self.found)
        )

    @classmethod
    def one(cls, message: str) -> Mistakes:
        """Mistake of the value itself."""
        return cls([((), message)])

    def below(self, key: str | int) -> list[tuple[KeyPath, str]]:
        """Mistakes as the holder of the value under `key` sees them."""
        return [((key, *path), message) for path, message in self.found]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suffix that offers the closest known word; empty where none is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def kind_of(value: Any) -> str:
    """Kind of a value, without the value."""
    kinds: dict[type, str] = {bool: "true or false", int: "a number", float: "a number", str: "text"}
    if value is None:
        return "nothing (null)"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return kinds.get(type(value), f"an object of type {type(value).__name__}")


def show(value: Any) -> str:
    """Kind and, where it is short and cannot be a secret, the value."""
    if isinstance(value, Expanded):
        return "text from an environment variable"
    if isinstance(value, Secret) or value is None or not isinstance(value, str | int | float):
        return kind_of(value)
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else _repr(value)
    text = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    return (
        text.lower()
        if isinstance(value, bool)
        else f"{'text' if isinstance(value, str) else 'the number'} {text}"
    )


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:
        # An integer of more digits than Python prints.
        return "of thousands of digits"
