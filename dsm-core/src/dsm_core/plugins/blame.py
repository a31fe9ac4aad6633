"""Where an exception came from: its type, message and the line of the plugin's own code."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from types import TracebackType
from typing import Final

__all__ = ["place_of", "told"]

_OURS: Final = str(Path(__file__).parent.parent)
_STANDARD: Final = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib"))
_INSTALLED: Final = ("site-packages", "dist-packages")


def told(error: BaseException) -> str:
    """Type and message of an exception in one line, credentials masked: ``KeyError: 'open'``."""
    from dsm_core.net.urls import mask_text  # noqa: PLC0415 - brings the HTTP library

    said = str(error.msg if isinstance(error, SyntaxError) else error)
    text = mask_text(" ".join(said.split()).rstrip("."))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place_of(error: BaseException, home: str | None = None) -> str:
    """Where code outside DSM raised it, as `` (file:line)``; empty when nothing tells.

    Parameters
    ----------
    error
        With its traceback.
    home
        The folder of the code to blame; its deepest line counts, else the deepest one anywhere.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}:{error.lineno})"
    lines = _lines(error.__traceback__)
    own = [line for line in lines if home is not None and line[0].startswith(home)] or lines
    return f" ({own[-1][0]}:{own[-1][1]})" if own else ""


def _lines(trace: TracebackType | None) -> list[tuple[str, int]]:
    lines = []
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not _is_machinery(file):
            lines.append((file, trace.tb_lineno))
        trace = trace.tb_next
    return lines


def _is_machinery(file: str) -> bool:
    if file.startswith((_OURS, "<")):
        return True
    # Installed packages lie below the standard library's folder.
    return file.startswith(_STANDARD) and not any(part in file for part in _INSTALLED)
