"""Tokens in a file that only its owner reads, replaced in one step."""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from dsm_core.cache.disk import patiently, sync_folder
from dsm_core.errors import AuthenticationError
from dsm_tradestation.auth.token_record import DamagedRecordError, TokenRecord, parse_record

__all__ = ["TokenFile", "make_private_folder"]

_log = logging.getLogger(__name__)
_OWNER_ONLY: Final = 0o600
_OTHERS: Final = 0o077
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def make_private_folder(folder: Path, *, is_own: bool) -> str | None:
    """Make a folder that only its owner enters; give what was corrected.

    Parameters
    ----------
    folder
        Its path.
    is_own
        Whether it is DSM's alone; the mode of another one that exists is its owner's matter.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        return None
    if not is_own or os.name != "posix" or not folder.stat().st_mode & _OTHERS:
        return None
    folder.chmod(0o700)
    _log.warning("auth_folder_was_open path=%s", folder)
    return f"{folder} was open to other users; now it is not."


class TokenFile:
    """One record in one file; calls that change it are made under the store's lock.

    Parameters
    ----------
    path
        Where it is; its folder exists when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self.damaged: str | None = None

    def read(self) -> TokenRecord | None:
        """The record; None where there is none, or a damaged one, which is set aside.

        Raises
        ------
        AuthenticationError
            The file cannot be read, or is damaged and cannot be set aside.
        """
        try:
            with open(self.path, "rb") as file:
                self._close_to_others(file.fileno())
                text = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise AuthenticationError(
                f"The login kept in {self.path} cannot be read: {error.strerror or error}.",
                hint="Give yourself the right to read it, or remove it and log in again.",
            ) from error
        try:
            return parse_record(text)
        except DamagedRecordError:
            self._set_aside()
            return None

    def write(self, record: TokenRecord) -> None:
        """Replace the file; when this returns, the record survives the process and the machine's power.

        Raises
        ------
        OSError
            It cannot be written; the file is as it was.
        """
        for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            leftover.unlink(missing_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
        try:
            _write_new(temporary, record.dump().encode())
            patiently(lambda: os.replace(temporary, self.path))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(str(self.path.parent))

    def delete(self) -> bool:
        """Remove the file and what dead writers left; whether there was one."""
        for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            leftover.unlink(missing_ok=True)
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(str(self.path.parent))
        return True

    def _close_to_others(self, descriptor: int) -> None:
        if os.name != "posix":
            return
        mode = os.fstat(descriptor).st_mode & 0o777
        if mode & _OTHERS:
            os.fchmod(descriptor, _OWNER_ONLY)
            _log.warning("token_file_was_open path=%s mode=%o", self.path, mode)
            self.notes.append(f"{self.path} could be read by other users (mode {mode:o}); now it cannot.")

    def _set_aside(self) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged")
        try:
            patiently(lambda: os.replace(self.path, aside))
        except OSError as error:
            raise AuthenticationError(
                f"The login kept in {self.path} is damaged, and cannot be set aside: "
                f"{error.strerror or error}.",
                hint="Remove it and log in again.",
            ) from error
        _log.warning("token_file_damaged set_aside=%s", aside)
        self.damaged = str(aside)


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, _WRITE, _OWNER_ONLY)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
