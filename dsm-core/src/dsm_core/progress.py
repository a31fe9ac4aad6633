"""How far calls are: an observer of events, and one line that it keeps up to date.

The line stands on a terminal or in the output of a notebook's cell; the command line shows the same.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any, Final, Protocol, TextIO

from attrs import define, field

from dsm_core.errors import ConfigError
from dsm_core.events import Event, Planned, RateLimitWait, RequestFinished, Retry, SegmentDone
from dsm_core.model.wording import counted, size_text

__all__ = [
    "Progress",
    "Show",
    "Subscribable",
    "is_live",
    "plain_line",
    "rich_line",
    "show_progress",
    "watched",
]

# As often as a terminal's bar is drawn; each drawing in a notebook is a message to the browser.
_NOTEBOOK_PERIOD_S: Final = 0.1


@define
class Progress:
    """What is known of calls on their way; events come from any thread.

    Parameters
    ----------
    show
        Is given the progress after every event that changed it.
    """

    show: Callable[[Progress], None]
    done: int = 0
    requests: int = 0
    bytes_received: int = 0
    remark: str = ""
    _planned: dict[tuple[int, str], int] = field(factory=dict)
    _lock: Any = field(factory=threading.Lock)

    @property
    def parts(self) -> int:
        """Parts of all calls, as far as they have been planned."""
        return sum(self._planned.values())

    def observe(self, event: Event) -> None:
        """Take an event in and show what it changed."""
        with self._lock:
            if self._changed(event):
                self.show(self)

    def _changed(self, event: Event) -> bool:
        if isinstance(event, Planned):
            call = event.call_id, event.series
            self._planned[call] = max(self._planned.get(call, 0), event.tasks)
        elif isinstance(event, SegmentDone):
            self.done += 1
            self.remark = event.source
        elif isinstance(event, RequestFinished):
            self.requests += 1
            self.bytes_received += event.bytes_received
        elif isinstance(event, RateLimitWait):
            self.remark = f"waits {event.wait_s:.0f} s for the rate limit"
        elif isinstance(event, Retry):
            self.remark = f"tries again in {event.wait_s:.0f} s"
        else:
            return False
        return True

    def __str__(self) -> str:
        parts = counted(max(self.parts, self.done), "part")
        text = f"{self.done}/{parts}, {counted(self.requests, 'request')}, {size_text(self.bytes_received)}"
        many = len({series for _, series in self._planned})
        text = f"{many} series, {text}" if many > 1 else text
        return f"{text}, {self.remark}" if self.remark else text


Show = Callable[[Progress], None]


class Subscribable(Protocol):
    """A manager of either face."""

    def subscribe(self, observer: Callable[[Event], object]) -> Callable[[], None]:
        """Call ``observer(event)`` for every event; the result ends the subscription."""


def show_progress(manager: Subscribable) -> AbstractContextManager[None]:
    """Show how far the calls inside the ``with`` block are, in one line for all of them.

    On a terminal the line stands on stderr and is gone at the end. In a notebook it stands in the
    cell's output, and its last state stays. Nothing is shown where there is neither, and nothing
    before the first call that is not answered by the cache alone.

    Parameters
    ----------
    manager
        A :class:`~dsm_core.DataSourceManager` or :class:`~dsm_core.AsyncDataSourceManager`.

    Raises
    ------
    ConfigError
        When rich is not installed.

    Examples
    --------
    >>> from dsm_core import DataSourceManager, show_progress
    >>> with DataSourceManager("um") as manager, show_progress(manager):  # doctest: +SKIP
    ...     manager.get_many(["BTCUSDT", "ETHUSDT"], "2024", "2024", "1h")
    """
    line = rich_line()
    if line is None:
        raise ConfigError("rich is not installed.", hint="Run: pip install 'dsm-core[rich]'")
    return watched(manager, line)


@contextmanager
def watched(manager: Subscribable, line: AbstractContextManager[Show | None]) -> Iterator[None]:
    """Keep a line up to date with the manager's events; nothing is subscribed where it is None."""
    with line as show:
        unsubscribe = manager.subscribe(Progress(show).observe) if show is not None else lambda: None
        try:
            yield
        finally:
            unsubscribe()


def is_live(stream: Any = None) -> bool:
    """Whether a stream (stderr by default) is a terminal that can rewrite its line."""
    stream = sys.stderr if stream is None else stream
    return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


@contextmanager
def plain_line(stream: TextIO) -> Iterator[Show]:
    """A line of text that is rewritten, and gone at the end."""
    longest = 0

    def show(progress: Progress) -> None:
        nonlocal longest
        text = str(progress)
        longest = max(longest, len(text))
        stream.write("\r" + text.ljust(longest))
        stream.flush()

    try:
        yield show
    finally:
        if longest:
            stream.write("\r" + " " * longest + "\r")
            stream.flush()


def rich_line() -> AbstractContextManager[Show | None] | None:
    """A bar with its text, where it can be seen; None without the extra ``rich``."""
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as Bars  # noqa: PLC0415
    except ImportError:
        return None
    console = Console(stderr=True, no_color=True if os.environ.get("NO_COLOR") else None)
    if not (console.is_jupyter or is_live()):
        return nullcontext()
    bars = Bars(BarColumn(), TextColumn("{task.description}"), console=console, transient=True)
    return _notebook_bar(bars) if console.is_jupyter else _terminal_bar(bars)


@contextmanager
def _terminal_bar(bars: Any) -> Iterator[Show]:
    task = bars.add_task("", total=None)

    def show(progress: Progress) -> None:
        # Begun at the first event: a call that the cache answers has none, and shows none.
        bars.start()
        _set(bars, task, progress)

    try:
        yield show
    finally:
        bars.stop()


@contextmanager
def _notebook_bar(bars: Any) -> Iterator[Show]:
    """One output of the cell, replaced in place; rich's own way in notebooks needs ipywidgets."""
    display = import_module("IPython.display").display
    task = bars.add_task("", total=None)
    handle: Any = None
    drawn_s, latest = 0.0, ""

    def show(progress: Progress) -> None:
        nonlocal handle, drawn_s, latest
        _set(bars, task, progress)
        now_s = time.monotonic()
        if handle is None:
            handle = display(bars, display_id=True)
        elif now_s - drawn_s < _NOTEBOOK_PERIOD_S:
            latest = str(progress)
            return
        else:
            handle.update(bars)
        drawn_s, latest = now_s, ""

    try:
        yield show
    finally:
        if latest:
            handle.update(bars)


def _set(bars: Any, task: Any, progress: Progress) -> None:
    bars.update(task, total=progress.parts or None, completed=progress.done, description=str(progress))
