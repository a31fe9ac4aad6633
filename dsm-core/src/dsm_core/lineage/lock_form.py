"""From the data of a lock file to an entry: every value is checked before it is used for anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from dsm_core.errors import DSMError
from dsm_core.lineage.blocks import CHECK_BYTES, DIGEST_DIGITS, Block
from dsm_core.lineage.canonical import CONTENT
from dsm_core.lineage.lock import Locked
from dsm_core.lineage.manifest import Manifest
from dsm_core.model.provenance import Gap, Segment
from dsm_core.model.request import moment_bounds
from dsm_core.model.series import SeriesKey

__all__ = ["FormError", "entry_of"]

_LONGEST: Final = 4096
_MOST_COLUMNS: Final = 1000
_MOST_ROWS: Final = 1 << 40
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_DIGEST: Final = re.compile(rf"[0-9a-f]{{{DIGEST_DIGITS}}}\Z")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")
_DTYPES: Final = ("time", "float64", "int64", "bool", "string")


class FormError(Exception):
    """A value of a lock file is wrong; it becomes a ``ConfigError`` that names the file."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place, self.message = place, message


def entry_of(told: Any) -> Locked:
    """One entry.

    Raises
    ------
    FormError
        Naming the first value that is wrong.
    """
    entry = _mapping(told, "")
    request = _mapping(entry.get("request"), ".request")
    content = _mapping(entry.get("content"), ".content")
    if content.get("definition") != CONTENT:
        raise FormError(".content.definition", f"expected {CONTENT!r}; a newer one needs a newer dsm-core")
    manifest = Manifest(
        series=_series(request.get("series"), ".request.series"),
        start_ns=_time(request.get("start_time"), ".request.start_time"),
        end_ns=_time(request.get("end_time"), ".request.end_time"),
        source=_text(request.get("source"), ".request.source"),
        columns=_columns(entry.get("columns")),
        rows=_count(entry.get("rows"), ".rows"),
        sha256=_matching(_SHA256, content.get("sha256"), ".content.sha256", "64 hexadecimal digits"),
        segments=tuple(_each(entry, "segments", _segment)),
        gaps=tuple(_each(entry, "gaps", _gap)),
        made_by=_made_by(entry.get("made_by")),
    )
    if manifest.end_ns <= manifest.start_ns:
        raise FormError(".request.end_time", "is not after start_time")
    locked = Locked(
        manifest=manifest,
        blocks=tuple(_each(entry, "blocks", lambda b, at: _block(b, at, len(manifest.columns)))),
    )
    _check_blocks(locked)
    return locked


def _check_blocks(locked: Locked) -> None:
    manifest, blocks = locked.manifest, locked.blocks
    if sum(block.rows for block in blocks) != manifest.rows:
        raise FormError(".blocks", f"do not hold {manifest.rows} rows, which the entry has")
    edges = [manifest.start_ns, *(block.start_ns for block in blocks), manifest.end_ns]
    for place, (start, after) in enumerate(pairwise(edges[1:])):
        if start >= after:
            raise FormError(f".blocks[{place}].start_time", "is not before what follows")
    if blocks and blocks[0].start_ns < manifest.start_ns:
        raise FormError(".blocks[0].start_time", "is before the range")


def _block(told: Any, at: str, columns: int) -> Block:
    block = _mapping(told, at)
    rows = _count(block.get("rows"), f"{at}.rows")
    digests = _list(block.get("columns"), f"{at}.columns")
    if rows < 1 or len(digests) != columns:
        raise FormError(at, f"expected rows, and {columns} hashes of columns")
    checks = _matching(_BASE64, block.get("checks"), f"{at}.checks", "base64")
    if len(checks) != -(-rows * CHECK_BYTES // 3) * 4 or len(checks.rstrip("=")) != -(
        -rows * CHECK_BYTES * 4 // 3
    ):
        raise FormError(f"{at}.checks", f"expected {CHECK_BYTES} bytes for each of {rows} rows")
    values = block.get("values")
    if values is not None:
        values = _matching(_BASE64, values, f"{at}.values", "base64")
    place = f"{at}.columns"
    return Block(
        start_ns=_time(block.get("start_time"), f"{at}.start_time"),
        rows=rows,
        digests=tuple(_matching(_DIGEST, d, place, f"{DIGEST_DIGITS} hexadecimal digits") for d in digests),
        checks=checks,
        values=values,
    )


