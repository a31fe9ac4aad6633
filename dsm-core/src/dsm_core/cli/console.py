"""What is said beside the data: lines on stderr, in colour where a person may see it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import click

__all__ = ["colour_choice", "is_redirected", "plain_line", "redirect_lines", "say", "say_note"]

_COLOURS = {"error": "red", "warning": "yellow", "hint": "cyan"}
_NOTE: Final = "note"


def colour_choice() -> bool | None:
    """False where ``NO_COLOR`` asks for none; None leaves it to whether the stream is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def plain_line(kind: str, text: str) -> None:
    """Write ``kind: text`` to stderr, a note without its kind."""
    if kind == _NOTE:
        click.echo(text, err=True, color=colour_choice())
        return
    label = click.style(f"{kind}:", fg=_COLOURS.get(kind), bold=kind == "error" or None)
    for line in text.splitlines() or [""]:
        click.echo(f"{label} {line}", err=True, color=colour_choice())


_writers: list[Callable[[str, str], None]] = []


def redirect_lines(write: Callable[[str, str], None] | None) -> None:
    """Hand kind and text of all that is said to ``write``, beside which no line is rewritten.

    None goes back to plain lines.
    """
    _writers[:] = [] if write is None else [write]


def say(kind: str, text: str) -> None:
    """Write ``kind: text`` to stderr; each further line of ``text`` is one more such line."""
    write = _writers[0] if _writers else plain_line
    write(kind, text)


def say_note(text: str) -> None:
    """Write a line of no urgency to stderr."""
    say(_NOTE, text)


def is_redirected() -> bool:
    """Whether lines go elsewhere than to stderr as they are; then nothing is rewritten there."""
    return bool(_writers)
