"""Arrow table to pandas frame in the schema's dtypes."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from dsm_core.errors import RequestError

__all__ = ["in_zone", "to_frame"]

_NULLABLE: Final = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


def to_frame(table: pa.Table, index: str, *, copy: bool) -> pd.DataFrame:
    """Frame of ``table`` with the time column as UTC index.

    Integer and truth columns with nulls become ``Int64`` and ``boolean``; other nulls NaN, NaT or None.
    """
    holed = {
        field.name: _NULLABLE[field.type]
        for field in table.schema
        if field.type in _NULLABLE and table.column(field.name).null_count
    }
    plain: pd.DataFrame = table.drop_columns([index, *holed]).to_pandas(
        split_blocks=not copy, self_destruct=False, zero_copy_only=False
    )
    for name, dtype in holed.items():
        position = table.schema.get_field_index(name) - 1
        plain.insert(position, name, _nullable(table.column(name), dtype))
    plain.index = pd.DatetimeIndex(table.column(index).to_pandas(), name=index)
    return plain


def in_zone(index: Any, tz: str | tzinfo) -> pd.DatetimeIndex:
    """The same instants, shown in another zone.

    Raises
    ------
    RequestError
        When there is no such zone.
    """
    try:
        if not isinstance(tz, str | tzinfo) or not tz:
            raise ValueError("it is neither a name nor a tzinfo")
        moved: pd.DatetimeIndex = index.tz_convert(tz)
    except (LookupError, ValueError, TypeError, OSError) as error:
        raise RequestError(
            f"tz={tz!r} is no time zone.",
            hint='Give a name such as "Europe/Zurich", or a tzinfo.',
            tz=str(tz),
        ) from error
    return moved


def _nullable(column: pa.ChunkedArray, dtype: Any) -> Any:
    return column.to_pandas(types_mapper={column.type: dtype}.get).array
