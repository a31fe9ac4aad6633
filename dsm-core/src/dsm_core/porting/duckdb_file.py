"""One duckdb database of many series: a table a chart type, and ``dsm_series``, which describes them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from attrs import define, field

from dsm_core.errors import ConfigError
from dsm_core.model.series import SeriesKey
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import empty_table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["DuckdbFile", "check_duckdb"]

_LABELS: Final = ("provider", "market_type", "symbol", "interval", "options")
_COLUMNS: Final = ", ".join(f'? AS "{name}"' for name in _LABELS)
_ABOUT: Final = ", ".join(
    ['chart_type VARCHAR, "rows" BIGINT, about VARCHAR', *(f'"{name}" VARCHAR' for name in _LABELS)]
)
_DESCRIBE: Final = "INSERT INTO dsm_series VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def check_duckdb() -> None:
    """Refuse to go on without duckdb.

    Raises
    ------
    ConfigError
        Naming the extra to install.
    """
    if find_spec("duckdb") is None:
        raise ConfigError("duckdb is not installed.", hint="Run: pip install 'dsm-core[duckdb]'")


@define
class DuckdbFile:
    """A database that is being written; use it as a context manager.

    Parameters
    ----------
    path
        Of a file that does not exist.
    """

    path: Path
    _connection: DuckDBPyConnection = field(init=False)
    _made: set[str] = field(init=False, factory=set)

    def __enter__(self) -> DuckdbFile:
        import duckdb  # noqa: PLC0415 - an extra

        self._connection = duckdb.connect(self.path)
        self._connection.execute(f"CREATE TABLE dsm_series ({_ABOUT})")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def add(self, key: SeriesKey, schema: ChartSchema, told: str, tables: Iterable[pa.Table]) -> int:
        """Write a series and what is told of it; gives the number of its rows."""
        options = ";".join(f"{name}={value}" for name, value in key.options)
        interval = None if key.interval is None else str(key.interval)
        labels = [key.provider, str(key.market_type), key.symbol, interval, options or None]
        if schema.name not in self._made:
            self._made.add(schema.name)
            self._run(f'CREATE TABLE "{schema.name}" AS SELECT {_COLUMNS}', labels, empty_table(schema))
        rows = 0
        for table in tables:
            self._run(f'INSERT INTO "{schema.name}" SELECT {_COLUMNS}', labels, table)
            rows += len(table)
        self._connection.execute(_DESCRIBE, [schema.name, rows, told, *labels])
        return rows

    def _run(self, statement: str, labels: list[str | None], part: pa.Table) -> None:
        self._connection.register("part", part)
        self._connection.execute(f"{statement}, part.* FROM part", labels)
        self._connection.unregister("part")
