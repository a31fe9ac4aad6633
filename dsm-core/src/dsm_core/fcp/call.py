"""One call from request to outcome: resolve, look into the cache, fetch what is missing."""

from __future__ import annotations

from contextlib import AsyncExitStack, nullcontext, suppress
from typing import Final

import pyarrow as pa
from attrs import define, evolve, field

from dsm_core.cache import CacheStore
from dsm_core.config import AgreementConfig
from dsm_core.errors import CacheUnavailableError, RateLimitError
from dsm_core.events import (
    CacheHit,
    Event,
    EventBus,
    GapFound,
    Planned,
    RequestSent,
    call_scope,
    current_scope,
    new_call_id,
)
from dsm_core.fcp.executor import Execution
from dsm_core.fcp.failures import all_failed
from dsm_core.fcp.gaps import find_gaps, open_gap
from dsm_core.fcp.ledger_keeper import LedgerKeeper
from dsm_core.fcp.merge import Batch
from dsm_core.fcp.outcome import Outcome
from dsm_core.fcp.plan import Plan
from dsm_core.fcp.planner import covered, make_plan, needed, plan_open_bar, reaches_present
from dsm_core.fcp.request import Request
from dsm_core.fcp.restated import Restated, check_step
from dsm_core.fcp.segments import find_segments
from dsm_core.fcp.series import Series
from dsm_core.fcp.walk import Walk
from dsm_core.fcp.watch import Watch
from dsm_core.model.provenance import Gap
from dsm_core.model.request import Span, resolve_span
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.net import Deadline, deadline_scope
from dsm_core.plugins.task import Task
from dsm_core.plugins.venue import Venue
from dsm_core.schema.conform import empty_table

__all__ = ["Call"]

_NOTHING: Final = RangeSet()


