"""What the sign-in has handed out: clients, codes, and tokens with their lives."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import RLock
from typing import Final

from dsm_core.emulation import Clock

__all__ = ["Client", "Code", "TokenBook"]

_CODE_LIFE_MS: Final = 10 * 60_000


@dataclass(frozen=True)
class Client:
    """An API key; without a secret it must use PKCE, without redirect addresses any on loopback is taken."""

    client_id: str
    secret: str | None = None
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True)
class Code:
    """An authorization code: whose it is, and what its exchange must show."""

    client_id: str
    redirect_uri: str
    scope: str
    challenge: str
    until_ms: int


@dataclass
class _Refresh:
    client_id: str
    scope: str


@dataclass
class TokenBook:
    """Every code and token that is alive, by its text; any thread may use it."""

    clock: Clock
    expires_in: int = 1200
    clients: dict[str, Client] = field(default_factory=dict)
    _codes: dict[str, Code] = field(default_factory=dict)
    _access: dict[str, tuple[str, int]] = field(default_factory=dict)
    _refresh: dict[str, _Refresh] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def issue_code(self, client_id: str, redirect_uri: str, scope: str, challenge: str) -> str:
        """Give a code that can be exchanged once, within ten minutes."""
        text = f"code-{secrets.token_urlsafe(18)}"
        until_ms = self.clock.now_ms() + _CODE_LIFE_MS
        with self._lock:
            self._codes[text] = Code(client_id, redirect_uri, scope, challenge, until_ms)
        return text

    def take_code(self, text: str) -> Code | None:
        """Give what a code stands for, and forget it."""
        with self._lock:
            code = self._codes.pop(text, None)
        return code if code is not None and self.clock.now_ms() < code.until_ms else None

    def issue_access(self, client_id: str) -> str:
        """Give an access token that lives as long as the venue says now."""
        text = f"access-{secrets.token_urlsafe(24)}"
        until_ms = self.clock.now_ms() + self.expires_in * 1000
        with self._lock:
            self._access[text] = client_id, until_ms
        return text

    def issue_refresh(self, client_id: str, scope: str, text: str | None = None) -> str:
        """Give a refresh token, of a text of the caller's or a new one."""
        text = text or f"refresh-{secrets.token_urlsafe(24)}"
        with self._lock:
            self._refresh[text] = _Refresh(client_id, scope)
        return text

    def scope_of(self, text: str, client_id: str) -> str | None:
        """Give the scope of a client's refresh token, or ``None`` when it is dead or another's."""
        with self._lock:
            found = self._refresh.get(text)
        return found.scope if found is not None and found.client_id == client_id else None

    def rotate(self, text: str, client_id: str) -> str | None:
        """Give a new refresh token for an old one, which is dead from then on; ``None`` when it was."""
        with self._lock:
            scope = self.scope_of(text, client_id)
            if scope is None:
                return None
            del self._refresh[text]
            return self.issue_refresh(client_id, scope)

    def holder_of(self, access: str) -> str | None:
        """Give the client of an access token that is alive."""
        with self._lock:
            client_id, until_ms = self._access.get(access, ("", 0))
        return client_id if client_id and self.clock.now_ms() < until_ms else None

    def expire_access(self) -> None:
        """End every access token."""
        with self._lock:
            self._access.clear()

    def expire_soon(self, span: timedelta) -> None:
        """Let every access token end after a span of the venue's clock."""
        until_ms = self.clock.now_ms() + span // timedelta(milliseconds=1)
        with self._lock:
            self._access = {text: (client_id, until_ms) for text, (client_id, _) in self._access.items()}

    def revoke(self, client_ids: Iterable[str]) -> None:
        """End every refresh token of some clients."""
        dead = set(client_ids)
        with self._lock:
            self._refresh = {t: held for t, held in self._refresh.items() if held.client_id not in dead}

    def refresh_tokens(self, client_id: str) -> tuple[str, ...]:
        """Give a client's refresh tokens that are alive, oldest first."""
        with self._lock:
            return tuple(text for text, held in self._refresh.items() if held.client_id == client_id)
