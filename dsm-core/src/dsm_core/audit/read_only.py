"""A cache that is looked into and not written: what an audit fetches is not what calls are to be given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dsm_core.cache import CacheBatch, CacheStore, Cleared
from dsm_core.cache.read import CachedRows
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["ReadOnlyCache"]


class ReadOnlyCache(CacheStore):
    """Reads another cache and takes in nothing.

    Parameters
    ----------
    store
        Answers the questions, and does as ever what reading brings with it: damaged files are set aside.
    """

    def __init__(self, store: CacheStore) -> None:
        super().__init__(store.root)
        self._store = store

    def read(
        self,
        key: SeriesKey,
        schema: ChartSchema,
        span: TimeRange,
        *,
        columns: Sequence[str] | None = None,
        own: bool = False,
    ) -> CachedRows:
        """Rows and ledger of the other cache."""
        return self._store.read(key, schema, span, columns=columns, own=own)

    def write(self, key: SeriesKey, schema: ChartSchema, batches: Sequence[CacheBatch], *, now: int) -> None:
        """Keep nothing."""

    def fold(self, key: SeriesKey, schema: ChartSchema, *, now: int) -> int:
        """Fold nothing."""
        return 0

    def clear(self, keep: Callable[[SeriesKey], bool] = lambda _: False) -> Cleared:
        """Remove nothing: that a venue restated a series is for the next call to mend."""
        return Cleared()

    def put_away(self, key: SeriesKey, schema: ChartSchema) -> None:
        """Put nothing away, for the same reason."""

    def drop_put_away(self, key: SeriesKey, schema: ChartSchema) -> None:
        """Drop nothing."""

    def want_lost(self, key: SeriesKey, schema: ChartSchema) -> None:
        """Note nothing."""

    def has_rows_before(self, key: SeriesKey, schema: ChartSchema, t: int) -> bool:
        """Whether the other cache has a row before ``t``."""
        return self._store.has_rows_before(key, schema, t)

    def has_rows_after(self, key: SeriesKey, schema: ChartSchema, t: int) -> bool:
        """Whether the other cache has a row at or after ``t``."""
        return self._store.has_rows_after(key, schema, t)
