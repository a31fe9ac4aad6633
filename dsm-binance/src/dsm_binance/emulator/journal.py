"""What was asked of the venue, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Literal

__all__ = ["Journal", "Kind", "RequestRecord"]

Kind = Literal[
    "klines",
    "markPriceKlines",
    "indexPriceKlines",
    "premiumIndexKlines",
    "fundingRate",
    "fundingInfo",
    "zip",
    "checksum",
    "listing",
    "exchangeInfo",
    "time",
    "ping",
    "other",
]


@dataclass(frozen=True)
class RequestRecord:
    """One request and the status it was given.

    Attributes
    ----------
    method, path, query
        As sent, the path decoded, from the endpoint's prefix on (``/spot/api/v3/klines``).
    status
        The HTTP status; 0 when the connection was cut or kept waiting without one.
    weight
        What it cost of its pool; 0 for the archive.
    market
        ``spot``, ``um``, ``cm``, or empty when the request names none.
    when
        The monotonic time of arrival, in seconds.
    kind
        What was asked for.
    port
        The port it came in at, which tells mirrors apart.
    """

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    weight: int
    market: str
    when: float
    kind: Kind
    port: int = 0


class Journal:
    """A list of requests that any thread may read."""

    def __init__(self) -> None:
        self._records: list[RequestRecord] = []
        self._lock = Lock()

    def add(self, record: RequestRecord) -> None:
        """Append a request."""
        with self._lock:
            self._records.append(record)

    def all(self) -> list[RequestRecord]:
        """Give a copy of everything so far."""
        with self._lock:
            return list(self._records)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._records.clear()
