"""Keyrings for processes of the tests: `PYTHON_KEYRING_BACKEND` names one of these classes."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

PLACE = "DSM_TESTS_KEYRING"


class FileKeyring(KeyringBackend):
    """Keeps its entries in the file that a variable names, replaced in one step."""

    priority = 1  # type: ignore[assignment]
    name = "of the tests"  # type: ignore[assignment]

    @property
    def path(self) -> Path:
        return Path(os.environ[PLACE])

    def _all(self) -> dict[str, str]:
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def _replace(self, entries: dict[str, str]) -> None:
        beside = self.path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(entries))
        os.replace(beside, self.path)

    def get_password(self, service: str, username: str) -> str | None:
        return self._all().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._replace(self._all() | {f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        entries = self._all()
        if entries.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError(username)
        self._replace(entries)


class BrokenKeyring(FileKeyring):
    """One whose system repeats in its error what it was to keep."""

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("the bus is gone")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError(f"cannot keep {password}")


class ForgetfulKeyring(FileKeyring):
    """One that takes everything and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        return


class ReadOnlyKeyring(FileKeyring):
    """One that still has what it had, and takes nothing more."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("it is locked")
