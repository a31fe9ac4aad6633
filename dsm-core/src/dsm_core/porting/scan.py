"""The cache as one lazy polars frame over many series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from dsm_core.cache import CacheStore
from dsm_core.errors import ConfigError, RequestError
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.porting.pushdown import reach
from dsm_core.schema.chart_type import KLINES, ChartSchema, chart_schema

if TYPE_CHECKING:
    import polars as pl

__all__ = ["scan_cache"]

_LABELS: Final = ("symbol", "interval")


def scan_cache(
    store: CacheStore, keys: Iterable[SeriesKey], *, schema: ChartSchema | None = None
) -> pl.LazyFrame:
    """Rows of cached series as one lazy frame; nothing is fetched, and nothing read before ``collect``.

    Each period is read when its turn comes, as any other reader does: the newest write wins, damaged
    files are set aside. Only the columns that the query needs are handed out, and series and periods
    that its filter on ``symbol``, ``interval`` or the time rules out are not opened.

    Parameters
    ----------
    keys
        Of one chart type; no two may share symbol and interval. Series that are not cached have no rows.
    schema
        Theirs; needed where the keys may be none and are not klines.

    Returns
    -------
    polars.LazyFrame
        ``symbol``, ``interval``, the time column, then the others; series in the order of ``keys``,
        rows of each by time. Without rows it is empty and has the same columns.

    Raises
    ------
    RequestError
        When the keys do not go together.
    ConfigError
        When polars is not installed.
    """
    wanted = tuple(dict.fromkeys(keys))
    if schema is None:
        schema = chart_schema(wanted[0].chart_type) if wanted else KLINES
    _check(wanted, schema)
    try:
        from polars.io.plugins import register_io_source  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError("polars is not installed.", hint="Run: pip install 'dsm-core[polars]'") from None
    scan = _Scan(store, wanted, schema)
    return register_io_source(scan.frames, schema=scan.polars_schema())


@frozen
class _Scan:
    store: CacheStore
    keys: tuple[SeriesKey, ...]
    schema: ChartSchema

    def polars_schema(self) -> dict[str, Any]:
        import polars as pl  # noqa: PLC0415 - an extra

        time = pl.Datetime("ns", "UTC")
        types: dict[str, Any] = {
            "float64": pl.Float64,
            "int64": pl.Int64,
            "bool": pl.Boolean,
            "string": pl.String,
            "time": time,
        }
        columns = {column.name: types[column.dtype] for column in self.schema.columns}
        return {**dict.fromkeys(_LABELS, pl.String), self.schema.index: time, **columns}

    def frames(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        """What polars asks for, a period at a time."""
        with self.store.using(*self.keys):
            yield from self._frames(columns, predicate, rows)

    def _frames(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None
    ) -> Iterator[pl.DataFrame]:
        wanted = list(self.polars_schema()) if columns is None else columns
        left = rows
        for key, span in self._spans(predicate):
            frame = self._frame(key, span, wanted)
            if predicate is not None:
                frame = frame.filter(predicate)
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            yield frame
            if left == 0:
                return

    def _spans(self, predicate: pl.Expr | None) -> Iterator[tuple[SeriesKey, TimeRange]]:
        for key in self.keys:
            allowed = reach(predicate, _labels(key), self.schema.index)
            if allowed is None:
                continue
            for period in self.store.periods(key, self.schema):
                for span in RangeSet.of(period) & RangeSet.of(allowed):
                    yield key, span

    def _frame(self, key: SeriesKey, span: TimeRange, wanted: Sequence[str]) -> pl.DataFrame:
        import polars as pl  # noqa: PLC0415 - an extra

        own = [name for name in wanted if name in self.schema.column_names]
        frame = pl.from_arrow(self.store.read(key, self.schema, span, columns=own).table)
        assert isinstance(frame, pl.DataFrame)
        labels = [pl.lit(value, pl.String).alias(name) for name, value in _labels(key).items()]
        return frame.with_columns(labels).select(wanted)


def _labels(key: SeriesKey) -> dict[str, str | None]:
    return {"symbol": key.symbol, "interval": None if key.interval is None else str(key.interval)}


def _check(keys: Sequence[SeriesKey], schema: ChartSchema) -> None:
    known: dict[tuple[str | None, ...], SeriesKey] = {}
    for key in keys:
        if key.chart_type != schema.name:
            raise RequestError(f"{key} is no series of {schema.name}.", hint="Scan one chart type at a time.")
        other = known.setdefault(tuple(_labels(key).values()), key)
        if other != key:
            raise RequestError(
                f"{other} and {key} have the same symbol and interval.",
                hint="Scan each market or option alone; polars.concat joins the frames.",
            )