def _segment(told: Any, at: str) -> Segment:
    segment = _mapping(told, at)
    sha256 = segment.get("sha256")
    if sha256 is not None:
        sha256 = _matching(_SHA256, sha256, f"{at}.sha256", "64 hexadecimal digits")
    origin = segment.get("origin")
    return Segment(
        start_ns=_time(segment.get("start_time"), f"{at}.start_time"),
        end_ns=_time(segment.get("end_time"), f"{at}.end_time"),
        rows=_count(segment.get("rows"), f"{at}.rows"),
        source=_text(segment.get("source"), f"{at}.source"),
        origin=None if origin is None else _text(origin, f"{at}.origin"),
        sha256=sha256,
        fetched_at=_moment(segment.get("fetched_at"), f"{at}.fetched_at"),
        from_cache=True,
    )


def _gap(told: Any, at: str) -> Gap:
    gap = _mapping(told, at)
    bars, final = gap.get("bars"), gap.get("final")
    if not isinstance(final, bool):
        raise FormError(f"{at}.final", "expected true or false")
    return Gap(
        start_ns=_time(gap.get("start_time"), f"{at}.start_time"),
        end_ns=_time(gap.get("end_time"), f"{at}.end_time"),
        bars=None if bars is None else _count(bars, f"{at}.bars"),
        reason=_text(gap.get("reason"), f"{at}.reason"),
        final=final,
    )


def _columns(told: Any) -> tuple[tuple[str, str], ...]:
    found = []
    for place, pair in enumerate(_list(told, ".columns")[: _MOST_COLUMNS + 1]):
        at = f".columns[{place}]"
        if not isinstance(pair, list) or len(pair) != 2 or pair[1] not in _DTYPES:
            raise FormError(at, f"expected a name and one of {', '.join(_DTYPES)}")
        found.append((_text(pair[0], at), str(pair[1])))
    names = {name for name, _ in found}
    if not found or len(found) > _MOST_COLUMNS or found[0][1] != "time" or len(names) != len(found):
        raise FormError(".columns", "expected the time first, then other columns, each once")
    return tuple(found)


def _made_by(told: Any) -> dict[str, str]:
    versions = _mapping(told, ".made_by")
    return {_text(name, ".made_by"): _text(version, ".made_by") for name, version in versions.items()}


def _series(told: Any, at: str) -> str:
    text = _text(told, at)
    try:
        key = str(SeriesKey.parse(text))
    except DSMError as error:
        raise FormError(at, error.message) from error
    # What was written as percent codes is plain by now.
    return _text(key, at)


def _time(told: Any, at: str) -> int:
    try:
        return moment_bounds(_text(told, at), "time")[0]
    except DSMError as error:
        raise FormError(at, error.message) from error


def _moment(told: Any, at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(told, at))
    except ValueError as error:
        raise FormError(at, "is no time") from error
    if moment.tzinfo is None:
        raise FormError(at, "has no offset from UTC")
    return moment


def _each(entry: Mapping[str, Any], name: str, read: Callable[[Any, str], Any]) -> list[Any]:
    items = _list(entry.get(name), f".{name}")
    return [read(item, f".{name}[{place}]") for place, item in enumerate(items)]


def _mapping(told: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise FormError(at, "expected a mapping")
    return told


def _list(told: Any, at: str) -> list[Any]:
    if not isinstance(told, list):
        raise FormError(at, "expected a list")
    return told


def _text(told: Any, at: str) -> str:
    # What is printed as it is must not steer a terminal.
    if not isinstance(told, str) or not told or len(told) > _LONGEST or not told.isprintable():
        raise FormError(at, f"expected one line of text, {_LONGEST} characters at most")
    return told


def _count(told: Any, at: str) -> int:
    if not isinstance(told, int) or isinstance(told, bool) or not 0 <= told <= _MOST_ROWS:
        raise FormError(at, "expected a whole number, 0 or more")
    return told


def _matching(form: re.Pattern[str], told: Any, at: str, expected: str) -> str:
    if not isinstance(told, str) or not form.match(told):
        raise FormError(at, f"expected {expected}")
    return told
