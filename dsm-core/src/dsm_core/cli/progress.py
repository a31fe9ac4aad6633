"""How far a call is, on a terminal: an observer of events and one line that is rewritten."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

from attrs import define, field

from dsm_core.cli.console import colour_choice, is_live
from dsm_core.events import Event, Planned, RateLimitWait, RequestFinished, Retry, SegmentDone

__all__ = ["Progress", "shown_progress"]


@define
class Progress:
    """What is known of a call on its way; events come from any thread."""

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
        size = f"{self.bytes_received / 1e6:.1f} MB"
        text = f"{self.done}/{max(self.parts, self.done)} parts, {self.requests} requests, {size}"
        many = len({series for _, series in self._planned})
        text = f"{many} series, {text}" if many > 1 else text
        return f"{text}, {self.remark}" if self.remark else text


class _Subscribable(Protocol):
    """A manager of either face."""

    def subscribe(self, observer: Callable[[Event], object]) -> Callable[[], None]: ...


@contextmanager
def shown_progress(manager: _Subscribable) -> Iterator[None]:
    """Show on stderr how far the calls inside are, if that is a terminal; the line is gone at the end."""
    if not is_live():
        yield
        return
    with _rich_bar() or _plain_line(sys.stderr) as show:
        unsubscribe = manager.subscribe(Progress(show).observe)
        try:
            yield
        finally:
            unsubscribe()


@contextmanager
def _plain_line(stream: TextIO) -> Iterator[Callable[[Progress], None]]:
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


def _rich_bar() -> Any:
    """Context manager that gives a bar's update function; None without the extra."""
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as Bars  # noqa: PLC0415
    except ImportError:
        return None
    console = Console(stderr=True, no_color=colour_choice() is False)
    return _bar(Bars(BarColumn(), TextColumn("{task.description}"), console=console, transient=True))


@contextmanager
def _bar(bars: Any) -> Iterator[Callable[[Progress], None]]:
    task = bars.add_task("", total=None)

    def show(progress: Progress) -> None:
        # Begun at the first event: a call that the cache answers has none, and shows none.
        bars.start()
        bars.update(task, total=progress.parts or None, completed=progress.done, description=str(progress))

    try:
        yield show
    finally:
        bars.stop()
