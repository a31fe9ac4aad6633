"""What was asked of the venue, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dsm_core import emulation

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
class RequestRecord(emulation.RequestRecord):
    """One request and the status it was given.

    Attributes
    ----------
    method, path, query, status, when, port
        As of any venue; the path from the endpoint's prefix on (``/spot/api/v3/klines``).
    kind
        What was asked for, one of `Kind`.
    weight
        What it cost of its pool; 0 for the archive.
    market
        ``spot``, ``um``, ``cm``, or empty when the request names none.
    """

    weight: int = 0
    market: str = ""
