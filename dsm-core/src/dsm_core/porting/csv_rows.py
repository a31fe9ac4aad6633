"""Bars out of CSV text: which column is which, and what its times mean."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final

import pyarrow as pa
import pyarrow.csv as pa_csv

from dsm_core.errors import RequestError
from dsm_core.porting.source_file import SourceFile
from dsm_core.porting.time_text import TimeForm, read_times
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["read_csv"]

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?\Z")


def read_csv(
    file: SourceFile, schema: ChartSchema, columns: Mapping[str, str] | None, times: TimeForm
) -> pa.Table:
    """Columns of the schema that a CSV file has.

    Parameters
    ----------
    columns
        The file's column for each of the schema's that is called otherwise there. In a file without
        header they are ``f0``, ``f1`` and so on.
    times
        How its times are written.

    Raises
    ------
    RequestError
        When it is no CSV, lacks a column, or holds what is no number or time.
    """
    header, has_names = _header(file)
    wanted = _wanted(file, header, schema, columns or {})
    kinds = {own: _kind(name, schema) for name, own in wanted.items()}
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(file.data),
            read_options=pa_csv.ReadOptions(column_names=header, skip_rows=int(has_names)),
            convert_options=pa_csv.ConvertOptions(
                column_types=kinds,
                include_columns=list(kinds),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowException, ValueError) as error:
        raise file.refusal(f"it cannot be read as CSV ({str(error).rstrip('.')})") from error
    stamps = {schema.index, *(c.name for c in schema.columns if c.dtype == "time")}
    return pa.table(
        {
            name: read_times(file, table.column(own), own, times) if name in stamps else table.column(own)
            for name, own in wanted.items()
        }
    )


def _header(file: SourceFile) -> tuple[list[str], bool]:
    """Names of the columns, and whether the file has them itself."""
    line = io.BytesIO(file.data).readline().decode("utf-8-sig", "replace").strip()
    try:
        names = [name.strip() for name in next(csv.reader([line]), ())]
    except csv.Error:
        names = []
    if not names or not line.isprintable():
        raise file.refusal("it is no CSV text", "Its first line must name the columns, with commas between.")
    if _NUMBER.match(names[0]):
        return [f"f{number}" for number in range(len(names))], False
    return names, True


def _wanted(
    file: SourceFile, header: Sequence[str], schema: ChartSchema, columns: Mapping[str, str]
) -> dict[str, str]:
    """The file's name of each column that it has."""
    known = (schema.index, *schema.column_names)
    for name, own in columns.items():
        _check(name, known, f"{schema.name} has no column")
        _check(own, header, f"{file.path} has no column")
    wanted = {name: name for name in known if name in header} | dict(columns)
    lacking = [c.name for c in schema.columns if c.required and not c.ends_slot and c.name not in wanted]
    lacking = [name for name in (schema.index, *lacking) if name not in wanted]
    if lacking:
        raise file.refusal(
            f"which column is {' and which is '.join(lacking)} cannot be told; it has {', '.join(header)}",
            f"Say it: --columns {lacking[0]}={header[0]},...",
        )
    twice = [own for own in wanted.values() if header.count(own) > 1]
    if twice:
        raise file.refusal(f"it has the column {twice[0]!r} more than once")
    return wanted


def _check(name: str, known: Sequence[str], problem: str) -> None:
    if name not in known:
        close = get_close_matches(name, known, n=1)
        guess = f"Did you mean {close[0]!r}? " if close else ""
        raise RequestError(f"{problem} {name!r}.", hint=f"{guess}It has: {', '.join(known)}.")


def _kind(name: str, schema: ChartSchema) -> pa.DataType:
    # Numbers are all read as float64, as some programs write counts so; conform makes them whole.
    dtype = next((c.dtype for c in schema.columns if c.name == name), "time")
    if dtype == "bool":
        return pa.bool_()
    return pa.float64() if dtype in ("float64", "int64") else pa.string()
