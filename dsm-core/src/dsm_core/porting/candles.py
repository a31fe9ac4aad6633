"""Bars as freqtrade and ccxt keep them: time, open, high, low, close and volume."""

from __future__ import annotations

import json
from typing import Final

import pyarrow as pa

from dsm_core.errors import ProtocolChangedError
from dsm_core.plugins.answer import Answer
from dsm_core.porting.source_file import SourceFile

__all__ = ["read_feather", "read_json_rows"]

_COLUMNS: Final = ("open", "high", "low", "close", "volume")


def read_json_rows(file: SourceFile) -> pa.Table:
    """Rows of a JSON list of ``[ms, open, high, low, close, volume]``.

    Raises
    ------
    RequestError
        When it is none.
    """
    try:
        rows = json.loads(file.data)
    except (ValueError, RecursionError) as error:
        raise file.refusal(f"it is no JSON ({error})") from error
    try:
        answer = Answer.from_rows(rows, f"open_time:ms {' '.join(_COLUMNS)}")
    except ProtocolChangedError as error:
        what = f"it is no list of [ms, open, high, low, close, volume]: {error.message}"
        raise file.refusal(what.rstrip(".")) from error
    table: pa.Table = answer.rows
    return table


def read_feather(file: SourceFile) -> pa.Table:
    """Rows of a Feather file with the columns ``date``, ``open`` to ``close`` and ``volume``.

    Raises
    ------
    RequestError
        When it is none.
    """
    try:
        table = pa.ipc.open_file(pa.py_buffer(file.data)).read_all()
    except (pa.ArrowException, ValueError) as error:
        raise file.refusal(f"it is no Feather file ({error})") from error
    lacking = [name for name in ("date", *_COLUMNS) if name not in table.column_names]
    if lacking:
        raise file.refusal(f"it lacks {', '.join(lacking)}; it has {', '.join(table.column_names)}")
    return table.select(["date", *_COLUMNS]).rename_columns(["open_time", *_COLUMNS])
