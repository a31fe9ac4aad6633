"""How far a call is, on the terminal that a command was typed at."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dsm_core.cli.console import is_redirected
from dsm_core.progress import Subscribable, is_live, plain_line, rich_line, watched

__all__ = ["shown_progress"]


@contextmanager
def shown_progress(manager: Subscribable) -> Iterator[None]:
    """Show on stderr how far the calls inside are, if that is a terminal; the line is gone at the end.

    It is a bar with the extra ``rich``, and plain text without.
    """
    if is_redirected() or not is_live():
        yield
        return
    with watched(manager, rich_line() or plain_line(sys.stderr)):
        yield
