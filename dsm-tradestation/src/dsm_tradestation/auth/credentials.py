"""Who asks: the API key of the configuration, checked, and the one message where something is missing."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from attrs import frozen

from dsm_core.config import Secret
from dsm_core.errors import AuthenticationError

__all__ = ["Credentials", "credentials_of", "digest_of", "login_needed", "masked"]

LOGIN: Final = "dsm auth tradestation login"
_WAY: Final = (
    "Ask TradeStation's Client Services for an API key. Write its id and secret into the configuration as "
    "providers.tradestation.client_id and client_secret, such as ${TRADESTATION_CLIENT_ID} and "
    f"${{TRADESTATION_CLIENT_SECRET}} (a key of the PKCE kind has no secret); then run `{LOGIN}` once. "
    "A refresh token that you have already goes into refresh_token, such as ${TRADESTATION_REFRESH_TOKEN}."
)
_SHOWN: Final = 4


@frozen(kw_only=True)
class Credentials:
    """An API key, and what a login with it asks for.

    Parameters
    ----------
    client_id
        The key's id.
    secret
        The key's secret; None for a key of the PKCE kind.
    refresh_token
        The configured one.
    signin
        Address of the authorization server, without a slash at its end.
    redirect_uri
        Where the browser returns to.
    scopes
        What is asked for.
    """

    client_id: str
    secret: Secret | None
    refresh_token: Secret | None
    signin: str
    redirect_uri: str
    scopes: tuple[str, ...]

    @property
    def configured(self) -> str | None:
        """Digest of the configured refresh token."""
        return None if self.refresh_token is None else digest_of(self.refresh_token)


def credentials_of(config: Any) -> Credentials:
    """The credentials of a ``providers.tradestation`` section.

    Raises
    ------
    AuthenticationError
        There is no client id; the message says how to get one.
    """
    if not config.client_id:
        raise AuthenticationError(
            "TradeStation wants an API key, and providers.tradestation.client_id is not set.", hint=_WAY
        )
    return Credentials(
        client_id=config.client_id,
        secret=config.client_secret or None,
        refresh_token=config.refresh_token or None,
        signin=config.endpoints["signin"][0].rstrip("/"),
        redirect_uri=config.redirect_uri or f"http://localhost:{config.redirect_port}",
        scopes=tuple(config.scopes),
    )


def login_needed(credentials: Credentials, damaged: str | None = None) -> AuthenticationError:
    """The error of a key with which nobody has logged in on this machine; ``damaged`` was set aside."""
    why = "" if damaged is None else f" What was kept of a login was damaged; it is set aside as {damaged}."
    return AuthenticationError(
        f"There is no login at TradeStation for the API key {masked(credentials.client_id)}.{why}",
        hint=f"Run `{LOGIN}` once, or set providers.tradestation.refresh_token.",
    )


def masked(client_id: str) -> str:
    """Enough of an id to tell two apart."""
    return f"{client_id[:_SHOWN]}***" if len(client_id) > 2 * _SHOWN else "***"


def digest_of(token: Secret) -> str:
    """A token's SHA-256: it tells whether two are the same, and no more."""
    return hashlib.sha256(token.reveal().encode("utf-8", "surrogatepass")).hexdigest()
