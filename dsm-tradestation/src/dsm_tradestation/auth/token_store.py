"""Where the tokens of one API key are kept: the keyring, else a file; and the lock around their change."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

from attrs import evolve
from filelock import AsyncFileLock, Timeout

from dsm_core.errors import AuthenticationError, SourceTimeoutError
from dsm_tradestation.auth.credentials import Credentials
from dsm_tradestation.auth.token_file import TokenFile, make_private_folder
from dsm_tradestation.auth.token_keyring import KeyringFailedError, TokenKeyring, open_keyring
from dsm_tradestation.auth.token_record import TokenRecord

__all__ = ["StoreKind", "TokenStore", "make_store"]

_log = logging.getLogger(__name__)
StoreKind = Literal["auto", "keyring", "file", "memory"]
_POLL_S: Final = 0.02


def make_store(credentials: Credentials, config: Any) -> TokenStore:
    """The store that a configuration asks for."""
    own = config.token_dir is None
    return TokenStore(
        credentials, _default_folder() if own else config.token_dir, config.token_store, is_own=own
    )


def _default_folder() -> Path:
    from platformdirs import user_config_path  # noqa: PLC0415 - not needed where the folder is configured

    return user_config_path("dsm", appauthor=False) / "auth"


class TokenStore:
    """The tokens of one API key at one authorization server; all of it is blocking but the lock.

    Parameters
    ----------
    credentials
        Whose they are.
    folder
        Of the file, and of the lock also where a keyring is used.
    kind
        ``auto`` takes the keyring where it serves; ``memory`` keeps nothing beyond this object.
    is_own
        Whether the folder is DSM's alone.
    """

    def __init__(self, credentials: Credentials, folder: Path, kind: StoreKind, *, is_own: bool) -> None:
        key = f"{credentials.client_id}\n{credentials.signin}"
        name = f"tradestation-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self._user = f"{credentials.client_id} at {credentials.signin}"
        self._folder, self._kind, self._is_own = folder, kind, is_own
        self._lock_path = folder / f"{name}.lock"
        self._file = TokenFile(folder / f"{name}.json")
        self._keyring_is_damaged = False
        self._memory: TokenRecord | None = None
        self._notes: list[str] = []

    @property
    def outlives_process(self) -> bool:
        """Whether another process finds what is stored."""
        return self._kind != "memory"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found and done that a user should know."""
        return tuple(dict.fromkeys((*self._notes, *self._file.notes)))

    @property
    def damaged(self) -> str | None:
        """Where something damaged was found."""
        if self._file.damaged is not None:
            return self._file.damaged
        return f"the entry {self._user!r} of the keyring" if self._keyring_is_damaged else None

    @asynccontextmanager
    async def locked(self, within_s: float) -> AsyncIterator[None]:
        """Keep other processes, threads and loops away; where no lock can be made, nothing can be stored.

        Raises
        ------
        SourceTimeoutError
            Somebody else held the lock for that long.
        """
        lock = await self._acquire(within_s)
        try:
            yield
        finally:
            if lock is not None:
                await lock.release()

    async def _acquire(self, within_s: float) -> AsyncFileLock | None:
        if self._kind == "memory":
            return None
        try:
            note = make_private_folder(self._folder, is_own=self._is_own)
            lock = AsyncFileLock(self._lock_path, timeout=within_s, poll_interval=_POLL_S, mode=0o600)
            await lock.acquire()
        except Timeout as error:
            raise SourceTimeoutError(
                f"Another process held {self._lock_path} for {within_s:.0f} s.",
                hint="Look whether a process of yours hangs in a login or in renewing one.",
            ) from error
        except OSError as error:
            _log.warning("token_folder_unusable path=%s error=%s", self._folder, error.strerror)
            return None
        if note is not None:
            self._note(note)
        return lock

    def read(self) -> tuple[TokenRecord | None, str | None]:
        """The newest record and where it is kept; None and None where there is none.

        Raises
        ------
        AuthenticationError
            What is kept cannot be read, or the keyring is asked for and does not serve.
        """
        if self._kind == "memory":
            return self._memory, None if self._memory is None else "this process"
        found = [(self._file.read(), f"the file {self._file.path}")]
        try:
            keyring = self._keyring()
            if keyring is not None:
                found.append((keyring.read(), f"the keyring {keyring.name!r}"))
                self._keyring_is_damaged = keyring.is_damaged
        except KeyringFailedError as error:
            self._skip(error)
        held = [(record, place) for record, place in found if record is not None]
        return max(held, key=lambda one: one[0].generation, default=(None, None))

    def write(self, record: TokenRecord) -> TokenRecord:
        """Keep a record above the one there is; when this returns, the next process finds it.

        Raises
        ------
        OSError
            It cannot be kept.
        AuthenticationError
            As :meth:`read`.
        """
        before, _ = self.read()
        if before is not None:
            record = evolve(record, generation=max(before.generation + 1, record.generation))
        if self._kind == "memory":
            self._memory = record
        elif not self._write_to_keyring(record):
            self._file.write(record)
        return record

    def delete(self) -> bool:
        """Forget every record; whether there was one. Raises as :meth:`write`."""
        if self._kind == "memory":
            return False
        was_there = self._file.delete()
        try:
            keyring = self._keyring()
            return (keyring is not None and keyring.delete()) or was_there
        except KeyringFailedError as error:
            self._skip(error)
            return was_there

    def _write_to_keyring(self, record: TokenRecord) -> bool:
        try:
            keyring = self._keyring()
            if keyring is None:
                return False
            keyring.write(record)
        except KeyringFailedError as error:
            self._skip(error)
            return False
        # A reader between the two takes the higher generation.
        self._file.delete()
        return True

    def _keyring(self) -> TokenKeyring | None:
        return None if self._kind == "file" else open_keyring(self._user)

    def _skip(self, error: KeyringFailedError) -> None:
        if self._kind == "keyring":
            raise AuthenticationError(
                f"providers.tradestation.token_store asks for the keyring: {error}.",
                hint="Install and unlock one, or set token_store to auto or file.",
            ) from error
        self._note(f"The keyring is not used: {error}.")

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)
