"""Files of one series, written a table at a time: Parquet, Feather and CSV."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from dsm_core.model.series import SeriesKey
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["FILE_FORMS", "Write", "opened", "replaced"]

Write = Callable[[pa.Table], Any]
_KEY: Final = "dsm"
_SECOND_NS: Final = 10**9


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place at the end, or is gone when that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def opened(
    form: str, path: Path, key: SeriesKey, schema: ChartSchema, told: str
) -> AbstractContextManager[Write]:
    """What writes tables of one series to ``path``.

    Parameters
    ----------
    form
        One of :data:`FILE_FORMS`.
    told
        Goes into the metadata under ``dsm``, where the form has any.
    """
    return FILE_FORMS[form](path, key, schema, told)


@contextmanager
def _parquet(path: Path, _: SeriesKey, schema: ChartSchema, told: str) -> Iterator[Write]:
    with pq.ParquetWriter(path, schema.arrow().with_metadata({_KEY: told}), compression="zstd") as writer:
        yield writer.write_table


@contextmanager
def _feather(path: Path, _: SeriesKey, schema: ChartSchema, told: str) -> Iterator[Write]:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    described = schema.arrow().with_metadata({_KEY: told})
    with path.open("wb") as file, pa.ipc.new_file(file, described, options=options) as writer:
        yield writer.write_table


@contextmanager
def _csv(path: Path, key: SeriesKey, schema: ChartSchema, _: str) -> Iterator[Write]:
    with path.open("wb") as file:
        file.write(",".join((schema.index, *schema.column_names)).encode() + b"\n")
        yield partial(_write_csv, file, _time_units(key, schema))


FILE_FORMS: Final[
    Mapping[str, Callable[[Path, SeriesKey, ChartSchema, str], AbstractContextManager[Write]]]
] = {"parquet": _parquet, "feather": _feather, "csv": _csv}


def _write_csv(file: BinaryIO, units: Mapping[str, str], table: pa.Table) -> None:
    for name, unit in units.items():
        # Without its zone, as Arrow would look that up in a database that Windows lacks; it is UTC.
        naive = table.column(name).cast(pa.timestamp(unit))
        text = pc.strftime(naive, format="%Y-%m-%dT%H:%M:%S+00:00")
        table = table.set_column(table.schema.get_field_index(name), name, text)
    # Where quotes may be needed Arrow puts them around every text, times too.
    texts = len(units) < sum(pa.types.is_string(kind) for kind in table.schema.types)
    options = pa_csv.WriteOptions(include_header=False, quoting_style="needed" if texts else "none")
    pa_csv.write_csv(table, file, options)


def _time_units(key: SeriesKey, schema: ChartSchema) -> dict[str, str]:
    """Coarsest unit that loses nothing, the same in every table, by time column."""
    length = None if key.interval is None else key.interval.nanoseconds
    on_seconds = schema.kind == "bars" and (length is None or length % _SECOND_NS == 0)
    units = {schema.index: "s" if on_seconds else "ns"}
    return units | {c.name: "ms" if c.whole_ms else "ns" for c in schema.columns if c.dtype == "time"}
