"""From the data of a lock file to an entry: every value is checked before it is used for anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from itertools import pairwise
from typing import Any, Final

from dsm_core.errors import DSMError
from dsm_core.lineage.blocks import CHECK_BYTES, DIGEST_DIGITS, Block
from dsm_core.lineage.canonical import CONTENT
from dsm_core.lineage.lock import Locked
from dsm_core.lineage.manifest import Manifest, Stretch
from dsm_core.model.names import DataSource
from dsm_core.model.provenance import Gap
from dsm_core.model.request import moment_bounds
from dsm_core.model.series import SeriesKey

__all__ = ["FormError", "entry_of"]

_LONGEST: Final = 4096
_MOST_COLUMNS: Final = 1000
_MOST_ROWS: Final = 1 << 40
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_DIGEST: Final = re.compile(rf"[0-9a-f]{{{DIGEST_DIGITS}}}\Z")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")
_ENTRY: Final = ("request", "columns", "rows", "content", "made_by", "segments", "gaps", "blocks")
_REQUEST: Final = ("series", "start_time", "end_time", "source")
_CONTENT: Final = ("definition", "sha256")
_SEGMENT: Final = ("start_time", "end_time", "rows", "source", "origin", "sha256")
_GAP: Final = ("start_time", "end_time", "bars", "reason", "final")
_BLOCK: Final = ("start_time", "rows", "columns", "checks", "values")
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
    entry = _mapping(told, "", _ENTRY)
    request = _mapping(entry.get("request"), ".request", _REQUEST)
    content = _mapping(entry.get("content"), ".content", _CONTENT)
    if content.get("definition") != CONTENT:
        raise FormError(".content.definition", f"expected {CONTENT!r}; a newer one needs a newer dsm-core")
    manifest = Manifest(
        series=_series(request.get("series"), ".request.series"),
        start_ns=_time(request.get("start_time"), ".request.start_time"),
        end_ns=_time(request.get("end_time"), ".request.end_time"),
        source=_source(request.get("source"), ".request.source"),
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
    if sum(segment.rows for segment in manifest.segments) != manifest.rows:
        raise FormError(".segments", f"do not hold {manifest.rows} rows, which the entry has")
    edges = [manifest.start_ns, *(block.start_ns for block in blocks), manifest.end_ns]
    for place, (start, after) in enumerate(pairwise(edges[1:])):
        if start >= after:
            raise FormError(f".blocks[{place}].start_time", "is not before what follows")
    if blocks and blocks[0].start_ns < manifest.start_ns:
        raise FormError(".blocks[0].start_time", "is before the range")


def _block(told: Any, at: str, columns: int) -> Block:
    block = _mapping(told, at, _BLOCK)
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


def _segment(told: Any, at: str) -> Stretch:
    segment = _mapping(told, at, _SEGMENT)
    sha256 = segment.get("sha256")
    if sha256 is not None:
        sha256 = _matching(_SHA256, sha256, f"{at}.sha256", "64 hexadecimal digits")
    origin = segment.get("origin")
    return Stretch(
        start_ns=_time(segment.get("start_time"), f"{at}.start_time"),
        end_ns=_time(segment.get("end_time"), f"{at}.end_time"),
        rows=_count(segment.get("rows"), f"{at}.rows"),
        source=_text(segment.get("source"), f"{at}.source"),
        origin=None if origin is None else _text(origin, f"{at}.origin"),
        sha256=sha256,
    )


def _gap(told: Any, at: str) -> Gap:
    gap = _mapping(told, at, _GAP)
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
    versions = _mapping(told, ".made_by", None)
    return {_text(name, ".made_by"): _text(version, ".made_by") for name, version in versions.items()}


def _series(told: Any, at: str) -> str:
    text = _text(told, at)
    try:
        key = str(SeriesKey.parse(text))
    except DSMError as error:
        raise FormError(at, error.message) from error
    # What was written as percent codes is plain by now.
    return _text(key, at)


def _source(told: Any, at: str) -> str:
    text = _text(told, at)
    try:
        source = DataSource(text)
    except DSMError as error:
        raise FormError(at, error.message) from error
    if source == DataSource.CACHE:
        raise FormError(at, "expected auto or a source that can be asked again, which the cache is not")
    return text


def _time(told: Any, at: str) -> int:
    try:
        return moment_bounds(_text(told, at), "time")[0]
    except DSMError as error:
        raise FormError(at, error.message) from error


def _each(entry: Mapping[str, Any], name: str, read: Callable[[Any, str], Any]) -> list[Any]:
    items = _list(entry.get(name), f".{name}")
    return [read(item, f".{name}[{place}]") for place, item in enumerate(items)]


def _mapping(told: Any, at: str, known: Collection[str] | None) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise FormError(at, "expected a mapping")
    # What nobody checks must not look like part of the proof.
    strange = [] if known is None else [key for key in told if key not in known]
    if strange:
        raise FormError(at, f"has a key {strange[0][:40]!a} that no lock has; remove it, or lock anew")
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
