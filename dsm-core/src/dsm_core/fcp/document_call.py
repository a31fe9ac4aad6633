"""One call for a document: the newest record while it lasts, or the records that are held.

A source of documents tells the present only. So a call without a range asks for a record of now, and
one with a range asks its source only where the range reaches now; older records are what was kept.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from attrs import define, evolve

from dsm_core.cache import CacheStore
from dsm_core.fcp.call import Call
from dsm_core.fcp.outcome import Outcome
from dsm_core.fcp.plan import Plan, Step
from dsm_core.fcp.planner import make_plan
from dsm_core.fcp.segments import find_segments
from dsm_core.model.coverage import Ledger, LedgerEntry
from dsm_core.model.provenance import Failure, Gap
from dsm_core.model.request import Span
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, NS_PER_S, RangeSet, TimeRange, iso
from dsm_core.schema.conform import times_of

__all__ = ["DocumentCall"]

_EVER: Final = TimeRange(EARLIEST_NS, LATEST_NS)
# What a datetime can tell apart: a client is asked for no empty range.
_INSTANT_NS: Final = 1000
# Between reading the clock for a range and making the call of it.
_NEAR_NS: Final = NS_PER_S
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


@define(kw_only=True)
class DocumentCall(Call):
    """A request for documents on its way; the parameters are those of :class:`Call`."""

    def plan(self) -> Plan:
        """The plan as of now; fetches nothing."""
        span, series = self._span.range, self.series
        if span is None:
            return Plan(series=str(series.key), span=None)
        known = self._known()
        asked = RangeSet() if self._wants_newest else RangeSet.of(span)
        kept, lacking = asked & known, self._past(span) - known
        if not self._reaches_now:
            return Plan(series=str(series.key), span=span, cached=kept, unplanned=lacking)
        held = self._newest_entry() if self._is_fresh else None
        if held is not None:
            lasting = TimeRange(held.start, held.end)
            kept = kept | RangeSet.of(lasting)
        else:
            lasting = TimeRange(self._now, self._now + series.schema.ttl_ns)
        made = make_plan(series, self._instant, known, self._now, asks_clock=self._asks_clock())
        lacking = lacking | (RangeSet.of(lasting) if made.unplanned else RangeSet())
        return evolve(
            made,
            span=lasting if self._wants_newest else span,
            cached=kept,
            steps=tuple(_of_present(step, lasting) for step in made.steps),
            unplanned=lacking,
        )

    def outcome(self) -> Outcome:
        """Records, and what is to be known of their age."""
        span, keeper = self._span.range, self._keeper
        if span is None:
            return self._empty()
        if self._execution is None:
            self._tell_hit()
        table = self._records(span)
        gaps = self._gaps(span)
        self._tell(gaps)
        times = times_of(table, self.series.schema)
        first = int(times[0]) if len(times) else span.start
        return Outcome(
            series=self.series,
            span=TimeRange(first, max(self._now, first + 1)) if self._wants_newest else span,
            table=table,
            gaps=gaps,
            segments=find_segments(
                self.series, keeper.ledger, RangeSet.of(TimeRange(first, LATEST_NS)), table, keeper.fetched
            ),
            failures=tuple(self._failures),
            expected=None,
            off_grid=0,
            requests=self._requests,
            cache_problem=keeper.cache_problem or self._problem,
            room_problem=self._room_problem,
        )

    @property
    def _wants_newest(self) -> bool:
        request = self.request
        return request.start is None and request.end is None and request.last is None

    @property
    def _instant(self) -> TimeRange:
        return TimeRange(self._now - _INSTANT_NS, self._now)

    @property
    def _reaches_now(self) -> bool:
        span = self._span.range
        return span is not None and span.start < self._now and span.end > self._now - _NEAR_NS

    @property
    def _is_fresh(self) -> bool:
        return self._instant.start in self._known()

    @property
    def _failures(self) -> list[Failure]:
        return self._execution.walk.failures if self._execution else []

    def _known(self) -> RangeSet:
        """When a record that was held answered."""
        return self._keeper.ledger.ranges(self.series.counts)

    def _newest_entry(self) -> LedgerEntry | None:
        entries = self._keeper.ledger.entries
        return next((entry for entry in reversed(entries) if self.series.counts(entry)), None)

    def _past(self, span: TimeRange) -> RangeSet:
        """The part of a range that nobody can be asked for any more."""
        if self._wants_newest:
            return RangeSet()
        return RangeSet.from_pairs([(span.start, min(span.end, self._instant.start))])

    def _missing(self) -> RangeSet:
        return RangeSet.of(self._instant) - self._known() if self._reaches_now else RangeSet()

    def _resolve(self) -> None:
        super()._resolve()
        # New is every record that was not held, whatever its time.
        self._keeper.asked = RangeSet.of(_EVER)

    def _asked_span(self) -> Span:
        return Span(self._instant, to_now=True) if self._wants_newest else super()._asked_span()

    def _read_cache(self, store: CacheStore, span: TimeRange) -> None:
        # How old the newest record is matters most when it is old; all of them are few.
        super()._read_cache(store, _EVER)
        self._forget_future()

    def _forget_future(self) -> None:
        """Leave out what a run wrote whose clock was ahead: it would hide every record until then."""
        keeper, until = self._keeper, self._now + _NEAR_NS
        entries = tuple(e for e in keeper.ledger.entries if e.start <= until)
        if entries == keeper.ledger.entries:
            return
        keeper.ledger = Ledger(entries)
        keeper.batches = [evolve(batch, entries=entries) for batch in keeper.batches]
        self._hit = len(self._records_until(until)) if entries else None

    @property
    def _sought(self) -> TimeRange:
        return self._instant

    def _records(self, span: TimeRange) -> pa.Table:
        # The clock may have been read a moment before the record of now was stamped by another run.
        now = self._now + _NEAR_NS
        if self._wants_newest:
            table = self._records_until(now)
            return table.slice(max(0, len(table) - 1))
        table = self._records_until(now if self._reaches_now else span.end)
        first = int(np.searchsorted(times_of(table, self.series.schema), span.start))
        return table.slice(first)

    def _records_until(self, end: int) -> pa.Table:
        table = self._keeper.table(RangeSet.of(_EVER))
        return table.slice(0, int(np.searchsorted(times_of(table, self.series.schema), end)))

    def _gaps(self, span: TimeRange) -> tuple[Gap, ...]:
        known = self._known()
        gaps = [
            Gap(
                start_ns=r.start,
                end_ns=r.end,
                bars=None,
                reason="beyond_history",
                final=True,
                detail="its source tells the present only, and no record of then was kept",
            )
            for r in self._past(span) - known
        ]
        if not self._reaches_now or self._is_fresh:
            return tuple(gaps)
        newest = self._newest_entry()
        if newest is None:
            return (*gaps, self._stale(self._instant.start, "no record was ever kept"))
        # From when the record grew old, which may be inside a range that is told of already.
        gaps = [g for g in gaps if g.end_ns <= newest.end]
        # Who wrote it may have had a clock that was ahead.
        given = newest.last_fetched if newest.last_fetched <= self._now else newest.start
        age = _length(max(0, self._now - given))
        told = f"the newest record, of {iso(given)}, is {age} old and lasts "
        start = newest.end if self._wants_newest else max(newest.end, span.start)
        return (*gaps, self._stale(start, told + _length(self.series.schema.ttl_ns)))

    def _stale(self, start: int, told: str) -> Gap:
        reason = "not_requested"
        if self._failures:
            reason, told = "source_failed", f"{told}; {self._failures[-1].source}: {self._failures[-1].error}"
        elif self._execution is not None:
            # A symbol that is unknown today may come back, so that is not final either.
            reason = "delisted" if self._execution.absences.forgotten else "venue_has_none"
        elif not self.series.asks:
            told += "; only the cache was asked"
        return Gap(
            start_ns=min(start, self._instant.start),
            end_ns=self._now,
            bars=None,
            reason=reason,
            final=False,
            detail=told,
        )


def _of_present(step: Step, lasting: TimeRange) -> Step:
    """A step as users read it: a record of now, for as long as it lasts."""
    task = evolve(step.task, span=lasting, fallback="", why="record of now")
    return evolve(step, task=task, fills=RangeSet.of(lasting))


def _length(ns: int) -> str:
    seconds = ns / NS_PER_S
    for unit_s, unit in _UNITS:
        if abs(seconds) >= unit_s:
            return f"{seconds / unit_s:.3g} {unit}"
    return f"{seconds:.3g} s"
