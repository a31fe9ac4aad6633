"""``dsm auth tradestation``: the login with a browser, how things stand, the logout."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from attrs import evolve
from oauthlib.common import generate_token
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from dsm_core.config import Secret
from dsm_core.errors import AuthenticationError, ConfigError, DSMError
from dsm_core.plugins import Authenticator, AuthStatus, ClientContext, LoginRequest
from dsm_tradestation.auth.credentials import LOGIN, Credentials, credentials_of, login_needed, masked
from dsm_tradestation.auth.keeper import grown
from dsm_tradestation.auth.redirect import redirect_of, wait_for
from dsm_tradestation.auth.token_endpoint import NOT_SECRET, Grant, RefreshRefusedError, TokenEndpoint
from dsm_tradestation.auth.token_record import TokenRecord
from dsm_tradestation.auth.token_store import TokenStore, make_store

__all__ = ["TradeStationAuth"]

_STATE_LENGTH: Final = 32
_LOCK_S: Final = 30.0
_OFFLINE_ACCESS: Final = "offline_access"
_MARKET_DATA: Final = "MarketData"


class TradeStationAuth(Authenticator):
    """Login by authorization code: with the API key's secret, or with PKCE (S256) where it has none."""

    async def login(self, context: ClientContext, request: LoginRequest) -> AuthStatus:
        """Have the user grant access in a browser, and store what that gives.

        Raises
        ------
        AuthenticationError
            There is no API key, or it, the code or the access was refused; or nothing can be stored.
        ConfigError
            The redirect address is not of this machine, or its port is taken; or nothing shall be stored.
        SourceTimeoutError
            No answer came in time.
        """
        credentials = credentials_of(context.config)
        store = make_store(credentials, context.config)
        if not store.outlives_process:
            raise ConfigError(
                "providers.tradestation.token_store is 'memory', which would forget a login at once.",
                hint="Set it to auto, keyring or file.",
            )
        # A place that cannot be read is told before the user is bothered.
        await asyncio.to_thread(store.read)
        grant = await _granted(TokenEndpoint(context.http, credentials), credentials, request)
        notes = list(_shortcomings(grant, credentials))
        if grant.refresh is None:
            raise AuthenticationError(
                "TradeStation gave no refresh token, so the login would end within minutes.",
                hint=f"Add {_OFFLINE_ACCESS!r} to providers.tradestation.scopes.",
            )
        record = grown(grant, grant.refresh, credentials, context.now_ns() / 1e9)
        await _keep(store, record)
        if credentials.refresh_token is not None:
            notes.append("The login counts from now on; the refresh token of the configuration is not used.")
        status = await self.status(context)
        return evolve(status, notes=(*notes, *status.notes))

    async def status(self, context: ClientContext) -> AuthStatus:
        """How things stand, from the configuration and what is stored."""
        try:
            credentials = credentials_of(context.config)
        except AuthenticationError as error:
            return AuthStatus(state="not_configured", notes=(error.message,), remedy=error.hint)
        store = make_store(credentials, context.config)
        record, place = await asyncio.to_thread(store.read)
        told: dict[str, Any] = {
            "account": masked(credentials.client_id),
            "kept_in": place,
            "notes": store.notes,
        }
        if record is None or not record.grew_from(credentials.configured):
            return _not_stored(credentials, store, told)
        if record.refused:
            return AuthStatus(state="refused", remedy=f"Run `{LOGIN}` again.", **told)
        return AuthStatus(state="logged_in", valid_until=_end(record, context.now_ns() / 1e9), **told)

    async def logout(self, context: ClientContext, *, revoke: bool = False) -> AuthStatus:
        """Remove what is stored; with ``revoke`` the vendor revokes every refresh token of the API key."""
        credentials = credentials_of(context.config)
        store = make_store(credentials, context.config)
        notes: list[str] = []
        async with store.locked(_LOCK_S):
            record, _ = await asyncio.to_thread(store.read)
            token = credentials.refresh_token if record is None else record.refresh
            if revoke and token is not None:
                notes.append(await _revoked(TokenEndpoint(context.http, credentials), token))
            was_there = await asyncio.to_thread(store.delete)
        if not was_there:
            notes.append("Nothing was stored.")
        if credentials.refresh_token is not None:
            notes.append(
                "The configuration still names a refresh token, which the next call uses: remove "
                "providers.tradestation.refresh_token too."
            )
        return AuthStatus(
            state="logged_out", account=masked(credentials.client_id), notes=(*notes, *store.notes)
        )


