"""The sign-in: authorization codes (with a secret or PKCE), refresh with or without rotation, revocation."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit

from dsm_core.emulation import Clock, RefusalError, Reply, json_reply
from dsm_tradestation.emulator.manners import Manners
from dsm_tradestation.emulator.replies import oauth_error
from dsm_tradestation.emulator.tokens import Client, Code, TokenBook

__all__ = ["AUDIENCE", "SCOPES", "SignIn"]

AUDIENCE: Final = "https://api.tradestation.com"
"""What `audience` must be."""

SCOPES: Final = frozenset(
    {
        *("openid", "offline_access", "profile", "email"),
        *("MarketData", "ReadAccount", "Trade", "OptionSpreads", "Matrix", "Crypto"),
    }
)
"""Every scope there is."""

_DEFAULT_SCOPE: Final = "openid offline_access MarketData"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class SignIn:
    """The authorization server, and the handles that a test holds on it.

    Parameters
    ----------
    clock
        The venue's time, by which tokens live.
    manners
        Gives how it behaves now.
    rotation
        Whether a refresh gives a new refresh token, and kills the old one.
    expires_in
        Seconds that an access token lives.

    Attributes
    ----------
    rotation
        As above; may be set at any time.
    denies
        Whether the user refuses consent.
    refreshes
        How many times a refresh token was exchanged.
    exchanges
        How many times a code was exchanged.
    """

    def __init__(
        self, clock: Clock, manners: Callable[[], Manners], *, rotation: bool = False, expires_in: int = 1200
    ) -> None:
        self._tokens, self._manners = TokenBook(clock, expires_in), manners
        self.rotation, self.denies = rotation, False
        self.refreshes = self.exchanges = 0

    @property
    def expires_in(self) -> int:
        """Seconds that an access token lives; may be set, for those issued from then on."""
        return self._tokens.expires_in

    @expires_in.setter
    def expires_in(self, seconds: int) -> None:
        self._tokens.expires_in = seconds

    def add_client(
        self, client_id: str, secret: str | None = None, redirect_uris: tuple[str, ...] = ()
    ) -> None:
        """Register an API key.

        Parameters
        ----------
        client_id
            The key.
        secret
            Its secret; without one it must use PKCE.
        redirect_uris
            Where codes may go; empty is anywhere on loopback.
        """
        self._tokens.clients[client_id] = Client(client_id, secret, redirect_uris)

    def seed_refresh_token(self, client_id: str, token: str | None = None) -> str:
        """Give a client a refresh token, as a login of long ago would have; its text may be chosen."""
        return self._tokens.issue_refresh(client_id, _DEFAULT_SCOPE, token)

    def seed_access_token(self, client_id: str) -> str:
        """Give a client an access token."""
        return self._tokens.issue_access(client_id)

    def refresh_tokens(self, client_id: str) -> tuple[str, ...]:
        """Give a client's refresh tokens that are alive, oldest first."""
        return self._tokens.refresh_tokens(client_id)

    def holder_of(self, access_token: str) -> str | None:
        """Give whose access token this is, when it is alive."""
        return self._tokens.holder_of(access_token)

    def revoke(self, client_id: str) -> None:
        """End all refresh tokens of a client; access tokens live on until they expire."""
        self._tokens.revoke([client_id])

    def expire_access_tokens(self, after: timedelta | None = None) -> None:
        """End every access token at once, or after a span of the venue's clock."""
        if after is None:
            self._tokens.expire_access()
        else:
            self._tokens.expire_soon(after)

    def authorize(self, query: Mapping[str, str]) -> Reply:
        """Answer ``GET /authorize`` as for a user who consents at once (or denies)."""
        client = self._tokens.clients.get(query.get("client_id", ""))
        if client is None:
            return oauth_error(400, "invalid_request", "Unknown client.")
        uri = query.get("redirect_uri", "")
        if not _may_redirect(client, uri):
            return oauth_error(400, "invalid_request", f"Callback URL mismatch: {uri!r} is not registered.")
        error = _authorize_error(client, query)
        if error:
            return _redirect(uri, {"error": error[0], "error_description": error[1]}, query)
        if self.denies:
            denied = {"error": "access_denied", "error_description": "User did not authorize the request"}
            return _redirect(uri, denied, query)
        code = self._tokens.issue_code(
            client.client_id, uri, query.get("scope", ""), query.get("code_challenge", "")
        )
        return _redirect(uri, {"code": code}, query)

    def token(self, form: Mapping[str, str]) -> Reply:
        """Answer ``POST /oauth/token``.

        Raises
        ------
        RefusalError
            With the OAuth error.
        """
        client = self._authenticated(form)
        grant = form.get("grant_type", "")
        if grant == "authorization_code":
            return self._exchange(client, form)
        if grant == "refresh_token":
            return self._refresh(client, form)
        raise _refusal(400, "unsupported_grant_type", f"Unsupported grant type: {grant!r}.")

    def revocation(self, form: Mapping[str, str]) -> Reply:
        """Answer ``POST /oauth/revoke``: all refresh tokens of the key die with the one that is named.

        Raises
        ------
        RefusalError
            With the OAuth error.
        """
        client = self._authenticated(form)
        token = form.get("token", "")
        if not token:
            raise _refusal(400, "invalid_request", "The parameter token is missing.")
        # A token that is unknown or dead is revoked already (RFC 7009).
        if self._tokens.scope_of(token, client.client_id) is not None:
            self.revoke(client.client_id)
        return json_reply({})

    def _authenticated(self, form: Mapping[str, str]) -> Client:
        client = self._tokens.clients.get(form.get("client_id", ""))
        if client is None:
            raise _refusal(401, "invalid_client", "Unknown client.")
        if client.secret is not None and not _same(client.secret, form.get("client_secret", "")):
            raise _refusal(401, "invalid_client", "Wrong client secret.")
        return client

    def _exchange(self, client: Client, form: Mapping[str, str]) -> Reply:
        code = self._tokens.take_code(form.get("code", ""))
        if code is None or code.client_id != client.client_id:
            raise self._invalid_grant("Invalid authorization code")
        if code.redirect_uri != form.get("redirect_uri", ""):
            raise self._invalid_grant("The redirect URI is wrong.")
        if not _is_verified(code, form.get("code_verifier", "")):
            raise self._invalid_grant("Failed to verify code verifier")
        self.exchanges += 1
        refresh = None
        if "offline_access" in code.scope.split():
            refresh = self._tokens.issue_refresh(client.client_id, code.scope)
        return self._answer(client, code.scope, refresh)

    def _refresh(self, client: Client, form: Mapping[str, str]) -> Reply:
        old = form.get("refresh_token", "")
        scope = self._tokens.scope_of(old, client.client_id)
        new = self._tokens.rotate(old, client.client_id) if self.rotation else None
        if scope is None or (self.rotation and new is None):
            raise self._invalid_grant("Unknown or invalid refresh token.")
        self.refreshes += 1
        return self._answer(client, scope, new)

    def _answer(self, client: Client, scope: str, refresh: str | None) -> Reply:
        answer: dict[str, str | int] = {"access_token": self._tokens.issue_access(client.client_id)}
        if refresh is not None:
            answer["refresh_token"] = refresh
        answer |= {
            "id_token": "e30.e30.",
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": scope,
        }
        return json_reply(answer, 200, {"Cache-Control": "no-store"})

    def _invalid_grant(self, description: str) -> RefusalError:
        return _refusal(self._manners().grant_status, "invalid_grant", description)


