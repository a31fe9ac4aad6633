"""The access token in use: one renewal for however many ask, and nothing used that is not kept."""

from __future__ import annotations

import asyncio
import copy
import logging
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import isinf
from typing import Final

from attrs import evolve

from dsm_core.config import Secret
from dsm_core.errors import AuthenticationError, DSMError, SourceTimeoutError
from dsm_core.net import Deadline, current_deadline, deadline_scope
from dsm_core.plugins import ClientContext
from dsm_tradestation.auth.credentials import LOGIN, Credentials, credentials_of, digest_of, login_needed
from dsm_tradestation.auth.token_endpoint import Grant, RefreshRefusedError, TokenEndpoint
from dsm_tradestation.auth.token_record import TokenRecord
from dsm_tradestation.auth.token_store import TokenStore, make_store

__all__ = ["TokenKeeper", "authorized", "grown"]

_log = logging.getLogger(__name__)
_LOCK_S: Final = 60.0
_RENEWAL_S: Final = 60.0
"""A renewal may take that long, whatever the calls that wait for it allow: one of them alone must not cut it
short when the server has replaced the refresh token already."""
_REMEMBERED: Final = 16
_NS: Final = 1e9
_SHARED: Final = "tradestation tokens"


def authorized(context: ClientContext) -> TokenKeeper:
    """The keeper that the clients of one manager share.

    Raises
    ------
    AuthenticationError
        The configuration names no API key.
    """

    def make() -> TokenKeeper:
        credentials = credentials_of(context.config)
        return TokenKeeper(
            credentials,
            TokenEndpoint(context.http, credentials),
            make_store(credentials, context.config),
            lambda: context.now_ns() / _NS,
        )

    return context.shared(_SHARED, make)


def grown(grant: Grant, refresh: Secret, credentials: Credentials, now_s: float) -> TokenRecord:
    """The record that a grant makes; ``refresh`` goes on where the server gave no other one."""
    return TokenRecord(
        client_id=credentials.client_id,
        signin=credentials.signin,
        refresh=grant.refresh or refresh,
        access=grant.access,
        obtained_at=now_s,
        expires_at=now_s + grant.life_s,
        configured=credentials.configured,
    )


