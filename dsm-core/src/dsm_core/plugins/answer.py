"""What a client gives back: rows, what they vouch for, and where they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

import pyarrow as pa
from attrs import frozen

from dsm_core.errors import ProtocolChangedError
from dsm_core.model.coverage import Origin
from dsm_core.model.time_range import RangeSet

__all__ = ["Answer"]

_UNITS: Final = ("s", "ms", "us", "ns")


@frozen
class Answer:
    """Rows of one page, object or fetch.

    Parameters
    ----------
    rows
        Arrow table, pandas or polars frame; decimal text and any time unit are welcome.
    covered
        The range for which the answer is complete. None: as the source's spec says.
    origin
        URL and checksum of the bytes.
    cursor
        Where the next page starts; None ends a paged fetch.
    """

    rows: Any
    covered: RangeSet | None = None
    origin: Origin | None = None
    cursor: Any = None

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Sequence[Any]],
        columns: str,
        *,
        covered: RangeSet | None = None,
        origin: Origin | None = None,
        cursor: Any = None,
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
            When a row is not a sequence, is too short, or a column mixes types.
        """
        names = columns.split()
        rows = list(rows)
        width = len(names)
        if any(not isinstance(row, list | tuple) or len(row) < width for row in rows):
            raise ProtocolChangedError(
                f"A row has not the {width} cells expected: {columns}.",
                hint="The vendor may have changed its answer; look for a new release.",
                row=repr(next(r for r in rows if not isinstance(r, list | tuple) or len(r) < width))[:200],
            )
        cells = list(zip(*rows, strict=False)) if rows else [()] * width
        arrays = {
            name.partition(":")[0]: _array(values, name)
            for name, values in zip(names, chain(cells), strict=False)
            if name != "_"
        }
        return cls(pa.table(arrays), covered=covered, origin=origin, cursor=cursor)


def _array(values: Sequence[Any], name: str) -> pa.Array:
    column, _, unit = name.partition(":")
    try:
        if unit in _UNITS:
            return pa.array([int(v) for v in values], pa.int64()).cast(pa.timestamp(unit, "UTC"))
        return pa.array(values) if values else pa.nulls(0, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError, OverflowError) as error:
        raise ProtocolChangedError(
            f"Column {column!r} holds values that cannot be read: {error}.",
            hint="The vendor may have changed its answer; look for a new release.",
        ) from error
