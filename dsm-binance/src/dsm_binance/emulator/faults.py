"""Faults that the venue is told to show, beyond those that any venue has: files, checksums and bans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from dsm_binance.emulator.journal import Kind
from dsm_binance.emulator.kinds import BAR_KINDS
from dsm_core import emulation

__all__ = ["FAULT_KINDS", "Fault"]

FAULT_KINDS: Final = (
    *("429", "418", "403", "451", "500", "502", "503"),
    "timeout",
    "slow",
    "drip",
    "cut",
    "wrong-length",
    "reset",
    "bad-checksum",
    "no-checksum",
    "bad-zip",
    "html",
    "bad-gzip",
    "malformed",
    "empty",
    "redirect-loop",
)
"""Every kind of fault."""

# A fault that spoils one sort of answer waits for a request of that sort.
_API: Final[tuple[Kind, ...]] = (*BAR_KINDS, "fundingRate", "fundingInfo", "exchangeInfo", "time", "ping")
_ONLY: Final[dict[str, tuple[Kind, ...]]] = {
    "bad-checksum": ("checksum",),
    "no-checksum": ("checksum",),
    "bad-zip": ("zip",),
    "malformed": _API,
    "empty": _API,
}


@dataclass(frozen=True)
class Fault(emulation.Fault):
    """One way in which the venue goes wrong.

    Parameters
    ----------
    kind
        One of `FAULT_KINDS`: a status; ``timeout`` (no answer), ``slow`` (the body comes in eight parts),
        ``drip`` (a byte at a time), ``cut`` (the body ends half way), ``wrong-length`` (half of it is
        announced, all of it sent), ``reset``; ``bad-checksum``, ``no-checksum``, ``bad-zip`` for archive
        files; ``malformed`` (half the JSON) and ``empty`` (``[]``) for REST; ``html`` (a page with status
        200), ``bad-gzip`` (what is announced as gzip is none) and ``redirect-loop``.
    match
        Part of ``METHOD path?query``, or a regular expression after ``re:``. Empty hits everything.
    times
        How many requests it hits; ``None`` is all.
    after
        How many matching requests it lets pass first.
    retry_after
        Seconds in the ``Retry-After`` header, which ``inf`` leaves out; without it 429 says 1, 418 says 120,
        others say nothing.
    seconds
        How long ``slow`` takes (2 unless given), how long ``drip`` waits before each byte (0.05 unless
        given), or after how long ``timeout`` hangs up (never unless given).

    Raises
    ------
    ValueError
        An unknown kind, a number below what makes sense, or a bad regular expression.
    """

    kinds: ClassVar[tuple[str, ...]] = FAULT_KINDS
    only: ClassVar[Mapping[str, tuple[str, ...]]] = _ONLY