@define(kw_only=True)
class Call:
    """A request on its way.

    Parameters
    ----------
    request
        As asked.
    series
        With its clients.
    venue
        The provider's resources.
    store
        The cache; None when it is off.
    bus
        Takes events.
    deadline_s
        Seconds that fetching may take.
    agreement
        What happens when sources tell different things of one row.
    keeps_rows
        False to cache without holding rows.
    """

    request: Request
    series: Series
    venue: Venue
    store: CacheStore | None
    bus: EventBus
    deadline_s: float | None
    agreement: AgreementConfig = field(factory=AgreementConfig)
    keeps_rows: bool = True
    _now: int = field(init=False)
    _span: Span = field(init=False)
    _keeper: LedgerKeeper = field(init=False)
    _execution: Execution | None = field(init=False, default=None)
    _requests: int = field(init=False, default=0)
    _problem: str | None = field(init=False, default=None)
    _room_problem: str | None = field(init=False, default=None)
    _id: int = field(init=False, factory=lambda: current_scope().call_id or new_call_id())
    _hit: int | None = field(init=False, default=None)
    _heeds_cache: bool = field(init=False, default=True)

    def __attrs_post_init__(self) -> None:
        self._resolve()

    @property
    def is_answered(self) -> bool:
        """Whether nothing has to be fetched."""
        return self._open_bar is None and (
            not self.series.sources or self._span.range is None or not self._missing()
        )

    @property
    def rows_fetched(self) -> int:
        """New rows of the range that came from sources by this call."""
        return self._keeper.rows_fetched

    def plan(self) -> Plan:
        """The plan as of now; fetches nothing."""
        held = covered(self._keeper.ledger, self.series, self._now)
        plan = make_plan(
            self.series,
            self._span.range,
            held,
            self._now,
            ledger=self._keeper.ledger,
            asks_clock=self._asks_clock(),
            open_bar=self._open_bar,
        )
        check = check_step(self.series, self.store, plan.steps)
        return plan if check is None else evolve(plan, steps=(*plan.steps, check))

    async def read_clock(self) -> None:
        """Ask the venue for its time, unless that was done a short while ago."""
        with call_scope(self._id, self._series), deadline_scope(Deadline.after(self.deadline_s)):
            if self.series.sources:
                await self.venue.read_clock(self.series.key.market_type)

    async def fetch(self) -> None:
        """Bring what is missing.

        Raises
        ------
        SymbolNotFoundError
            When no source knows the symbol.
        RateLimitError, AllSourcesFailedError
            When there is no row at all and a source failed.
        """
        stop_counting = self.bus.subscribe(self._count)
        try:
            scope = call_scope(self._id, self._series)
            in_use = nullcontext() if self.store is None else self.store.using(self.series.key)
            with scope, in_use, deadline_scope(Deadline.after(self.deadline_s)):
                # Another call may have read the clock since this one was made.
                if self._needs_clock and not self._keeper.knows_clock:
                    await self.venue.read_clock(self.series.key.market_type)
                    self._resolve()
                if self._span.range is not None:
                    await (self._execute_checked() if self.series.restated else self._execute())
            if self.store is not None:
                self._room_problem = await self._keeper.run(self.store.make_room)
        finally:
            stop_counting()

    def outcome(self) -> Outcome:
        """Rows, gaps and provenance of what is known now."""
        span, keeper = self._span.range, self._keeper
        if span is None:
            return self._empty()
        if self._execution is None:
            self._tell_hit()
        need = needed(self.series, span, self._now)
        told = self._told(span, need)
        table = keeper.table(told)
        failures = tuple(self._execution.walk.failures) if self._execution else ()
        forgotten = self._execution is not None and self._execution.absences.forgotten
        gaps = find_gaps(self.series, need, keeper.ledger, failures, self._now, forgotten=forgotten)
        if self._execution is not None and self.request.include_open_bar:
            table = pa.concat_tables([table, self._execution.unfinished])
        if not self._span.to_now:
            has_open_bar = self._execution is not None and len(self._execution.unfinished) > 0
            gaps += open_gap(self.series, span, self._now, has_open_bar=has_open_bar)
        self._tell(gaps)
        kept = [e for e in keeper.ledger.within(span).entries if self.series.counts(e)]
        return Outcome(
            series=self.series,
            span=span,
            table=table,
            gaps=gaps,
            segments=find_segments(self.series, keeper.ledger, told, table, keeper.fetched),
            failures=failures,
            expected=self.series.count(need),
            off_grid=self.series.count_off_grid(table, kept),
            requests=self._requests,
            cache_problem=keeper.cache_problem or self._problem,
            room_problem=self._room_problem,
            disagreements=self._execution.walk.watch.cells() if self._execution else None,
        )

    def _told(self, span: TimeRange, need: RangeSet) -> RangeSet:
        """Where rows are handed out: whole slots, or the range itself where bars may stand between them."""
        if not self.series.keeps_off_grid:
            return need
        return RangeSet.from_pairs([(span.start, min(span.end, self.series.closed_until(self._now)))])

    def _tell_hit(self) -> None:
        if self._hit is not None and self.bus.wants(CacheHit):
            self.bus.emit(CacheHit(call_id=self._id, series=str(self.series.key), rows=self._hit))

    def _tell(self, gaps: tuple[Gap, ...]) -> None:
        for gap in gaps if self.bus.wants(GapFound) else ():
            self.bus.emit(
                GapFound(
                    call_id=self._id,
                    series=str(self.series.key),
                    start_ns=gap.start_ns,
                    end_ns=gap.end_ns,
                    reason=gap.reason,
                    final=gap.final,
                )
            )

    def _count(self, event: Event) -> None:
        # Another series of the same call counts its own.
        if isinstance(event, RequestSent) and (event.call_id, event.series) == (self._id, self._series):
            self._requests += 1

    @property
    def _series(self) -> str:
        return str(self.series.key)

    @property
    def _open_bar(self) -> Task | None:
        """The task of the bar that has not closed, where it is wanted."""
        if not self.request.include_open_bar or self._span.range is None:
            return None
        return plan_open_bar(self.series, self._span.range, self._now)

    def _missing(self) -> RangeSet:
        assert self._span.range is not None
        need = needed(self.series, self._span.range, self._now)
        return self.series.align(need - covered(self._keeper.ledger, self.series, self._now))

    @property
    def _needs_clock(self) -> bool:
        return bool(
            self.series.sources
            and self._span.range is not None
            and self.venue.has_clock
            and reaches_present(self._span.range, self._now)
        )

    def _asks_clock(self) -> bool:
        return self._needs_clock and not self.venue.knows_clock(self.series.key.market_type)

    def _resolve(self) -> None:
        series = self.series
        self._now = self.venue.now_ns(series.key.market_type)
        self._span = self._asked_span()
        self._keeper = LedgerKeeper(
            series=series,
            now=self._now,
            store=self.store,
            workers=self.venue.context(series.key.market_type).workers,
            keeps_rows=self.keeps_rows,
            asked=RangeSet() if self._span.range is None else RangeSet.of(self._span.range),
            has_clock=self.venue.has_clock,
            knows_clock=not self.venue.has_clock or self.venue.knows_clock(series.key.market_type),
        )
        if self._heeds_cache and self.store is not None and self._span.range is not None:
            self._read_cache(self.store, self._span.range)

    def _asked_span(self) -> Span:
        """The range of the request, as of now."""
        request = self.request
        span = resolve_span(
            request.start,
            request.end,
            last=request.last,
            inclusive=request.inclusive,
            now=self._now,
            grid=self.series.grid,
        )
        if request.include_open_bar and span.to_now and span.range is not None:
            # So many bars end with the last closed one; the open bar comes on top.
            return Span(TimeRange(span.range.start, self._now), to_now=True)
        return span

    def _read_cache(self, store: CacheStore, span: TimeRange) -> None:
        try:
            own = bool(self.series.restated)
            cached = store.read(self.series.key, self.series.schema, span, own=own)
        except CacheUnavailableError as error:
            self._problem = str(error)
            return
        self._keeper.ledger = cached.ledger
        if len(cached.table) and self.keeps_rows:
            self._keeper.batches.append(Batch(table=cached.table, entries=cached.ledger.entries))
        if cached.ledger.entries:
            self._hit = len(cached.table)

    async def _execute(self) -> None:
        await self._run(self._begin())

    async def _execute_checked(self) -> None:
        """The same where the venue may restate what is kept: one call at a time."""

        def begin(again: RangeSet | None) -> Execution:
            self._heeds_cache = again is None
            self._resolve()
            self._keeper.is_held_back = True
            return self._begin(again or RangeSet())

        async with AsyncExitStack() as stack:
            if self.store is not None:
                with suppress(CacheUnavailableError):
                    await stack.enter_async_context(self.store.exclusive(self.series.key))
            call = Restated(series=self.series, store=self.store, now=self._now, begin=begin, run=self._run)
            await call.fetch()
        if self._execution is not None:
            await self._check(self._execution)

    @property
    def _sought(self) -> TimeRange:
        """What the sources are asked for."""
        assert self._span.range is not None
        return self._span.range

    def _begin(self, also: RangeSet = _NOTHING) -> Execution:
        walk = Walk(
            series=self.series,
            span=self._sought,
            now=self._now,
            keeper=self._keeper,
            bus=self.bus,
            watch=Watch(series=self.series, agreement=self.agreement),
            also=also,
        )
        self._execution = Execution(walk=walk, lane=self.venue.lane)
        return self._execution

    async def _run(self, execution: Execution) -> None:
        self._tell_hit()
        plan = self.plan()
        self.bus.emit(Planned(tasks=len(plan.steps), requests=plan.requests))
        await execution.run()
        if self._open_bar is not None:
            await execution.fetch_open_bar()
        await self._check(execution)

    async def _check(self, execution: Execution) -> None:
        """Raise when there is nothing to hand out and somebody is to blame."""
        rows = self._keeper.ledger.ranges(lambda e: e.state == "rows")
        found = bool(rows) or len(execution.unfinished) > 0
        if execution.absences.unknown_symbol is not None:
            key = self.series.key
            raise await self.venue.suggest(execution.absences.unknown_symbol, key.symbol, key.market_type)
        if found or not execution.walk.failures or not execution.walk.remaining:
            return
        limited = [f.error for f in execution.walk.failures if isinstance(f.error, RateLimitError)]
        if limited:
            raise limited[-1]
        raise all_failed(self.series.key, execution.walk.failures) from execution.walk.failures[-1].error

    def _empty(self) -> Outcome:
        return Outcome(
            series=self.series,
            span=None,
            table=empty_table(self.series.schema),
            gaps=(),
            segments=(),
            failures=(),
            expected=0,
            off_grid=0,
            requests=0,
            cache_problem=None,
        )
