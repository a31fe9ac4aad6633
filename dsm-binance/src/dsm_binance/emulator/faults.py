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
    """One way in which the venue goes wrong, told as :class:`dsm_core.emulation.Fault` is.

    Parameters
    ----------
    kind
        One of `FAULT_KINDS`; besides those of any venue ``bad-checksum``, ``no-checksum`` and ``bad-zip`` for
        archive files. ``malformed`` and ``empty`` (``[]``) are for REST.
    match, times, after, seconds
        As of any fault.
    retry_after
        Seconds in the ``Retry-After`` header; without it 429 says 1, 418 says 120, others say nothing.

    Raises
    ------
    ValueError
        As of any fault.
    """

    kinds: ClassVar[tuple[str, ...]] = FAULT_KINDS
    only: ClassVar[Mapping[str, tuple[str, ...]]] = _ONLY
