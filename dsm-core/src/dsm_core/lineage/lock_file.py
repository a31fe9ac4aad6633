"""Lock files: written in one step; read with distrust, as they may come from anybody.

Nothing in a lock file names a file, and no URL of it is ever asked. Its names go through the checks that
every call goes through.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dsm_core.config import Problem
from dsm_core.config.problem import config_error
from dsm_core.errors import ConfigError, RequestError
from dsm_core.lineage.lock import FORMAT, Locked, lock_text
from dsm_core.lineage.lock_form import FormError, entry_of

__all__ = ["read_lock", "write_lock"]

_MOST_BYTES: Final = 64 << 20
# Of a lock of that size there are fewer; a file of brackets alone would fill gigabytes of memory.
_MOST_PARTS: Final = 4_000_000
_MOST_ENTRIES: Final = 10_000


def write_lock(path: str | os.PathLike[str], entries: Iterable[Locked]) -> None:
    """Write a lock file, which appears when it is whole. The same entries give the same bytes.

    Raises
    ------
    RequestError
        When there are no entries, too many rows for one file, or the file cannot be written.
    """
    entries = list(entries)
    if not entries:
        raise RequestError("There is nothing to lock.", hint="Give one answer or more.")
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="ascii", newline="\n") as file:
            file.writelines(lock_text(entries))
        _check_readable(part, str(path))
        part.replace(target)
    except OSError as error:
        raise RequestError(
            f"{str(path)!r} cannot be written: {error.strerror or error}.",
            hint="Give a file in a folder that exists and may be written to.",
            path=str(path),
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def read_lock(path: str | os.PathLike[str]) -> tuple[Locked, ...]:
    """Entries of a lock file.

    Raises
    ------
    ConfigError
        When it cannot be read, is no lock file, contradicts itself, or is of a newer format.
    """
    label = os.fspath(path)
    told = _parse(_read(Path(path), label), label)
    if not isinstance(told, dict) or "dsm_lock" not in told:
        raise _refused(label, "is no lock file; `dsm lock` writes them")
    _check_format(label, told["dsm_lock"])
    entries = told.get("entries")
    if not isinstance(entries, list) or not entries or len(entries) > _MOST_ENTRIES:
        raise _refused(label, f"expected a list of 1 to {_MOST_ENTRIES} entries", "entries")
    found = []
    for place, entry in enumerate(entries):
        try:
            found.append(entry_of(entry))
        except FormError as error:
            raise _refused(label, error.message, f"entries[{place}]{error.place}") from error
    return tuple(found)


def _check_readable(part: Path, label: str) -> None:
    """Refuse to write what nobody could read."""
    try:
        _read(part, label)
    except ConfigError as error:
        raise RequestError(
            f"{label!r} would hold too much: {error.message}.",
            hint="Lock fewer rows in one file, or leave the values out.",
            path=label,
        ) from error


def _read(path: Path, label: str) -> bytes:
    try:
        if path.is_dir():
            raise _refused(label, "is a folder; name the file in it")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise _refused(label, "there is no such file") from None
    except (OSError, ValueError) as error:
        # ValueError: the name holds a character that no file name may hold.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise _refused(label, f"cannot be read: {reason}") from error
    if len(content) > _MOST_BYTES:
        raise _refused(label, f"is larger than {_MOST_BYTES >> 20} MiB; lock fewer rows in one file")
    if sum(map(content.count, (b",", b"[", b"{"))) > _MOST_PARTS:
        raise _refused(label, f"has over {_MOST_PARTS} values, which no lock of its size has")
    return content


def _parse(content: bytes, label: str) -> Any:
    try:
        return json.loads(content, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise _refused(label, "is nested too deeply for a lock file") from None
    except UnicodeDecodeError:
        raise _refused(label, "is not UTF-8 text") from None
    except ValueError as error:
        raise _refused(label, f"is not JSON: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _check_format(label: str, told: Any) -> None:
    if isinstance(told, int) and not isinstance(told, bool) and told > FORMAT:
        raise _refused(
            label, f"has format {str(told)[:20]}, this DSM knows formats up to {FORMAT}; upgrade dsm-core"
        )
    if told != FORMAT or isinstance(told, bool):
        raise _refused(label, f"expected format {FORMAT}", "dsm_lock")


def _refused(label: str, message: str, place: str = "") -> ConfigError:
    return config_error([Problem(label, None, place, message)])
