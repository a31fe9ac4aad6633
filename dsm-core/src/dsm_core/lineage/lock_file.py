"""Lock files: written in one step; read with distrust, as they may come from anybody.

Nothing in a lock file names a file, and no URL of it is ever asked. Its names go through the checks that
every call goes through.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from dsm_core.config import Problem
from dsm_core.config.problem import config_error
from dsm_core.errors import ConfigError, RequestError
from dsm_core.lineage.lock import FORMAT, Locked, lock_text
from dsm_core.lineage.lock_form import FormError, entry_of
from dsm_core.model.arguments import path_of, path_text, several, shown
from dsm_core.whole_file import whole_file

__all__ = ["lock_content", "read_lock", "write_lock"]

_MOST_BYTES: Final = 64 << 20
# Of a lock of that size there are fewer; a file of brackets alone would fill gigabytes of memory.
_MOST_PARTS: Final = 4_000_000
_MOST_ENTRIES: Final = 10_000
_LIST_KEY: Final = re.compile(rb"^\s*(series|defaults)\s*:", re.MULTILINE)


def write_lock(path: str | os.PathLike[str], entries: Iterable[Locked]) -> None:
    """Write a lock file, which appears when it is whole. The same entries give the same bytes.

    Raises
    ------
    RequestError
        When there are no entries, too many rows for one file, or the file cannot be written. A link keeps
        pointing where it does; a device or a pipe is written to, never replaced.
    """
    target = path_of(path)
    content = lock_content(entries, str(target))
    try:
        with whole_file(target) as file:
            file.write(content)
    except OSError as error:
        raise RequestError(
            f"{str(target)!r} cannot be written: {error.strerror or error}.",
            hint="Give a file in a folder that exists and may be written to.",
            path=str(target),
        ) from error


def lock_content(entries: Iterable[Locked], label: str) -> bytes:
    """What a lock file called ``label`` holds.

    Raises
    ------
    RequestError
        When there are no entries, one is no lock, or there are too many rows for one file.
    """
    found = several("entries", entries, "data.lock()")
    if not found:
        raise RequestError("There is nothing to lock.", hint="Give one answer or more.")
    for entry in found:
        if not isinstance(entry, Locked):
            raise RequestError(f"{shown(entry)} is no lock.", hint="Give what data.lock() gives.")
    content = bytearray()
    for text in lock_text(found):
        content += text.encode("ascii")
        if len(content) > _MOST_BYTES:
            break
    _check_readable(content, label)
    return bytes(content)


def read_lock(path: str | os.PathLike[str]) -> tuple[Locked, ...]:
    """Entries of a lock file.

    Raises
    ------
    ConfigError
        When it cannot be read, is no lock file, contradicts itself, or is of a newer format.
    RequestError
        When ``path`` is none.
    """
    label = path_text(path)
    told = _parse(_read(Path(label), label), label)
    if not isinstance(told, dict) or "dsm_lock" not in told:
        if isinstance(told, dict) and "series" in told:
            raise _list_refused(label)
        raise _refused(label, "is no lock file; `dsm lock` writes them")
    _check_format(label, told["dsm_lock"])
    strange = [key for key in told if key not in ("dsm_lock", "entries")]
    if strange:
        raise _refused(label, f"has a key {strange[0][:40]!a} that no lock has; remove it, or lock anew")
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


def _check_readable(content: bytes | bytearray, label: str) -> None:
    """Refuse to write what nobody could read."""
    try:
        _check_size(content, label)
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
        hint = "`dsm lock LIST -o FILE` writes one; `dsm lock --help` tells more."
        raise _refused(label, "there is no such file", hint=hint) from None
    except (OSError, ValueError) as error:
        # ValueError: the name holds a character that no file name may hold.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise _refused(label, f"cannot be read: {reason}") from error
    _check_size(content, label)
    return content


def _check_size(content: bytes | bytearray, label: str) -> None:
    if len(content) > _MOST_BYTES:
        raise _refused(label, f"is larger than {_MOST_BYTES >> 20} MiB; lock fewer rows in one file")
    if sum(map(content.count, (b",", b"[", b"{"))) > _MOST_PARTS:
        raise _refused(label, f"has over {_MOST_PARTS} values, which no lock of its size has")


def _parse(content: bytes, label: str) -> Any:
    try:
        return json.loads(content, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise _refused(label, "is nested too deeply for a lock file") from None
    except UnicodeDecodeError:
        raise _refused(label, "is not UTF-8 text") from None
    except ValueError as error:
        if _LIST_KEY.search(content):
            raise _list_refused(label) from error
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
    if told != FORMAT or not isinstance(told, int) or isinstance(told, bool):
        raise _refused(label, f"expected format {FORMAT}", "dsm_lock")


def _list_refused(label: str) -> ConfigError:
    return _refused(
        label,
        "is no lock file; it looks like a list of series",
        hint=f"`dsm lock {label}` makes a lock file of it, {Path(label).with_suffix('.lock.json').name}.",
    )


def _refused(label: str, message: str, place: str = "", *, hint: str | None = None) -> ConfigError:
    return config_error([Problem(label, None, place, message)], hint)