async def _granted(endpoint: TokenEndpoint, credentials: Credentials, request: LoginRequest) -> Grant:
    redirect = redirect_of(credentials.redirect_uri, request.port)
    state, challenge = generate_token(_STATE_LENGTH), endpoint.make_challenge()
    async with redirect.listening(state, request.tell) as arrived:
        request.tell(
            f"Open this address in a browser on this machine; the answer is awaited at {redirect.uri}."
        )
        request.show_url(endpoint.authorize_url(redirect.uri, state, challenge))
        code = _code_of(await wait_for(arrived, request.timeout_s), credentials, state)
        try:
            return await endpoint.exchange(code, redirect.uri, challenge)
        except RefreshRefusedError as error:
            raise AuthenticationError(
                "TradeStation does not take the code that it gave the browser: it has expired, or was used.",
                hint=f"Run `{LOGIN}` again.",
                **error.details,
            ) from error


async def _keep(store: TokenStore, record: TokenRecord) -> None:
    async with store.locked(_LOCK_S):
        try:
            await asyncio.to_thread(store.write, record)
        except OSError as error:
            raise AuthenticationError(
                f"The login cannot be stored: {error.strerror or error}.",
                hint="Make room or give the right to write there, and log in again.",
            ) from error


def _code_of(url: str, credentials: Credentials, state: str) -> Secret:
    client = WebApplicationClient(credentials.client_id)
    try:
        # oauthlib takes no http, not even on this machine.
        found = client.parse_request_uri_response(f"https{url.removeprefix('http')}", state)
    except OAuth2Error as error:
        said = f": {error.description}" if error.description else ""
        wants_proof = credentials.secret is not None and "code_challenge" in said
        raise AuthenticationError(
            f"TradeStation granted no access ({error.error}{said}).",
            hint=NOT_SECRET
            if wants_proof
            else f"Run `{LOGIN}` again and agree; if you did, check the API key's settings and scopes.",
        ) from None
    return Secret(found["code"])


def _shortcomings(grant: Grant, credentials: Credentials) -> Iterator[str]:
    if _MARKET_DATA in credentials.scopes and grant.scopes and _MARKET_DATA not in grant.scopes:
        yield f"TradeStation did not grant the scope {_MARKET_DATA!r}: bars will be refused."


def _not_stored(credentials: Credentials, store: TokenStore, told: dict[str, Any]) -> AuthStatus:
    if credentials.refresh_token is not None:
        note = "Nothing is kept of a call with the configured refresh token: it is untried, or was refused."
        return AuthStatus(
            state="untried",
            remedy="`dsm doctor` tries it with a request.",
            **told | {"kept_in": "the configuration", "notes": (*told["notes"], note)},
        )
    error = login_needed(credentials, store.damaged)
    return AuthStatus(state="logged_out", remedy=error.hint, **told | {"notes": _with_damage(store)})


def _with_damage(store: TokenStore) -> Iterable[str]:
    if store.damaged is None:
        return store.notes
    return *store.notes, f"What was kept of a login was damaged; it is set aside as {store.damaged}."


def _end(record: TokenRecord, now_s: float) -> datetime | None:
    return datetime.fromtimestamp(record.expires_at, UTC) if record.is_fresh(now_s) else None


async def _revoked(endpoint: TokenEndpoint, token: Secret) -> str:
    try:
        await endpoint.revoke(token)
    except DSMError as error:
        return f"TradeStation did not revoke it: {error.message}"
    return "TradeStation has revoked every refresh token of this API key, those of other machines too."
