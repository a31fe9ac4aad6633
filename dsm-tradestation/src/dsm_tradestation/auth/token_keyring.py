"""Tokens in the desktop's keyring, where ``keyring`` is installed and has one."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Final, TypeVar

from dsm_tradestation.auth.token_record import DamagedRecordError, TokenRecord, parse_record

__all__ = ["KeyringFailedError", "TokenKeyring", "open_keyring"]

T = TypeVar("T")
SERVICE: Final = "dsm-tradestation"
# They stand for having none; the second takes everything and keeps nothing.
_NO_BACKENDS: Final = ("keyring.backends.fail", "keyring.backends.null")


class KeyringFailedError(Exception):
    """The keyring does not serve; the message says why."""


class TokenKeyring:
    """One record as one entry of a keyring.

    Parameters
    ----------
    keyring
        The module.
    user
        The entry's name.
    """

    def __init__(self, keyring: ModuleType, user: str) -> None:
        self._keyring = keyring
        self._user = user
        self.is_damaged = False

    @property
    def name(self) -> str:
        """What the keyring calls itself."""
        return str(_asked(lambda: self._keyring.get_keyring().name))

    def read(self) -> TokenRecord | None:
        """The record; None where there is none, or a damaged one, which the next write replaces.

        Raises
        ------
        KeyringFailedError
            The keyring does not answer.
        """
        text = _asked(lambda: self._keyring.get_password(SERVICE, self._user))
        if text is None:
            return None
        try:
            return parse_record(text)
        except DamagedRecordError:
            self.is_damaged = True
            return None

    def write(self, record: TokenRecord) -> None:
        """Keep a record, and look whether it is kept; raises as :meth:`read`."""
        text = record.dump()
        _asked(lambda: self._keyring.set_password(SERVICE, self._user, text))
        if _asked(lambda: self._keyring.get_password(SERVICE, self._user)) != text:
            raise KeyringFailedError("it gives back something else than it was given")

    def delete(self) -> bool:
        """Remove the record; whether there was one. Raises as :meth:`read`."""
        if _asked(lambda: self._keyring.get_password(SERVICE, self._user)) is None:
            return False
        _asked(lambda: self._keyring.delete_password(SERVICE, self._user))
        return True


def open_keyring(user: str) -> TokenKeyring:
    """The entry of a user in the keyring of this machine.

    Raises
    ------
    KeyringFailedError
        There is none.
    """
    try:
        import keyring  # noqa: PLC0415 - an extra
    except ImportError:
        raise KeyringFailedError(
            "keyring is not installed: pip install 'dsm-tradestation[keyring]'"
        ) from None
    backend = _asked(keyring.get_keyring)
    if type(backend).__module__ in _NO_BACKENDS:
        raise KeyringFailedError("this machine has none that is usable")
    return TokenKeyring(keyring, user)


def _asked(work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception as error:
        # Backends are foreign code, and raise what their systems do; the text may repeat what was to be kept.
        raise KeyringFailedError(f"it failed with {type(error).__name__}") from None
