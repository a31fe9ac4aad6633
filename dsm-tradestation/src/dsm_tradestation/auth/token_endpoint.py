"""The vendor's authorization server: addresses, forms and answers are oauthlib's, sending is core's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final
from urllib.parse import parse_qsl

from attrs import frozen
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from dsm_core.config import Secret
from dsm_core.errors import AuthenticationError, ProtocolChangedError, SourceError
from dsm_core.net import HttpSession, Limit
from dsm_tradestation.auth.credentials import LOGIN, Credentials
from dsm_tradestation.auth.token_record import LONGEST_LIFE_S, is_token

__all__ = ["NOT_SECRET", "SIGNIN_LIMIT", "Challenge", "Grant", "RefreshRefusedError", "TokenEndpoint"]

AUDIENCE: Final = "https://api.tradestation.com"
SIGNIN_LIMIT: Final = Limit("signin", 60, 300.0)
"""Our own: a mistake that renews again and again shall not lock the account."""
_USUAL_LIFE_S: Final = 1200.0
_VERIFIER_LENGTH: Final = 64
# oauthlib insists on whole numbers for the first two.
_NOT_READ: Final = ("expires_in", "expires_at", "error")
# What oauthlib raises of a body that is no object of texts, or nested too deeply, or has an infinite number.
_UNREADABLE: Final = (ValueError, TypeError, AttributeError, RecursionError, OverflowError)
_KEY_REFUSED: Final = (
    "Check providers.tradestation.client_id and client_secret; a key of the PKCE kind has no secret."
)

NOT_SECRET: Final = (
    "This API key is of the PKCE kind, which has no secret: remove providers.tradestation.client_secret, and "
    f"run `{LOGIN}` again."
)
"""What to do where the server wants a proof of a key that was configured with a secret."""


class RefreshRefusedError(AuthenticationError):
    """The server knows the key, and does not take the refresh token any more."""


@frozen(kw_only=True)
class Grant:
    """What the server granted.

    Parameters
    ----------
    access
        Goes with requests.
    life_s
        How long it lasts.
    refresh
        Gives new ones; None where the one that was sent goes on to.
    scopes
        What it is good for; empty where the server does not say.
    """

    access: Secret
    life_s: float
    refresh: Secret | None
    scopes: frozenset[str]


@frozen(kw_only=True)
class Challenge:
    """Proof that who sends the code asked for it (PKCE, S256)."""

    verifier: Secret
    challenge: str


class TokenEndpoint:
    """The authorization server as one API key sees it.

    Parameters
    ----------
    http
        Sends.
    credentials
        The key.
    """

    def __init__(self, http: HttpSession, credentials: Credentials) -> None:
        self._http = http
        self._credentials = credentials
        self._client = WebApplicationClient(credentials.client_id)

    def make_challenge(self) -> Challenge | None:
        """A new proof; None for a key with a secret, which is proof enough."""
        if self._credentials.secret is not None:
            return None
        verifier = self._client.create_code_verifier(_VERIFIER_LENGTH)
        return Challenge(
            verifier=Secret(verifier), challenge=self._client.create_code_challenge(verifier, "S256")
        )

    def authorize_url(self, redirect_uri: str, state: str, challenge: Challenge | None) -> str:
        """Where the user is asked."""
        scheme, _, rest = self._credentials.signin.partition("://")
        proof = (
            {}
            if challenge is None
            else {"code_challenge": challenge.challenge, "code_challenge_method": "S256"}
        )
        # oauthlib refuses to speak of http, which an emulator on this machine may do.
        url: str = self._client.prepare_request_uri(
            f"https://{rest}/authorize",
            redirect_uri=redirect_uri,
            scope=self._credentials.scopes,
            state=state,
            audience=AUDIENCE,
            **proof,
        )
        return f"{scheme}{url.removeprefix('https')}"

    async def exchange(self, code: Secret, redirect_uri: str, challenge: Challenge | None) -> Grant:
        """The first tokens of a login.

        Raises
        ------
        AuthenticationError
            The server refused the code or the key.
        SourceError
            It did not answer, or not as documented.
        """
        proof = {} if challenge is None else {"code_verifier": challenge.verifier.reveal()}
        body = self._client.prepare_request_body(
            code=code.reveal(), redirect_uri=redirect_uri, **self._secret(), **proof
        )
        return await self._granted(_form(body))

    async def refresh(self, token: Secret) -> Grant:
        """New tokens for a refresh token.

        Raises
        ------
        RefreshRefusedError
            It is revoked, has expired or was replaced.
        SourceError
            As :meth:`exchange`.
        """
        body = self._client.prepare_refresh_body(
            refresh_token=token.reveal(), client_id=self._credentials.client_id, **self._secret()
        )
        return await self._granted(_form(body))

    async def revoke(self, token: Secret) -> None:
        """Have a refresh token refused from now on; raises as :meth:`exchange`."""
        form = {
            "token": token.reveal(),
            "token_type_hint": "refresh_token",
            "client_id": self._credentials.client_id,
            **self._secret(),
        }
        await self._post("{signin}/oauth/revoke", form)

    def _secret(self) -> dict[str, str]:
        secret = self._credentials.secret
        return {} if secret is None else {"client_secret": secret.reveal()}

    async def _granted(self, form: Mapping[str, str]) -> Grant:
        return self._read(await self._post("{signin}/oauth/token", form))

    async def _post(self, url: str, form: Mapping[str, str]) -> Any:
        try:
            # 403 is how this server says invalid_grant, and it answers a revocation with nothing.
            reply = await self._http.post_form(
                url,
                form,
                cost=1,
                pool=SIGNIN_LIMIT.pool,
                is_host_refusal=False,
                is_empty_good=url.endswith("revoke"),
            )
        except SourceError as error:
            refusal = self._refusal(error)
            if refusal is None:
                raise
            raise refusal from error
        return reply.body

    def _read(self, body: Any) -> Grant:
        try:
            # Without scope= a scope that differs from what was asked for is no error.
            told = self._client.parse_request_body_response(json.dumps(_checked(body)))
        except (OAuth2Error, KeyError, *_UNREADABLE):
            # Neither the body nor the cause is shown: they hold tokens.
            raise ProtocolChangedError(
                "TradeStation's authorization server gave an answer without a usable access token.",
                hint="Look whether providers.tradestation.endpoints.signin is its address.",
            ) from None
        refresh = told.get("refresh_token")
        return Grant(
            access=Secret(told["access_token"]),
            life_s=_life_s(body.get("expires_in")),
            refresh=Secret(refresh) if refresh else None,
            scopes=frozenset(told.get("scope") or ()),
        )

    def _refusal(self, error: SourceError) -> AuthenticationError | None:
        """The error that an answer in OAuth's words stands for; None for every other one."""
        try:
            self._client.parse_request_body_response(error.details.get("body") or "{}")
        except OAuth2Error as told:
            code, words = told.error or "", f" ({told.description})" if told.description else ""
        except _UNREADABLE:
            return None
        else:
            return None
        details = {name: error.details[name] for name in ("status", "url") if name in error.details}
        if code == "missing_token" or not 400 <= details.get("status", 0) < 500:
            return None
        if code == "invalid_grant":
            return RefreshRefusedError(f"The server said invalid_grant{words}.", **details)
        known = code in ("invalid_client", "unauthorized_client", "access_denied")
        return AuthenticationError(
            f"TradeStation's authorization server refused the API key: {code}{words}."
            if known
            else f"TradeStation's authorization server refused the request: {code}{words}.",
            hint=_KEY_REFUSED
            if known
            else f"Run `{LOGIN}` again; if it fails too, check the API key's settings.",
            **details,
        )


def _form(body: str) -> dict[str, str]:
    return dict(parse_qsl(body, keep_blank_values=True))


def _checked(body: Any) -> dict[str, Any]:
    """The answer of a success, as far as oauthlib is to read it."""
    if not is_token(body["access_token"]):
        raise TypeError("access_token")
    if body.get("refresh_token") and not is_token(body["refresh_token"]):
        raise TypeError("refresh_token")
    return {name: value for name, value in body.items() if name not in _NOT_READ}


def _life_s(told: Any) -> float:
    """Seconds that an access token lasts; of one that does not say, the usual time is believed."""
    try:
        life_s = float(told)
    except (TypeError, ValueError, OverflowError):
        return _USUAL_LIFE_S
    return min(max(life_s, 0.0), LONGEST_LIFE_S) if isfinite(life_s) else _USUAL_LIFE_S
