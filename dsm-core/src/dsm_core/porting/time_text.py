"""Times as other programs write them: counts since 1970, or ISO text."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from dsm_core.errors import RequestError
from dsm_core.porting.source_file import SourceFile

__all__ = ["TIME_UNITS", "TimeForm", "read_times"]

_PER_UNIT: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_ISO: Final = "iso"
TIME_UNITS: Final = (*_PER_UNIT, _ISO)
# From September 2001 to the year 5138 the number of digits tells the unit.
_UNIT_OF_DIGITS: Final = {10: "s", 11: "s", 13: "ms", 14: "ms", 16: "us", 17: "us", 19: "ns"}
_LARGEST: Final = 2**63 - 1
_NUMBER: Final = r"^-?\d+$"
_ZONED: Final = r"\d:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"
_DATE: Final = r"^\d{4}-\d{2}-\d{2}$"


@frozen
class TimeForm:
    """How times are written.

    Parameters
    ----------
    unit
        One of :data:`TIME_UNITS`; None to tell it from the text.
    tz
        Zone of ISO times that name none, such as ``Europe/Berlin``.
    """

    unit: str | None = None
    tz: str | None = None


def read_times(file: SourceFile, values: pa.ChunkedArray, column: str, form: TimeForm) -> pa.Array:
    """Texts as UTC nanoseconds.

    Raises
    ------
    RequestError
        When one is no time, or what it means cannot be told.
    """
    texts = pc.utf8_trim_whitespace(values.combine_chunks())
    unit = form.unit or _unit_of(file, texts, column)
    try:
        if unit == _ISO:
            return _iso(file, texts, column, form.tz)
        if form.tz is not None:
            raise file.refusal(f"the times of {column!r} are counts, which have no zone", "Leave out --tz.")
        return _counts(file, texts, column, unit)
    except pa.ArrowException as error:
        hint = f"--time-unit tells how they are written: {', '.join(TIME_UNITS)}."
        raise file.refusal(
            f"the times of {column!r} cannot be read ({str(error).rstrip('.')})", hint
        ) from error


def _unit_of(file: SourceFile, texts: pa.Array, column: str) -> str:
    present = texts.drop_null()
    if not len(present) or not pc.match_substring_regex(present[0], _NUMBER).as_py():
        return _ISO
    first = present[0].as_py()
    unit = _UNIT_OF_DIGITS.get(len(first.lstrip("-")))
    if unit is None:
        raise file.refusal(
            f"the unit of {first} in {column!r} cannot be told", f"Say it: --time-unit {'|'.join(_PER_UNIT)}."
        )
    return unit


def _counts(file: SourceFile, texts: pa.Array, column: str, unit: str) -> pa.Array:
    numbers = texts.cast(pa.int64())
    ends = pc.min_max(numbers).as_py()
    most = _LARGEST // _PER_UNIT[unit]
    for end in (ends["min"], ends["max"]):
        if end is not None and abs(end) > most:
            raise file.refusal(
                f"{end} in {column!r} is no time in {unit}", "--time-unit tells the right one."
            )
    return pc.multiply(numbers, _PER_UNIT[unit]).cast(pa.timestamp("ns", "UTC"))


def _iso(file: SourceFile, texts: pa.Array, column: str, tz: str | None) -> pa.Array:
    zoned = pc.match_substring_regex(texts, _ZONED)
    if pc.all(zoned, min_count=0).as_py():
        return texts.cast(pa.timestamp("ns", "UTC"))
    if pc.any(zoned).as_py():
        raise file.refusal(f"some times of {column!r} name a zone and some do not")
    naive = texts.cast(pa.timestamp("ns"))
    if tz is None:
        # A date alone means the whole UTC day, here as everywhere.
        if not pc.all(pc.match_substring_regex(texts, _DATE)).as_py():
            raise file.refusal(f"the times of {column!r} name no zone", "Say it: --tz UTC, or another one.")
        tz = "UTC"
    return _localized(file, naive, tz)


def _localized(file: SourceFile, naive: pa.Array, tz: str) -> pa.Array:
    moments: Any = naive.to_pandas()
    try:
        return pa.array(moments.dt.tz_localize(tz).dt.tz_convert("UTC")).cast(pa.timestamp("ns", "UTC"))
    except (KeyError, ValueError, OSError) as error:
        raise RequestError(
            f"{file.path}: its times cannot be those of the zone {tz!r}: {error}.",
            hint="Write a name such as Europe/Berlin; where clocks were set back, times need offsets.",
        ) from error
