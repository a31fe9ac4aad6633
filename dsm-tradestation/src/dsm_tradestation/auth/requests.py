"""Requests that carry the access token: one renewal and one more try when it is turned away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dsm_core.config import Secret
from dsm_core.errors import AuthenticationError
from dsm_core.net import JsonReply
from dsm_core.plugins import ClientContext
from dsm_tradestation.auth.keeper import authorized

__all__ = ["get_authorized"]

_UNAUTHORIZED: Final = 401


async def get_authorized(
    context: ClientContext, url: str, params: Mapping[str, Any] | None = None, **given: Any
) -> JsonReply:
    """A parsed JSON answer to a request that carries the access token.

    Parameters
    ----------
    context
        Of the client that asks.
    url, params
        As in :meth:`dsm_core.net.HttpSession.get_json`.
    **given
        Its keyword arguments, but for ``headers``.

    Raises
    ------
    AuthenticationError
        Nobody has logged in; or a token that was just renewed is turned away as well.
    SourceError
        As in ``get_json``.
    """
    keeper = authorized(context)
    token = await keeper.token()
    try:
        return await _get(context, url, params, token, given)
    except AuthenticationError as error:
        if error.details.get("status") != _UNAUTHORIZED:
            raise
    return await _get(context, url, params, await keeper.renew(token), given)


async def _get(
    context: ClientContext,
    url: str,
    params: Mapping[str, Any] | None,
    token: Secret,
    given: Mapping[str, Any],
) -> JsonReply:
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    return await context.http.get_json(url, params, headers=headers, **given)
