"""How a command ends: exit codes, and errors and warnings as lines on stderr."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final, TextIO

import click

from dsm_core.cli.console import say, say_note
from dsm_core.errors import (
    AllSourcesFailedError,
    ConfigError,
    DSMError,
    DSMWarning,
    IncompleteDataError,
    IntegrityError,
    PluginError,
    RequestError,
    SourceError,
    SymbolNotFoundError,
)
from dsm_core.masking import masked_traceback

__all__ = [
    "ExitCode",
    "exit_code_of",
    "in_shell_words",
    "report",
    "report_usage",
    "silence_stdout",
    "warnings_as_lines",
]


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    OTHER = 1
    USAGE = 2
    INCOMPLETE = 3
    REFUSED = 4
    SOURCES_FAILED = 5
    INTERRUPTED = 130
    BROKEN_PIPE = 141


# The first that fits counts: an unknown symbol is a source's answer, but the request's mistake.
_CODES: Final[tuple[tuple[tuple[type[DSMError], ...], ExitCode], ...]] = (
    ((IncompleteDataError,), ExitCode.INCOMPLETE),
    ((RequestError, ConfigError, PluginError, SymbolNotFoundError), ExitCode.REFUSED),
    ((SourceError, AllSourcesFailedError, IntegrityError), ExitCode.SOURCES_FAILED),
)


# What a Python caller would write, and what is written here.
_SHELL_WORDS: Final = (
    (re.compile(r"datetime\.fromisoformat\('([^']*)'\)"), r"\1"),
    (re.compile(r"\bmarket_type="), "--market "),
    (re.compile(r"\bprovider="), "--provider "),
    (re.compile(r"\bchart_type="), "--chart-type "),
    (re.compile(r"\bstart_time\b=?"), "--start "),
    (re.compile(r"\bend_time\b=?"), "--end "),
    (re.compile(r"\blast="), "--last "),
    (re.compile(r" {2,}"), " "),
)


def exit_code_of(error: DSMError) -> ExitCode:
    """Exit code that stands for an error."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), ExitCode.OTHER)


def report(error: DSMError, *, debug: bool) -> ExitCode:
    """Say what went wrong and what to do; give the exit code."""
    if debug:
        say_note(masked_traceback(error))
    say("error", in_shell_words(error, error.message))
    if isinstance(error, IncompleteDataError):
        # Its own hint tells where a Python program finds the rows.
        say("hint", "Without --strict the rows that there are get printed; --format json lists each gap.")
    elif error.hint:
        say("hint", in_shell_words(error, error.hint))
    return exit_code_of(error)


def in_shell_words(error: DSMError, text: str) -> str:
    """Text of a refused request with options in place of keyword arguments."""
    if isinstance(error, RequestError):
        for pattern, word in _SHELL_WORDS:
            text = pattern.sub(word, text)
    return text


def report_usage(error: click.ClickException) -> int:
    """Say how a command line is wrong; give the exit code."""
    say("error", error.format_message())
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if ctx is not None:
        say("hint", f"`{ctx.command_path} --help` tells what it takes.")
    return error.exit_code


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Show DSM's warnings as ``warning: ...`` lines, each of them, whatever filters are set."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DSMWarning)
        usual = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, DSMWarning):
                say("warning", str(message))
            else:
                usual(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def silence_stdout() -> None:
    """Let nothing more reach a reader that has gone, or Python would complain at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
