"""Series whose whole history a venue may restate, as back-adjusted futures are at each roll.

Rows from before and after must never stand side by side. So pages are asked for one after the other and
held back, and then a row from before them is asked for again: one that was kept, else the first that came.
Where it differs, all that was kept is asked for anew and put in the place of the old in one go. One call of
one process does that at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Final

import numpy as np
import pyarrow as pa
from attrs import define

from dsm_core.cache import CacheStore
from dsm_core.errors import (
    CacheUnavailableError,
    DSMError,
    IntegrityError,
    ProtocolChangedError,
    SourceError,
)
from dsm_core.events import source_scope
from dsm_core.fcp.executor import Execution
from dsm_core.fcp.intake import take_in
from dsm_core.fcp.plan import Step
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import NOT_FETCHED
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, NS_PER_S, RangeSet, TimeRange, iso
from dsm_core.plugins.calling import answers_of
from dsm_core.plugins.task import Task
from dsm_core.schema.conform import times_of

__all__ = ["Restated", "check_step"]

_MOST_RUNS: Final = 3
# A venue may amend a bar of the last sessions; that is no restatement.
_SETTLED_NS: Final = 7 * 24 * 3600 * NS_PER_S
_EVER: Final = TimeRange(EARLIEST_NS, LATEST_NS)


def check_step(series: Series, store: CacheStore | None, steps: tuple[Step, ...]) -> Step | None:
    """The plan's line for the row that is asked for again; None where there is nothing to compare."""
    if not series.restated or not series.sources or not steps:
        return None
    if len(steps) < 2 and (store is None or not store.has_rows_after(series.key, series.schema, EARLIEST_NS)):
        return None
    client = series.sources[-1]
    task = Task(
        name="known bar",
        source=str(client.source),
        span=TimeRange(steps[0].task.span.start, steps[-1].task.span.end),
        weight=client.spec.cost(1),
        why="a known bar again: the venue may have restated the series",
    )
    return Step(task=task, fills=RangeSet(), bars=1)


@define(kw_only=True)
class Restated:
    """One call of such a series.

    Parameters
    ----------
    series, store, now
        Of the call.
    begin
        Makes an execution that holds back what it fetches; given ranges, one for all of them that heeds
        nothing of what is kept, else one of the call's range beside what is kept.
    run
        Does its fetching.
    """

    series: Series
    store: CacheStore | None
    now: int
    begin: Callable[[RangeSet | None], Execution]
    run: Callable[[Execution], Awaitable[None]]

    async def fetch(self) -> None:
        """Fetch, and keep what came only when it fits what was known before it."""
        if self.store is not None:
            with suppress(CacheUnavailableError):
                # Of a call that was killed between removing the old history and keeping the new.
                self.store.want_lost(self.series.key, self.series.schema)
        kept = self._kept_rows()
        execution = self.begin(None)
        await self.run(execution)
        if await self._holds(execution, kept):
            return
        for _ in range(_MOST_RUNS - 1):
            execution = self.begin(self._kept_ranges())
            try:
                await self.run(execution)
            except DSMError as error:
                self._drop(execution, error)
                return
            if execution.walk.failures:
                # Half of the new history must not take the place of the whole old one.
                self._drop(execution, execution.walk.failures[-1].error)
                return
            if await self._holds(execution, None, anew=True):
                return
        self._drop(execution, self._restless())

    async def _holds(self, execution: Execution, kept: pa.Table | None, *, anew: bool = False) -> bool:
        """Whether nothing was restated meanwhile, or nobody can tell; then it is settled what is kept."""
        try:
            is_same = await self._is_same(execution, kept)
        except (SourceError, IntegrityError) as error:
            self._drop(execution, error)
            return True
        if is_same:
            await execution.walk.keeper.release(anew=anew)
        return is_same

    def _kept_rows(self) -> pa.Table | None:
        """Rows that are kept, to ask for again: the last that the venue amends no more, then others."""
        table = self._kept(self.series.restated)
        if table is None or not len(table):
            return None
        times = times_of(table, self.series.schema)
        settled = max(int(np.searchsorted(times, self.now - _SETTLED_NS)) - 1, 0)
        return table.take(pa.array(list(dict.fromkeys((settled, settled // 2, 0)))))

    def _kept_ranges(self) -> RangeSet:
        if self.store is None:
            return RangeSet()
        known = self.store.read(self.series.key, self.series.schema, _EVER, columns=(), own=True)
        return known.ledger.ranges(lambda entry: entry.state == "rows" or entry.reason == NOT_FETCHED)

    def _kept(self, columns: tuple[str, ...]) -> pa.Table | None:
        if self.store is None:
            return None
        try:
            return self.store.read(
                self.series.key, self.series.schema, _EVER, columns=columns, own=True
            ).table
        except CacheUnavailableError:
            return None

    async def _is_same(self, execution: Execution, kept: pa.Table | None) -> bool:
        """Whether the venue still tells what was known before the last page came.

        Raises
        ------
        ProtocolChangedError
            When it tells none of it.
        """
        keeper = execution.walk.keeper
        came = keeper.taken + bool(len(execution.unfinished))
        if not came or (kept is None and came < 2):
            return True
        witnesses = keeper.first_taken if kept is None else kept
        assert witnesses is not None, "a batch was taken"
        for witness in (witnesses.slice(place, 1) for place in range(len(witnesses))):
            told = await self._told(execution, int(times_of(witness, self.series.schema)[0]))
            if told is not None:
                return bool(told.equals(witness.select(self.series.restated)))
        raise ProtocolChangedError(
            f"{self.series.sources[-1].source} has no bar of "
            f"{iso(int(times_of(witnesses, self.series.schema)[0]))}, which is known.",
            hint="New rows cannot be compared with those that are kept; clear the series to begin anew.",
        )

    async def _told(self, execution: Execution, open_ns: int) -> pa.Table | None:
        """The restated columns of one row, as the venue tells them now."""
        series = self.series
        client = series.sources[-1]
        slot = TimeRange(open_ns, series.grid.next(open_ns) if series.grid else open_ns + _step(series))
        task = Task(name=f"{slot.start}-{slot.end} known", source=str(client.source), span=slot)
        with source_scope(str(client.source)):
            async with aclosing(answers_of(client, task)) as answers:
                async for answer in answers:
                    intake = await client.context.run(take_in, series, client, task, answer, self.now)
                    table = intake.batch.table
                    times = times_of(table, series.schema)
                    at = int(np.searchsorted(times, open_ns))
                    if at < len(times) and times[at] == open_ns:
                        return table.slice(at, 1).select(series.restated)
        return None

    def _drop(self, execution: Execution, error: Exception) -> None:
        """Forget what was fetched: only what was known before is handed out, and why."""
        failures = execution.walk.failures
        client = self.series.sources[-1]
        kept = self.begin(None).walk
        kept.failures.extend(failures)
        span = kept.need.span or kept.span
        kept.fail(client, Task(name="known bar", source=str(client.source), span=span), error)

    def _restless(self) -> ProtocolChangedError:
        return ProtocolChangedError(
            f"{self.series.key} was restated again and again while it was fetched.", hint="Ask again later."
        )


def _step(series: Series) -> int:
    return 1 if series.key.interval is None else series.key.interval.longest_ns
