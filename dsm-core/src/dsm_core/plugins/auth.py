"""How a provider's user logs in: the contract behind ``dsm auth``.

What is kept, where and under which protection is the provider's matter; what it tells of it is this one's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Literal

from attrs import field, frozen
from attrs.validators import deep_iterable, ge, in_, instance_of, le, optional

from dsm_core.plugins.context import ClientContext

__all__ = ["AuthState", "AuthStatus", "Authenticator", "LoginRequest"]

AuthState = Literal["logged_in", "untried", "refused", "logged_out", "not_configured"]

_STATES: tuple[AuthState, ...] = ("logged_in", "untried", "refused", "logged_out", "not_configured")
_text = instance_of(str)


def _lines(values: str | Iterable[str]) -> tuple[str, ...]:
    # Text is iterable too: one letter would be one note.
    return (values,) if isinstance(values, str) else tuple(values)


def _check_zone(_: object, __: object, value: datetime | None) -> None:
    if value is not None and value.tzinfo is None:
        raise ValueError(f"valid_until={value!r} has no time zone; give an aware datetime")


@frozen(kw_only=True)
class AuthStatus:
    """How things stand with a login; fit to be shown, so it holds no token and no key.

    Parameters
    ----------
    state
        ``logged_in``; ``untried``, when the configuration holds what a login gave and nothing tells whether
        it serves; ``refused``, when what is kept was turned away; ``logged_out``; ``not_configured``, when
        the configuration lacks what a login needs.
    account
        Whose login it is, masked: enough to tell two apart.
    kept_in
        Where what a login gave is kept; None where there is nothing.
    valid_until
        End of the access that was granted last; None where there is none. It is renewed when needed.
    notes
        What the user should know besides.
    remedy
        What to do; None where nothing is to be done.
    """

    state: AuthState = field(validator=in_(_STATES))
    account: str | None = field(default=None, validator=optional(_text))
    kept_in: str | None = field(default=None, validator=optional(_text))
    valid_until: datetime | None = field(
        default=None, validator=[optional(instance_of(datetime)), _check_zone]
    )
    notes: tuple[str, ...] = field(default=(), converter=_lines, validator=deep_iterable(_text))
    remedy: str | None = field(default=None, validator=optional(_text))

    @property
    def is_ready(self) -> bool:
        """Whether requests can be made, as far as is known: what is untried may serve too."""
        return self.state == "logged_in"


@frozen(kw_only=True)
class LoginRequest:
    """What a user asked of a login, and how to reach that user.

    Parameters
    ----------
    tell
        Shows a line.
    show_url
        Shows the address to open, and opens a browser where one is wanted; called once the answer can arrive.
    port
        Port to listen on in place of the configured one.
    timeout_s
        Seconds that the user may take.
    """

    tell: Callable[[str], None]
    show_url: Callable[[str], None]
    port: int | None = field(default=None, validator=optional([ge(1), le(65535)]))
    timeout_s: float = 300.0


class Authenticator(ABC):
    """A provider's login, declared as ``Provider(auth=...)``; one instance serves every manager.

    Its coroutines raise a :class:`~dsm_core.errors.DSMError` that says what to do, and let no token, code or
    key into a text: what a :class:`~dsm_core.config.Secret` holds is masked everywhere while it lives.
    """

    @abstractmethod
    async def login(self, context: ClientContext, request: LoginRequest) -> AuthStatus:
        """Log the user in and keep what that gave.

        Raises
        ------
        AuthenticationError
            The venue or its user refused.
        ConfigError
            The configuration lacks something, or the port is taken.
        SourceTimeoutError
            Nobody answered in time.
        """

    @abstractmethod
    async def status(self, context: ClientContext) -> AuthStatus:
        """How things stand, as far as this machine knows; sends no request."""

    @abstractmethod
    async def logout(self, context: ClientContext, *, revoke: bool = False) -> AuthStatus:
        """Forget what is kept, and with ``revoke`` ask the venue to refuse it from now on.

        What the venue answers to that is told in ``notes``: the local part is done all the same.
        """
