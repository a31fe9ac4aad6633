"""Faults in this venue's words: refusals of its API and its sign-in, and bodies without rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from dsm_core import emulation
from dsm_core.emulation import Reply
from dsm_core.emulation.replies import retry_after
from dsm_tradestation.emulator.barcharts import not_entitled
from dsm_tradestation.emulator.journal import Kind
from dsm_tradestation.emulator.replies import TITLES, api_error, oauth_error, v2_error

__all__ = ["FAULT_KINDS", "Fault", "spoiled"]

FAULT_KINDS: Final = (*emulation.Fault.kinds, "not-entitled")
"""Every kind of fault."""

_SIGN_IN: Final[tuple[Kind, ...]] = ("authorize", "token", "revoke")
_DATA: Final[tuple[Kind, ...]] = ("barcharts", "symbols", "pairs", "suggest", "token")
_ONLY: Final[dict[str, tuple[Kind, ...]]] = {
    "malformed": _DATA,
    "empty": _DATA,
    "not-entitled": ("barcharts",),
}
_EMPTY: Final[dict[str, bytes]] = {
    "barcharts": b'{"Bars":[]}',
    "symbols": b'{"Symbols":[],"Errors":[]}',
    "pairs": b'{"SymbolNames":[]}',
    "suggest": b"[]",
}


@dataclass(frozen=True)
class Fault(emulation.Fault):
    """One way in which the venue goes wrong, told as :class:`dsm_core.emulation.Fault` is.

    Parameters
    ----------
    kind
        One of `FAULT_KINDS`; besides those of any venue ``not-entitled`` (an error with status 200).
    match, times, after, seconds
        As of any fault.
    retry_after
        Seconds in the ``Retry-After`` header, which is left out without it.

    Raises
    ------
    ValueError
        As of any fault.
    """

    kinds: ClassVar[tuple[str, ...]] = FAULT_KINDS
    only: ClassVar[Mapping[str, tuple[str, ...]]] = _ONLY


def spoiled(reply: Reply, fault: Fault, path: str, kind: Kind) -> Reply:
    """Give what a fault makes of an answer; faults of the connection leave it as it is."""
    if fault.kind == "not-entitled":
        return not_entitled("200")
    bodies: dict[str, Callable[[bytes], bytes]] = {"empty": lambda _: _EMPTY.get(kind, b"{}")}
    return emulation.spoil(reply, fault, path, lambda status: _refusal(status, fault, kind), bodies)


def _refusal(status: int, fault: Fault, kind: Kind) -> Reply:
    headers = retry_after(fault.retry_after)
    if kind in _SIGN_IN:
        return oauth_error(status, TITLES[status].lower(), headers=headers)
    return (v2_error if kind == "suggest" else api_error)(status, headers=headers)
