"""Cached series as files that other programs read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Final

import pyarrow as pa
from attrs import frozen

from dsm_core.cache import CacheStore
from dsm_core.cache.paths import series_folder
from dsm_core.errors import RequestError
from dsm_core.model.coverage import Ledger
from dsm_core.model.series import SeriesKey, matches
from dsm_core.plugins.schemas import schema_of
from dsm_core.porting.description import describe
from dsm_core.porting.duckdb_file import DuckdbFile, check_duckdb
from dsm_core.porting.writers import FILE_FORMS, opened, replaced
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["EXPORT_FORMS", "Exported", "ExportedSeries", "export"]

_DUCKDB: Final = "duckdb"
EXPORT_FORMS: Final = (*FILE_FORMS, _DUCKDB)
_DATABASE: Final = "dsm.duckdb"


@frozen(kw_only=True)
class ExportedSeries:
    """One series, the file that holds it, and how many rows it has there."""

    key: SeriesKey
    path: Path
    rows: int


@frozen(kw_only=True)
class Exported:
    """What was written."""

    folder: Path
    form: str
    series: tuple[ExportedSeries, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """Files written, each once."""
        return tuple(dict.fromkeys(one.path for one in self.series))

    @property
    def rows(self) -> int:
        """Rows written."""
        return sum(one.rows for one in self.series)

    @property
    def size_bytes(self) -> int:
        """Bytes of the files."""
        return sum(path.stat().st_size for path in self.files)


def export(
    store: CacheStore, pattern: str | None, to: str, folder: str | PathLike[str], *, force: bool = False
) -> Exported:
    """Write cached series to files; nothing is fetched, and memory holds one cache period at a time.

    Parameters
    ----------
    pattern
        Which series: compared with the symbol and with ``provider/market/chart_type/symbol/interval``;
        None is all.
    to
        ``parquet``, ``feather`` or ``csv``: a file a series, in folders as in the cache. ``duckdb``: one
        ``dsm.duckdb``, a table a chart type.
    folder
        Made when it is not there.
    force
        Write into a folder that is not empty; files of the same names are replaced, each in one step,
        others are left alone.

    Returns
    -------
    Exported
        Series, files and rows.

    Raises
    ------
    RequestError
        When no series is meant, the form is unknown, or the folder is in use.
    ConfigError
        When duckdb is needed and not installed.
    CacheUnavailableError
        When the cache cannot be read.
    OSError
        When the files cannot be written; those finished before are whole.
    """
    _check_form(to)
    keys = [held.key for held in store.ls() if matches(held.key, pattern)]
    if not keys:
        asked = "The cache is empty" if pattern is None else f"No cached series matches {pattern!r}"
        raise RequestError(f"{asked}.", hint="`dsm cache ls` lists what there is.", pattern=pattern)
    target = Path(folder)
    _check_folder(target, store, force=force)
    parts = [_Part(store, key, schema_of(key)) for key in keys]
    write = _write_database if to == _DUCKDB else _write_files
    with store.using(*keys):
        return Exported(folder=target, form=to, series=tuple(write(parts, target, to)))


@frozen
class _Part:
    """A series to be written."""

    store: CacheStore
    key: SeriesKey
    schema: ChartSchema

    def tables(self) -> Iterator[pa.Table]:
        """Its rows, a cache period each."""
        for span in self.store.periods(self.key, self.schema):
            table = self.store.read(self.key, self.schema, span).table
            if len(table):
                yield table

    def told(self) -> str:
        """What is known of it."""
        spans = self.store.periods(self.key, self.schema)
        # Read before the rows, so that damaged files are set aside and told of as what they are: gaps.
        found = (self.store.read(self.key, self.schema, span, columns=()).ledger for span in spans)
        return describe(self.key, Ledger.of(entry for ledger in found for entry in ledger), self.schema.kind)


def _write_files(parts: Sequence[_Part], folder: Path, form: str) -> Iterator[ExportedSeries]:
    for part in parts:
        path = folder.joinpath(*f"{series_folder(part.key)}.{form}".split("/"))
        rows = 0
        with (
            replaced(path) as temporary,
            opened(form, temporary, part.key, part.schema, part.told()) as write,
        ):
            for table in part.tables():
                write(table)
                rows += len(table)
        yield ExportedSeries(key=part.key, path=path, rows=rows)


def _write_database(parts: Sequence[_Part], folder: Path, _: str) -> Iterator[ExportedSeries]:
    path = folder / _DATABASE
    with replaced(path) as temporary, DuckdbFile(temporary) as database:
        done = [(p.key, database.add(p.key, p.schema, p.told(), p.tables())) for p in parts]
    yield from (ExportedSeries(key=key, path=path, rows=rows) for key, rows in done)


def _check_form(form: str) -> None:
    if form not in EXPORT_FORMS:
        raise RequestError(f"There is no export to {form!r}.", hint=f"Use one of {', '.join(EXPORT_FORMS)}.")
    if form == _DUCKDB:
        check_duckdb()


def _check_folder(folder: Path, store: CacheStore, *, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file.", hint="Name a folder.", path=folder)
    if folder.resolve().is_relative_to(store.root.resolve()):
        raise RequestError(f"{folder} is inside the cache.", hint="Export to another folder.", path=folder)
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise RequestError(
            f"{folder} is not empty.",
            hint="Name a new folder, or pass force (--force) to replace files of the same names.",
            path=folder,
        )