def _may_redirect(client: Client, uri: str) -> bool:
    parts = urlsplit(uri)
    if client.redirect_uris:
        return uri in client.redirect_uris
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def _authorize_error(client: Client, query: Mapping[str, str]) -> tuple[str, str] | None:
    if query.get("response_type") != "code":
        return "unsupported_response_type", "response_type must be code."
    if query.get("audience") != AUDIENCE:
        return "access_denied", f"Service not found: {query.get('audience', '')!r}; audience is {AUDIENCE}."
    scopes = query.get("scope", "").split()
    if "openid" not in scopes or not SCOPES.issuperset(scopes):
        return "invalid_scope", "scope must hold openid and known scopes, which are case-sensitive."
    method, challenge = query.get("code_challenge_method"), query.get("code_challenge", "")
    if challenge and method != "S256":
        return "invalid_request", "code_challenge_method must be S256."
    if client.secret is None and not challenge:
        return "invalid_request", "This key has no secret: code_challenge is missing."
    return None


def _is_verified(code: Code, verifier: str) -> bool:
    if not code.challenge:
        return not verifier
    digest = hashlib.sha256(verifier.encode()).digest()
    return _same(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), code.challenge)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _redirect(uri: str, params: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    state = {"state": query["state"]} if "state" in query else {}
    mark = "&" if urlsplit(uri).query else "?"
    return Reply(302, b"", "text/plain", {"Location": f"{uri}{mark}{urlencode({**params, **state})}"})


def _refusal(status: int, error: str, description: str) -> RefusalError:
    return RefusalError(oauth_error(status, error, description))
