"""What a call knows so far, in memory and in the cache; the one writer of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
from attrs import define, evolve, field
from numpy.typing import NDArray

from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.errors import CacheUnavailableError
from dsm_core.fcp.merge import Batch, merge
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import CONFIRM_AFTER_NS, Ledger, LedgerEntry, settle
from dsm_core.model.time_range import NS_PER_S, RangeSet, TimeRange
from dsm_core.schema.conform import empty_table, times_of

__all__ = ["LedgerKeeper"]

T = TypeVar("T")
_NO_TIMES: Final = np.empty(0, dtype=np.int64)
# Venues amend a bar for a moment after it closed, and write an event some time after it happened.
_FRESH_NS = 5 * NS_PER_S
_FRESH_EVENTS_NS = 60 * NS_PER_S
# Where the venue's clock could not be had, a bar near the present may not have closed.
_UNSURE_NS = 7 * 24 * 3600 * NS_PER_S


@define(kw_only=True)
class LedgerKeeper:
    """Ledger and rows of one call.

    Parameters
    ----------
    series
        Of the call.
    now
        The venue's time, UTC nanoseconds.
    store
        The cache; None when it is switched off.
    workers
        Threads for disk work.
    asked
        The range of the call; ``rows_fetched`` counts its new rows.
    ledger
        What the cache knew of the range.
    batches
        Rows, from the cache and from answers.
    keeps_rows
        False to forget rows once they are cached.
    knows_clock
        Whether ``now`` is the venue's own time, or need not be.
    has_clock
        Whether the venue can be asked for its time; else holes are confirmed later.
    cache_problem
        Why the cache could not be written, if so; the answer is delivered all the same.
    is_held_back
        Whether nothing is cached before :meth:`release`.
    taken
        How many batches with rows came.
    first_taken
        The first row of the first of them, as a table.
    """

    series: Series
    now: int
    store: CacheStore | None
    workers: Executor
    asked: RangeSet = field(factory=RangeSet)
    ledger: Ledger = field(factory=Ledger)
    batches: list[Batch] = field(factory=list)
    keeps_rows: bool = True
    knows_clock: bool = True
    has_clock: bool = True
    fetched: RangeSet = field(factory=RangeSet)
    rows_fetched: int = 0
    cache_problem: str | None = None
    is_held_back: bool = False
    taken: int = 0
    first_taken: pa.Table | None = None
    _waiting: list[Batch] = field(factory=list)
    _lock: asyncio.Lock = field(factory=asyncio.Lock)

    async def take(self, batch: Batch) -> None:
        """Keep a batch and cache it."""
        held = self.ledger.ranges(lambda e: e.state == "rows")
        self.rows_fetched += self._count(batch, self.asked - held)
        if len(batch.table):
            self.taken += 1
            # A copy: a slice would hold the memory of all the rows.
            self.first_taken = batch.table.take([0]) if self.taken == 1 else self.first_taken
        self._learn(batch.entries)
        self.fetched = self.fetched | batch.vouched
        if self.keeps_rows and len(batch.table):
            self.batches.append(evolve(batch, rank=len(self.batches) + 1))
        lasting = self._lasting(batch)
        if self.store is not None and lasting.entries:
            self._waiting.append(lasting)
            await self.flush()

    async def note(self, entries: Sequence[LedgerEntry], *, confirmed: bool) -> None:
        """Keep absences; confirmed ones are final at once."""
        if confirmed:
            entries = [evolve(e, state="confirmed") for e in entries]
        if entries:
            await self.take(Batch(table=empty_table(self.series.schema), entries=tuple(entries)))

    async def release(self, *, anew: bool = False) -> None:
        """Cache what was held back, in the place of all that was kept where it is told ``anew``."""
        key, schema = self.series.key, self.series.schema
        if anew and self.store is not None:
            await self._guarded(self.store.put_away, key, schema)
        # What could not be put away must not get company.
        self.is_held_back = self.cache_problem is not None
        await self.flush()
        if anew and self.store is not None and self.cache_problem is None:
            await self._guarded(self.store.drop_put_away, key, schema)

    async def flush(self) -> None:
        """Write what waits; batches that arrive during a write go together into the next one."""
        async with self._lock:
            if self._waiting and self.store is not None and not self.is_held_back:
                waiting, self._waiting = self._waiting, []
                await self._guarded(self._write, waiting)

    async def settle(self) -> None:
        """Confirm provisional absences that have become certain."""
        provisional = [e for e in self.ledger.entries if e.state == "provisional"]
        changed: list[LedgerEntry] = []
        for entry in provisional:
            parts = await self.run(self._settle, entry)
            changed += [p for p in parts if p.state == "confirmed"]
        await self.note(changed, confirmed=True)

    async def is_inside(self, span: TimeRange) -> bool:
        """Whether the series has rows on both sides of ``span``."""
        return await self.run(lambda: self._rows_before(span.start) and self._rows_after(span.end))

    async def last_row(self, span: TimeRange) -> int | None:
        """Time of the last known row inside ``span``."""
        times = await self.run(self._row_times, span)
        return int(times[-1]) if len(times) else None

    async def first_row(self, span: TimeRange) -> int | None:
        """Time of the first known row inside ``span``."""
        times = await self.run(self._row_times, span)
        return int(times[0]) if len(times) else None

    async def has_rows(self) -> bool:
        """Whether any row of the series is known."""
        return await self.run(lambda: self._rows_before(2**62))

    def table(self, within: RangeSet) -> pa.Table:
        """Known rows inside ``within``, sorted."""
        counts = self.series.enforced
        if counts is not None:
            within = within & self.ledger.ranges(lambda e: e.state == "rows" and e.source == counts)
        return merge(self.batches, self.series.schema, within)

    def _count(self, batch: Batch, within: RangeSet) -> int:
        """Rows that the batch vouches for inside ``within``."""
        times = times_of(batch.table, self.series.schema)
        edges = [(r.start, r.end) for r in batch.vouched & within]
        return sum(int(np.searchsorted(times, b) - np.searchsorted(times, a)) for a, b in edges)

    def _learn(self, entries: Iterable[LedgerEntry]) -> None:
        self.ledger = self.ledger.overlay(entries)

    def _lasting(self, batch: Batch) -> Batch:
        """The part that may be cached: what happened a moment ago may still be amended."""
        if self.series.grid is None and not batch.is_presumed:
            return batch
        lasting = []
        for entry in batch.entries:
            until = self._sure_until(entry)
            if entry.start < until:
                lasting.append(entry.cut(entry.start, until))
        return evolve(batch, entries=tuple(lasting))

    def _sure_until(self, entry: LedgerEntry) -> int:
        client = self.series.clients.get(entry.source)
        # A file of an archive holds what is over, whatever the clock.
        is_live = client is None or client.spec.authoritative
        fresh = _FRESH_EVENTS_NS if self.series.grid is None else _FRESH_NS
        margin = fresh if self.knows_clock or not is_live else _UNSURE_NS
        # As of when it was told, where this machine's clock is ahead of the venue's.
        return self.series.closed_until(min(self.now, entry.last_fetched) - margin)

    def _settle(self, entry: LedgerEntry) -> list[LedgerEntry]:
        grid = self.series.grid
        return settle(
            entry,
            rows_before=self._rows_before,
            rows_after=self._rows_after,
            floor=grid.floor if grid else int,
            after_ns=CONFIRM_AFTER_NS if self.has_clock else _UNSURE_NS,
        )

    def _row_times(self, span: TimeRange) -> NDArray[np.int64]:
        series = self.series
        tables = [batch.table for batch in self.batches]
        if self.store is not None:
            with suppress(CacheUnavailableError):
                tables.append(self.store.read(series.key, series.schema, span, columns=[]).table)
        times = np.concatenate([_NO_TIMES, *(times_of(table, series.schema) for table in tables)])
        return np.unique(times[(times >= span.start) & (times < span.end)])

    def _rows_span(self) -> TimeRange | None:
        entries = self.ledger.entries
        first = next((e for e in entries if e.state == "rows"), None)
        last = next((e for e in reversed(entries) if e.state == "rows"), None)
        return TimeRange(first.start, last.end) if first and last else None

    def _rows_before(self, t: int) -> bool:
        span = self._rows_span()
        if span is not None and span.start < t:
            return True
        store, series = self.store, self.series
        return store is not None and store.has_rows_before(series.key, series.schema, t)

    def _rows_after(self, t: int) -> bool:
        span = self._rows_span()
        if span is not None and span.end > t:
            return True
        store, series = self.store, self.series
        return store is not None and store.has_rows_after(series.key, series.schema, t)

    def _write(self, batches: Sequence[Batch]) -> None:
        assert self.store is not None
        has_grid = self.series.grid is not None
        ready = [CacheBatch(table=b.table, entries=b.entries, has_grid=has_grid) for b in batches]
        self.store.write(self.series.key, self.series.schema, ready, now=self.now)

    async def _guarded(self, work: Callable[..., None], *args: object) -> None:
        try:
            await self.run(work, *args)
        except CacheUnavailableError as error:
            self.cache_problem = str(error)

    async def run(self, work: Callable[..., T], *args: object) -> T:
        """Do disk work in a worker thread."""
        # Threads do not inherit the context, and events of the work belong to this call.
        within = copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self.workers, partial(within.run, work, *args)
        )
