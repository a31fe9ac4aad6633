"""Arrow table to pandas frame in the schema's dtypes."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

__all__ = ["to_frame"]


def to_frame(table: pa.Table, index: str, *, copy: bool) -> pd.DataFrame:
    """Frame of ``table`` with the time column as UTC index.

    Integer columns with nulls become ``Int64``; other nulls NaN, NaT or None.
    """
    holed = {
        field.name: pd.Int64Dtype()
        for field in table.schema
        if pa.types.is_integer(field.type) and table.column(field.name).null_count
    }
    plain: pd.DataFrame = table.drop_columns([index, *holed]).to_pandas(
        split_blocks=not copy, self_destruct=False, zero_copy_only=False
    )
    for name, dtype in holed.items():
        position = table.schema.get_field_index(name) - 1
        plain.insert(position, name, _integers(table.column(name), dtype))
    plain.index = pd.DatetimeIndex(table.column(index).to_pandas(), name=index)
    return plain


def _integers(column: pa.ChunkedArray, dtype: Any) -> Any:
    return column.to_pandas(types_mapper={pa.int64(): dtype}.get).array
