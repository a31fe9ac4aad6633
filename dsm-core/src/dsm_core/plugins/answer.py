"""What a client gives back: rows, what they vouch for, and where they came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from attrs import field, frozen

from dsm_core.errors import ProtocolChangedError
from dsm_core.model.coverage import Origin
from dsm_core.model.specimen import Specimen
from dsm_core.model.time_range import RangeSet, TimeRange

__all__ = ["Answer"]

_CHANGED: Final = "The vendor may have changed its answer; look for a new release."
_UNITS: Final = ("s", "ms", "us", "ns")


def _ranges(covered: Any) -> RangeSet | None:
    if covered is None or isinstance(covered, RangeSet):
        return covered
    if isinstance(covered, TimeRange):
        return RangeSet.of(covered)
    is_list = isinstance(covered, Iterable) and not isinstance(covered, str | bytes)
    pairs: list[Any] = list(covered) if is_list else [None]
    if not all(_is_pair(pair) for pair in pairs):
        raise TypeError(f"covered={covered!r:.100} is neither a RangeSet nor pairs of UTC nanoseconds")
    return RangeSet.from_pairs(pairs)


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and all(type(ns) is int for ns in pair)


def _origin(origin: Any) -> Origin | None:
    if origin is None or isinstance(origin, Origin):
        return origin
    if isinstance(origin, str) and "://" in origin:
        from dsm_core.net.urls import mask_text  # noqa: PLC0415 - brings the HTTP library

        return Origin(url=mask_text(origin))
    raise TypeError(f"origin={origin!r:.100} is neither an Origin nor a URL")


@frozen
class Answer:
    """Rows of one page, object or fetch.

    Parameters
    ----------
    rows
        Arrow table, pandas or polars frame; decimal text and any time unit are welcome.
    covered
        The range for which the answer is complete, or pairs ``(start, end)`` in UTC nanoseconds. None:
        as the source's spec says.
    origin
        URL and checksum of the bytes, or their URL.
    cursor
        Where the next page starts; None ends a paged fetch.
    mended
        What the client put right in an object's rows, in words; core then keeps the object as evidence.
    specimen
        The object itself, for as long as it is there; core sets it.
    as_of
        When the venue made it, UTC nanoseconds by its own clock, such as ``reply.as_of``: bars that closed
        later are unfinished in it, and it says nothing of them. Not believed where its own rows are later.
        None: when the call's clock says.
    """

    rows: Any
    covered: RangeSet | None = field(default=None, converter=_ranges)
    origin: Origin | None = field(default=None, converter=_origin)
    cursor: Any = None
    mended: str = ""
    specimen: Specimen | None = field(default=None, repr=False, kw_only=True)
    as_of: int | None = None

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Sequence[Any]],
        columns: str,
        *,
        covered: RangeSet | None = None,
        origin: Origin | None = None,
        cursor: Any = None,
        as_of: int | None = None,
    ) -> Answer:
        """Answer of a list of rows.

        Parameters
        ----------
        rows
            Sequences with at least as many cells as ``columns`` names; further cells are ignored.
        columns
            Names in the order of the cells, a unit behind the times:
            ``"open_time:ms open high low close"``. ``_`` skips a cell.

        Raises
        ------
        ProtocolChangedError
            When the rows are no list, a row is none or too short, or a column mixes types.
        """
        names = columns.split()
        cells = _cells(rows, columns, len(names))
        arrays = {
            name.partition(":")[0]: _array(values, name)
            for name, values in zip(names, cells, strict=False)
            if name != "_"
        }
        return cls(pa.table(arrays), covered=covered, origin=origin, cursor=cursor, as_of=as_of)


def _cells(rows: Any, columns: str, width: int) -> list[tuple[Any, ...]]:
    """Rows turned into columns, once each of them is known to be long enough."""
    if not isinstance(rows, Iterable) or isinstance(rows, str | bytes | Mapping):
        raise ProtocolChangedError(f"Rows came as {type(rows).__name__}.", hint=_CHANGED)
    rows = list(rows)
    for row in rows:
        if not isinstance(row, list | tuple) or len(row) < width:
            raise ProtocolChangedError(
                f"A row has not the {width} cells expected: {columns}.", hint=_CHANGED, row=repr(row)[:200]
            )
    return list(zip(*rows, strict=False)) if rows else [()] * width


def _array(values: Sequence[Any], name: str) -> pa.Array:
    column, colon, unit = name.partition(":")
    if colon and unit not in _UNITS:
        raise ValueError(f"{name!r} names no unit of time; write one of {', '.join(_UNITS)}")
    try:
        if colon:
            return pa.array([_whole(v) for v in values], pa.int64()).cast(pa.timestamp(unit, "UTC"))
        return pa.array(values) if values else pa.nulls(0, pa.string())
    except (TypeError, ValueError, OverflowError, NotImplementedError) as error:
        raise ProtocolChangedError(
            f"Column {column!r} holds values that cannot be read: {str(error).rstrip('.')}.", hint=_CHANGED
        ) from error


def _whole(value: Any) -> int:
    """A count of units: an integer, or text or a float that is one."""
    if type(value) is int:
        return value
    is_whole = not isinstance(value, bool) and (
        value.isascii() and value.removeprefix("-").isdigit()
        if isinstance(value, str)
        else int(value) == value
    )
    if not is_whole:
        raise ValueError(f"{value!r} is no whole number")
    return int(value)
