"""One column of a chart type: its name, type, unit and how bars of it are joined."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

__all__ = ["Aggregation", "Column", "ColumnType"]

ColumnType = Literal["float64", "int64", "string", "time"]
Aggregation = Literal["first", "max", "min", "last", "sum"]


@frozen
class Column:
    """A column of a schema.

    Parameters
    ----------
    name
        Column name.
    dtype
        ``float64``, ``int64``, ``string`` or ``time`` (nanoseconds, UTC).
    unit
        What one unit is, in words.
    agg
        How values of several bars become one.
    required
        A source must deliver it; else a source that lacks it leaves it null.
    nullable
        Single values may be absent.
    whole_ms
        For ``time``: cut to whole milliseconds.
    ends_slot
        For ``time``: where a source lacks it, the last millisecond of the bar's slot.
    """

    name: str
    dtype: ColumnType
    unit: str
    agg: Aggregation = "last"
    required: bool = True
    nullable: bool = False
    whole_ms: bool = False
    ends_slot: bool = False
