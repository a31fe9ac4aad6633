"""What was asked of the venue, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dsm_core import emulation

__all__ = ["Kind", "RequestRecord"]

Kind = Literal["authorize", "token", "revoke", "barcharts", "symbols", "pairs", "suggest", "other"]


@dataclass(frozen=True)
class RequestRecord(emulation.RequestRecord):
    """One request and the status it was given.

    Attributes
    ----------
    method, path, query, status, when
        As of any venue.
    kind
        What was asked for: ``authorize``, ``token``, ``revoke``, ``barcharts``, ``symbols``, ``pairs``
        (crypto), ``suggest`` or ``other``.
    port
        The port it came in at, which tells the API from the sign-in.
    target
        The path and query as they came, still encoded.
    symbol
        What the path's last part names.
    form
        The fields of a form.
    client_id
        Whose access token came with it, when that was alive; of a form, the one that it names.
    """

    target: str
    symbol: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    client_id: str = ""
