"""The question before something is removed."""

from __future__ import annotations

import sys

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.failure import ExitCode

__all__ = ["confirm"]


def confirm(ctx: click.Context, question: str) -> None:
    """Go on where a person says yes, and end the command where none is there or says no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"{question} There is nobody to ask; add --yes.")
    if not click.confirm(question, err=True):
        say_note("Nothing was removed.")
        ctx.exit(ExitCode.OTHER)
