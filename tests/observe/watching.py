"""An observer that remembers, and what must hold of whatever it heard."""

from __future__ import annotations

import threading
from typing import TypeVar

from attrs import define, field

from dsm_core.events import Event, RequestFinished, RequestSent

__all__ = ["Heard", "assert_paired"]

Kind = TypeVar("Kind", bound=Event)


@define
class Heard:
    """Every event in order, and the threads in which they came."""

    events: list[Event] = field(factory=list)
    threads: set[str] = field(factory=set)

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.threads.add(threading.current_thread().name.partition("_")[0])

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    @property
    def call_ids(self) -> set[int]:
        return {event.call_id for event in self.events}

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]

    def first(self, name: str) -> int:
        return self.names.index(name)

    def last(self, name: str) -> int:
        return len(self.names) - 1 - self.names[::-1].index(name)


def assert_paired(heard: Heard) -> None:
    """Each request that left has one end, later, that tells of the same request."""
    sent = {event.request_id: event for event in heard.of(RequestSent)}
    finished = {event.request_id: event for event in heard.of(RequestFinished)}
    assert len(sent) == len(heard.of(RequestSent))
    assert len(finished) == len(heard.of(RequestFinished))
    assert sent.keys() == finished.keys()
    for number, begun in sent.items():
        ended = finished[number]
        assert heard.events.index(begun) < heard.events.index(ended)
        for name in ("call_id", "series", "provider", "source", "method", "url"):
            assert getattr(begun, name) == getattr(ended, name)
