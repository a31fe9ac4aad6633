"""A document as a mapping: of single values, which are one record, or of columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from math import isnan
from typing import Any, Final

import numpy as np

from dsm_core.errors import SchemaMismatchError
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.column import Column

__all__ = ["record_columns"]

_SINGLE: Final = (str, int, float, Decimal, datetime, np.generic)
_NEVER: Final = (bytes, bytearray, memoryview, Mapping, set, frozenset)
_SHOWN: Final = 60


def record_columns(rows: Mapping[str, Any], schema: ChartSchema) -> dict[str, Any]:
    """Columns of a mapping; what the schema does not know is left out.

    Raises
    ------
    SchemaMismatchError
        When a value is nested: as a column it would become something else, its parts or its keys.
    """
    known = {name: rows[name] for name in (schema.index, *schema.column_names) if name in rows}
    is_record = any(_is_single(value) for value in known.values())
    for name, value in known.items():
        if isinstance(value, _NEVER) or (is_record and not _is_single(value)):
            raise _nested(name, value)
    if not is_record:
        return known
    for column in schema.columns:
        _check_text(column, known.get(column.name))
    return {name: [value] for name, value in known.items()}


def _is_single(value: Any) -> bool:
    return value is None or (isinstance(value, _SINGLE) and not isinstance(value, np.bytes_ | np.void))


def _check_text(column: Column, value: Any) -> None:
    if column.dtype == "string" and not column.nullable and isinstance(value, float) and isnan(value):
        raise SchemaMismatchError(f"Column {column.name!r}: holds nan, not text.", column=column.name)


def _nested(name: str, value: Any) -> SchemaMismatchError:
    text = repr(value)
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return SchemaMismatchError(
        f"Column {name!r}: holds {shown}, a {type(value).__name__}, where a document has a single value.",
        hint="Give a mapping of single values: text, numbers, booleans, datetimes, None.",
        column=name,
    )
