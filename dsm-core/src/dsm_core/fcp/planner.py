"""Pure decisions: what is needed, and which source is asked for which part."""

from __future__ import annotations

from typing import Final

from dsm_core.fcp.plan import Plan, Step
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import Ledger, LedgerEntry
from dsm_core.model.time_range import NS_PER_S, RangeSet, TimeRange
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task

__all__ = ["OPEN_BAR", "covered", "make_plan", "needed", "plan_open_bar", "plan_source", "reaches_present"]

OPEN_BAR: Final = "open bar"
# A machine's clock may be off by hours, and by days where nobody looks after it.
_PRESENT_NS: Final = 7 * 24 * 3600 * NS_PER_S


def needed(series: Series, span: TimeRange, now: int) -> RangeSet:
    """The part of ``span`` whose bars have closed, as whole slots."""
    until = series.closed_until(now)
    return series.align(RangeSet.from_pairs([(span.start, min(span.end, until))]))


def reaches_present(span: TimeRange, now: int) -> bool:
    """Whether the venue's own clock matters: the range ends within a week of now, or later."""
    return span.end > now - _PRESENT_NS


def covered(ledger: Ledger, series: Series, now: int) -> RangeSet:
    """Ranges that need not be asked: rows, confirmed holes, and holes asked a short while ago."""

    def counts(entry: LedgerEntry) -> bool:
        return series.enforced in (None, entry.source) and not entry.is_due(now)

    return ledger.ranges(counts)


def plan_source(
    series: Series,
    client: DataClientInterface,
    remaining: RangeSet,
    need: RangeSet,
    now: int,
    skip: frozenset[str] = frozenset(),
) -> tuple[Task, ...]:
    """Tasks of one source for ``remaining``.

    A task most of whose bars are held already is left to a later source that can bring the rest
    in fewer bytes: nobody downloads a month for one bar.
    """
    remaining = series.align(remaining)
    if not remaining:
        return ()
    has_later = client is not series.sources[-1]
    wasteful: set[str] = set()
    while True:
        tasks = [t for t in client.plan(remaining, now, skip | wasteful) if t.name not in wasteful]
        found = {t.name for t in tasks if has_later and _is_mostly_held(series, t, remaining, need)}
        if not found:
            return tuple(tasks)
        wasteful |= found


def _is_mostly_held(series: Series, task: Task, remaining: RangeSet, need: RangeSet) -> bool:
    span = RangeSet.of(task.span)
    asked = need & span
    missing, wanted = series.count(remaining & span), series.count(asked)
    if missing is None or wanted is None:
        return False
    held = wanted - missing
    return held > 0 and held >= missing


def plan_open_bar(series: Series, span: TimeRange, now: int) -> Task | None:
    """Task that brings the bar which has not closed; None where ``span`` or the sources lack it."""
    slot, client = series.open_slot(now), series.live
    if slot is None or client is None or not span.start <= slot.start < span.end:
        return None
    weight, source = client.spec.cost(1), str(client.source)
    return Task(name=OPEN_BAR, source=source, span=slot, weight=weight, why="the bar that has not closed")


def make_plan(
    series: Series,
    span: TimeRange | None,
    held: RangeSet,
    now: int,
    *,
    asks_clock: bool = False,
    open_bar: Task | None = None,
) -> Plan:
    """The whole plan, on the assumption that every object exists and is complete.

    Parameters
    ----------
    series
        With its sources.
    span
        The range asked for.
    held
        What need not be asked.
    now
        The venue's time, UTC nanoseconds.
    asks_clock
        Whether the venue's clock will be asked for when something is missing.
    open_bar
        The task of the bar that has not closed, where it is wanted.
    """
    if span is None:
        return Plan(series=str(series.key), span=None)
    need = needed(series, span, now)
    remaining = series.align(need - held)
    has_work = bool(remaining) or open_bar is not None
    steps: list[Step] = []
    for client in series.sources:
        reachable = client.within_history(remaining, now)
        for task in plan_source(series, client, remaining, need, now):
            fills = reachable & RangeSet.of(task.span)
            steps.append(Step(task=task, fills=fills, bars=series.count(fills)))
        remaining = series.align(remaining - RangeSet.of(*(r for s in steps for r in s.fills)))
    if open_bar is not None:
        steps.append(Step(task=open_bar, fills=RangeSet(), bars=1))
    return Plan(
        series=str(series.key),
        span=span,
        cached=need & held,
        steps=tuple(steps),
        unplanned=remaining,
        clock_requests=int(asks_clock and has_work),
    )
