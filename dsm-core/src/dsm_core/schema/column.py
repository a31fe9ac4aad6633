"""One column of a chart type: its name, type, unit and how bars of it are joined."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from dsm_core.schema.contract import check_column, check_not_negative

__all__ = ["Aggregation", "Column", "ColumnType"]

ColumnType = Literal["float64", "int64", "bool", "string", "time"]
Aggregation = Literal["first", "max", "min", "last", "sum"]


@frozen
class Column:
    """A column of a schema.

    Parameters
    ----------
    name
        Column name: letters, digits and underscores, a letter first.
    dtype
        ``float64``, ``int64``, ``bool``, ``string`` or ``time`` (nanoseconds, UTC).
    unit
        What one unit is, in words.
    agg
        How values of several bars become one: ``first``, ``max``, ``min``, ``last`` or ``sum``. None
        where no joined value means anything; such bars cannot be resampled.
    required
        A source must deliver it; else a source that lacks it leaves it null.
    nullable
        Single values may be absent.
    whole_ms
        For ``time``: cut to whole milliseconds.
    ends_slot
        For ``time``: where a source lacks it, the last millisecond of the bar's slot.
    not_negative
        For numbers: never below zero, as volumes and counts; rows in which it is are refused.

    Raises
    ------
    PluginContractError
        Naming the value and those there are.
    """

    name: str
    dtype: ColumnType
    unit: str
    agg: Aggregation | None = "last"
    required: bool = True
    nullable: bool = False
    whole_ms: bool = False
    ends_slot: bool = False
    not_negative: bool = False

    def __attrs_post_init__(self) -> None:
        check_column(
            self.name, self.dtype, self.agg, is_time_only=self.whole_ms or self.ends_slot, unit=self.unit
        )
        check_not_negative(self.name, self.dtype, self.not_negative)
