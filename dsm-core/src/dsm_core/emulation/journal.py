"""What was asked of a venue, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Journal", "RequestRecord"]

Record = TypeVar("Record")


@dataclass(frozen=True)
class RequestRecord:
    """One request and the status it was given; a venue adds what else its tests want to know.

    Attributes
    ----------
    method, path, query
        As sent, the path decoded.
    status
        The HTTP status; 0 when the connection was cut or kept waiting without one.
    when
        The monotonic time of arrival, in seconds.
    kind
        What was asked for, in the venue's words.
    port
        The port it came in at, which tells hosts apart.
    """

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    when: float
    kind: str
    port: int


class Journal(Generic[Record]):
    """A list of requests that any thread may read."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._lock = Lock()

    def add(self, record: Record) -> None:
        """Append a request."""
        with self._lock:
            self._records.append(record)

    def all(self) -> list[Record]:
        """Give a copy of everything so far."""
        with self._lock:
            return list(self._records)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._records.clear()
