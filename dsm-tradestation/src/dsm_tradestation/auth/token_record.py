"""What is kept of a login: two tokens, how long one lasts, and what they grew from."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, Final

from attrs import field, frozen

from dsm_core.config import Secret

__all__ = ["LONGEST_LIFE_S", "DamagedRecordError", "TokenRecord", "is_token", "parse_record"]

LONGEST_LIFE_S: Final = 86_400.0
"""No access token is believed to last longer; the vendor's last 20 minutes."""
_EARLY_S: Final = 60.0
_VERSION: Final = 1
_MOST_GENERATIONS: Final = 2**53


class DamagedRecordError(ValueError):
    """The text is no record; what it says stays out of the message."""


@frozen(kw_only=True)
class TokenRecord:
    """The tokens of one API key at one authorization server.

    Parameters
    ----------
    client_id, signin
        Whose they are.
    refresh
        Gives new access tokens.
    access
        Goes with requests; None where none was had so far.
    obtained_at, expires_at
        Life of the access token, seconds since 1970.
    configured
        Digest of the refresh token that the configuration held when these tokens came to be, None without
        one: a configured one that differs is newer than these.
    generation
        Grows with each write: of two records the higher one counts.
    refused
        Whether the refresh token was turned away.
    """

    client_id: str
    signin: str
    refresh: Secret
    access: Secret | None = None
    obtained_at: float = 0.0
    expires_at: float = 0.0
    configured: str | None = None
    generation: int = 0
    refused: bool = field(default=False)

    def is_fresh(self, now_s: float) -> bool:
        """Whether the access token serves at ``now_s`` and a little longer.

        A life that begins in the future or never ends was written by another clock: it counts as over.
        """
        life_s = self.expires_at - self.obtained_at
        if self.access is None or not 0 < life_s <= LONGEST_LIFE_S:
            return False
        return self.obtained_at - _EARLY_S <= now_s < self.expires_at - min(_EARLY_S, life_s / 2)

    def grew_from(self, configured: str | None) -> bool:
        """Whether no other refresh token was configured since."""
        return configured is None or configured == self.configured

    def dump(self) -> str:
        """The record as text, tokens and all."""
        return json.dumps(
            {
                "version": _VERSION,
                "client_id": self.client_id,
                "signin": self.signin,
                "refresh_token": self.refresh.reveal(),
                "access_token": None if self.access is None else self.access.reveal(),
                "obtained_at": self.obtained_at,
                "expires_at": self.expires_at,
                "configured_sha256": self.configured,
                "generation": self.generation,
                "refused": self.refused,
            },
            indent=1,
        )


def parse_record(text: str | bytes) -> TokenRecord:
    """The record that a text holds.

    Raises
    ------
    DamagedRecordError
        It holds none.
    """
    try:
        told: Any = json.loads(text)
        record = TokenRecord(
            client_id=_typed(told["client_id"], str),
            signin=_typed(told["signin"], str),
            refresh=_token(told["refresh_token"]),
            access=None if told["access_token"] is None else _token(told["access_token"]),
            obtained_at=float(told["obtained_at"]),
            expires_at=float(told["expires_at"]),
            configured=None if told["configured_sha256"] is None else _typed(told["configured_sha256"], str),
            generation=_typed(told["generation"], int),
            refused=_typed(told["refused"], bool),
        )
        is_sound = (
            told["version"] == _VERSION
            and isfinite(record.obtained_at)
            and isfinite(record.expires_at)
            and 0 <= record.generation < _MOST_GENERATIONS
        )
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        # The cause would show parts of the text in a traceback.
        raise DamagedRecordError("what is kept is no record of a login") from None
    if not is_sound:
        raise DamagedRecordError("what is kept is no record of a login")
    return record


def is_token(value: Any) -> bool:
    """Whether a value can be sent as a token: visible ASCII and spaces (RFC 6749, appendix A)."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _token(value: Any) -> Secret:
    if not is_token(value):
        raise TypeError("a token")
    return Secret(value)


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(kind.__name__)
    return value