class TokenKeeper:
    """Gives access tokens and renews them.

    A renewal runs in a task of its own: whoever waits may leave, and the others still get it. Between
    processes the store's lock decides who asks, and who comes later finds what was stored.

    Parameters
    ----------
    credentials
        Whose tokens.
    endpoint
        Renews them.
    store
        Keeps them.
    now_s
        The time, seconds since 1970.
    """

    def __init__(
        self,
        credentials: Credentials,
        endpoint: TokenEndpoint,
        store: TokenStore,
        now_s: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._endpoint = endpoint
        self._store = store
        self._now_s = now_s
        self._record: TokenRecord | None = None
        self._unstored: TokenRecord | None = None
        self._refused: tuple[str, AuthenticationError] | None = None
        self._flights: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[TokenRecord]] = (
            weakref.WeakKeyDictionary()
        )
        # While they live, texts show *** in their place; an old one may still be spoken of.
        self._remembered: deque[Secret] = deque(maxlen=_REMEMBERED)

    async def token(self) -> Secret:
        """An access token that is good for a while.

        Raises
        ------
        AuthenticationError
            Nobody has logged in, or the login is not good any more; the message says what to run.
        TransientSourceError
            The authorization server does not answer; later it may.
        """
        record = self._record
        if record is not None and record.access is not None and record.is_fresh(self._now_s()):
            return record.access
        return await self._renewed(None)

    async def renew(self, rejected: Secret) -> Secret:
        """Another access token than the one that was turned away; raises as :meth:`token`.

        One renewal serves all who come with the same token, and none is needed where another process has
        renewed meanwhile.
        """
        record = self._record
        if record is not None and self._is_good(record, rejected):
            assert record.access is not None
            return record.access
        return await self._renewed(rejected)

    async def _renewed(self, rejected: Secret | None) -> Secret:
        while True:
            flight = self._flights.get(asyncio.get_running_loop())
            is_mine = flight is None or flight.done()
            if flight is None or is_mine:
                flight = self._start(rejected)
            access = (await _landed(flight)).access
            assert access is not None
            # Who joins may find that the others were given what has been turned away here.
            if is_mine or rejected is None or access != rejected:
                return access

    def _start(self, rejected: Secret | None) -> asyncio.Task[TokenRecord]:
        loop = asyncio.get_running_loop()
        flight = loop.create_task(self._fly(rejected))
        flight.add_done_callback(_seen)
        self._flights[loop] = flight
        return flight

    async def _fly(self, rejected: Secret | None) -> TokenRecord:
        async with self._store.locked(_LOCK_S):
            held, _ = await asyncio.to_thread(self._store.read)
            held = await self._stored_late(held)
            if held is None or not self._is_good(held, rejected):
                with deadline_scope(Deadline.after(_RENEWAL_S), replaces=True):
                    held = await self._refreshed(held)
        self._use(held)
        return held

    def _is_good(self, record: TokenRecord, rejected: Secret | None) -> bool:
        is_other = rejected is None or record.access != rejected
        return is_other and record.is_fresh(self._now_s()) and record.grew_from(self._credentials.configured)

    async def _refreshed(self, held: TokenRecord | None) -> TokenRecord:
        own, configured = self._credentials, self._credentials.refresh_token
        before = 0 if held is None else held.generation
        if held is not None and held.grew_from(own.configured):
            token = held.refresh
        elif configured is not None:
            token, held = configured, None
        else:
            raise login_needed(own, self._store.damaged)
        self._check_refused(token)
        try:
            grant = await self._endpoint.refresh(token)
        except RefreshRefusedError as error:
            raise await self._note_refusal(token, held, error) from error
        record = evolve(grown(grant, token, own, self._now_s()), generation=before + 1)
        self._remembered.extend(secret for secret in (record.access, record.refresh) if secret is not None)
        return await self._kept(record, is_rotated=record.refresh != token)

    async def _kept(self, record: TokenRecord, *, is_rotated: bool) -> TokenRecord:
        """The record once it is stored, before anything of it is used."""
        self._unstored = record
        try:
            record = await asyncio.to_thread(self._store.write, record)
        except OSError as error:
            if is_rotated:
                raise self._not_stored(error) from error
            # The refresh token is where it was; this process alone knows of the new access token.
            _log.warning("tokens_not_stored why=%s", error.strerror or error)
        self._unstored = None
        return record

    async def _stored_late(self, held: TokenRecord | None) -> TokenRecord | None:
        """What is held, once that is stored which could not be before: its predecessor serves no more."""
        record, self._unstored = self._unstored, None
        if record is None or (held is not None and held.generation >= record.generation):
            return held
        return await self._kept(record, is_rotated=True)

    def _not_stored(self, error: OSError) -> AuthenticationError:
        return AuthenticationError(
            "TradeStation replaced the refresh token, and the new one cannot be stored: "
            f"{error.strerror or error}.",
            hint="Make room or give the right to write there; while this process lives it tries again with "
            f"the next call. If it ends before, run `{LOGIN}`.",
        )

    def _check_refused(self, token: Secret) -> None:
        if self._refused is not None and self._refused[0] == digest_of(token):
            raise copy.copy(self._refused[1])

    async def _note_refusal(
        self, token: Secret, held: TokenRecord | None, told: AuthenticationError
    ) -> AuthenticationError:
        if held is None:
            what, way = "the configured refresh token", "remove providers.tradestation.refresh_token, and run"
        else:
            what, way = "the refresh token of the last login", "run"
            await asyncio.to_thread(self._mark, held)
        error = AuthenticationError(
            f"TradeStation does not take {what} any more: it was revoked, has expired, or was replaced for "
            "another process or machine.",
            hint=f"To log in again, {way} `{LOGIN}`.",
            **told.details,
        )
        # The next call need not ask again, unless there is another token by then.
        self._refused = (digest_of(token), error)
        return error

    def _mark(self, held: TokenRecord) -> None:
        # Where it cannot be written, the next process asks once more.
        with suppress(OSError, AuthenticationError):
            self._store.write(evolve(held, access=None, refused=True))

    def _use(self, record: TokenRecord) -> None:
        self._remembered.extend(secret for secret in (record.access, record.refresh) if secret is not None)
        self._record = record


async def _landed(flight: asyncio.Task[TokenRecord]) -> TokenRecord:
    """What a renewal gives, as long as this call allows."""
    left = current_deadline().remaining_s()
    try:
        async with asyncio.timeout(None if isinf(left) else left):
            return await asyncio.shield(flight)
    except TimeoutError as error:
        raise SourceTimeoutError(
            "The access token was not renewed before the call's deadline.", hint="Allow more with deadline_s."
        ) from error
    except DSMError as error:
        # Each who waits gets an error of its own: they are added to on their way.
        raise copy.copy(error) from error


def _seen(task: asyncio.Task[TokenRecord]) -> None:
    """Keep asyncio from reporting an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
