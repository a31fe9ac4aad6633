"""What is said beside the data: lines on stderr, in colour where a person may see it."""

from __future__ import annotations

import os

import click

__all__ = ["colour_choice", "say", "say_note"]

_COLOURS = {"error": "red", "warning": "yellow", "hint": "cyan"}


def colour_choice() -> bool | None:
    """False where ``NO_COLOR`` asks for none; None leaves it to whether the stream is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def say(kind: str, text: str) -> None:
    """Write ``kind: text`` to stderr; each further line of ``text`` is one more such line."""
    label = click.style(f"{kind}:", fg=_COLOURS.get(kind), bold=kind == "error" or None)
    for line in text.splitlines() or [""]:
        click.echo(f"{label} {line}", err=True, color=colour_choice())


def say_note(text: str) -> None:
    """Write a line of no urgency to stderr."""
    click.echo(text, err=True, color=colour_choice())
