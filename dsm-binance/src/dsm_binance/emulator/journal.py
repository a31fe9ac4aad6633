"""What was asked of the venue, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Kind", "RequestRecord"]

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
