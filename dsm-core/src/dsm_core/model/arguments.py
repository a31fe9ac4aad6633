"""Arguments of public calls whose kind nobody checks further on: refused by name, with the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from dsm_core.errors import RequestError

__all__ = ["path_of", "path_text", "positive", "several", "shown", "table_of", "text_or_none"]


def several(name: str, value: object, example: str) -> list[Any]:
    """The items of an argument that takes a list.

    Raises
    ------
    RequestError
        For one text in place of a list, and for what is no list.
    """
    if isinstance(value, str):
        raise RequestError(f"{name}={value!r} is one text.", hint=f"Write {name}=[{value!r}].")
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        raise RequestError(f"{name}={shown(value)} is no list.", hint=f"Write {name}=[{example}].")
    return list(value)


def table_of(name: str, value: object, example: str) -> Mapping[Any, Any]:
    """An argument that takes a mapping; empty for None.

    Raises
    ------
    RequestError
        For anything else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RequestError(f"{name}={shown(value)} is no mapping.", hint=f"Write {name}={{{example}}}.")
    return value


def positive(name: str, value: object) -> int:
    """An argument that counts something.

    Raises
    ------
    RequestError
        For what is no whole number of 1 or more.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RequestError(f"{name}={shown(value)}.", hint="Give a whole number, 1 or more.")
    return value


def text_or_none(name: str, value: object, hint: str) -> str | None:
    """An argument that is text or left out.

    Raises
    ------
    RequestError
        For anything else.
    """
    if value is not None and not isinstance(value, str):
        raise RequestError(f"{name}={shown(value)} is no text.", hint=hint)
    return value


def path_text(value: object) -> str:
    """A path as text.

    Raises
    ------
    RequestError
        For what is no path, or one in bytes.
    """
    text = fspath(value) if isinstance(value, str | PathLike) else None
    if not isinstance(text, str):
        raise RequestError(f"{shown(value)} is no path.", hint="Give the path of a file, as text or Path.")
    return text


def path_of(value: object) -> Path:
    """The path of a file that is to be written.

    Raises
    ------
    RequestError
        For what cannot name a file.
    """
    text = path_text(value)
    path = Path(text)
    if not path.name or "\0" in text:
        raise RequestError(f"{text!r} names no file.", hint="Give the path of a file.")
    return path


def shown(value: object) -> str:
    """The value, as far as it fits into a line; numbers of thousands of digits have no text at all."""
    try:
        text = repr(value)
    except ValueError:
        return f"a {type(value).__name__} without end"
    return text if len(text) <= 80 else f"{text[:77]}..."
