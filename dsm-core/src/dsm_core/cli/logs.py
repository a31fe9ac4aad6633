"""What is logged on stderr when it was asked for: lines for people, or JSON for programs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeVar

import click

from dsm_core.cli.console import plain_line, redirect_lines
from dsm_core.masking import mask_text

__all__ = ["log_options", "logs_end"]

Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])
_LEVELS: Final = {"error": logging.ERROR, "warning": logging.WARNING}
_FORM: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
# What was begun, to be undone when the command ends: the process may be a test's or a notebook's.
_begun = ExitStack()


def log_options(command: Wrapped) -> Wrapped:
    """Give a command ``--verbose`` and ``--log-json``."""
    verbose = click.option(
        "-v", "--verbose", is_flag=True, is_eager=True, expose_value=False, callback=_begin_text,
        help="Log each step on stderr.",
    )  # fmt: skip
    log_json = click.option(
        "--log-json", is_flag=True, is_eager=True, expose_value=False, callback=_begin_json,
        help="Everything on stderr, each step included, as one JSON object a line.",
    )  # fmt: skip
    return verbose(log_json(command))


@contextmanager
def logs_end() -> Iterator[None]:
    """Whatever begins to be logged inside ends with it."""
    try:
        yield
    finally:
        _begun.close()


class _TextFormatter(logging.Formatter):
    """One record as text, its traceback too, without what must not be seen."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_text(super().format(record))


class _Stderr(logging.Handler):
    """Writes to whatever stderr is at that time."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


def _begin_text(_: click.Context, __: click.Parameter, wanted: bool) -> None:
    if wanted and not any(isinstance(h, _Stderr) for h in logging.getLogger().handlers):
        _begin(_TextFormatter(_FORM), plain_line)


def _begin_json(_: click.Context, __: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from dsm_core.observe.json_lines import JsonFormatter  # noqa: PLC0415 - brings attrs

    _begun.close()

    def write(kind: str, text: str) -> None:
        level = _LEVELS.get(kind, logging.INFO)
        record = logging.LogRecord("dsm_core.cli", level, "", 0, "%s", (text,), None)
        record.dsm_kind = kind
        handler.handle(record)

    handler = _begin(JsonFormatter(), write)


def _begin(formatter: logging.Formatter, write: Callable[[str, str], None]) -> logging.Handler:
    handler, root = _Stderr(), logging.getLogger()
    handler.setFormatter(formatter)
    root.addHandler(handler)
    _begun.callback(root.removeHandler, handler)
    redirect_lines(write)
    _begun.callback(redirect_lines, None)
    for name in _packages():
        logger = logging.getLogger(name)
        _begun.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.DEBUG)
    return handler


def _packages() -> set[str]:
    """Top packages of the core and of the installed providers, which name their loggers alike."""
    from dsm_core.plugins.discovery import installed_providers  # noqa: PLC0415 - brings attrs

    return {"dsm_core", *(found.module.partition(".")[0] for found in installed_providers())}
