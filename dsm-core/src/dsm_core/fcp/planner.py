"""Pure decisions: what is needed, and which source is asked for which part."""

from __future__ import annotations

from typing import Final

from dsm_core.fcp.plan import Plan, Step
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import Ledger, LedgerEntry
from dsm_core.model.time_range import NS_PER_S, RangeSet, TimeRange
from dsm_core.plugins.archive import ArchiveClient, sizes_of
from dsm_core.plugins.calling import plan_of
from dsm_core.plugins.guard import guarding
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task

__all__ = ["OPEN_BAR", "covered", "make_plan", "needed", "plan_open_bar", "plan_source", "reaches_present"]

OPEN_BAR: Final = "open bar"
# A machine's clock may be off by hours, and by days where nobody looks after it.
_PRESENT_NS: Final = 7 * 24 * 3600 * NS_PER_S
_NOTHING_KNOWN: Final = Ledger()


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
    *,
    ledger: Ledger = _NOTHING_KNOWN,
    is_sparing: bool = True,
) -> tuple[Task, ...]:
    """Tasks of one source for ``remaining``.

    An object that is held in part is left to a later source where that brings the rest in fewer
    bytes, and one that was read already brings nothing new (ADR 0015).

    Parameters
    ----------
    series, client
        The source, and the series it is a source of.
    remaining, need
        What is missing, and the whole range of the call.
    now
        The venue's time, UTC nanoseconds.
    skip
        Names of tasks that are not wanted.
    ledger
        What is known, to tell which objects were read.
    is_sparing
        False to take held objects too: what later sources were to bring did not come.
    """
    remaining = series.align(remaining)
    if not remaining:
        return ()
    later = series.sources[series.sources.index(client) + 1 :]

    def is_left_out(task: Task) -> bool:
        if task.url is None:
            return False
        if _was_read(client, task, ledger, by_name=not is_sparing):
            return True
        lacks = remaining.within(task.span)
        counts = _count_held(series, need.within(task.span), lacks)
        return is_sparing and any(_brings_rest(source, client, task, lacks, counts, now) for source in later)

    left_out: set[str] = set()
    while True:
        tasks = plan_of(client, remaining, now, skip | left_out)
        found = {task.name for task in tasks if later and is_left_out(task)} - left_out
        if not found:
            return tuple(task for task in tasks if task.name not in left_out)
        left_out |= found


def _was_read(client: DataClientInterface, task: Task, ledger: Ledger, *, by_name: bool) -> bool:
    """Whether rows of the object are held: all that is in an object is kept when it is read.

    A coarser object may have brought them and lack some; ``by_name`` asks for this very one.
    """
    return _is_finest(client, task) and any(
        e.state == "rows"
        and e.source == client.source
        and (not by_name or (e.origin.url or "").endswith(f"/{task.name}"))
        for e in ledger.within(task.span)
    )


def _count_held(series: Series, asked: RangeSet, lacks: RangeSet) -> tuple[int, int]:
    """Bars that are held and bars that are missing; nothing is held where bars cannot be counted."""
    wanted, missing = series.count(asked), series.count(lacks)
    return (0, 0) if wanted is None or missing is None else (wanted - missing, missing)


def _brings_rest(
    source: DataClientInterface,
    client: DataClientInterface,
    task: Task,
    lacks: RangeSet,
    counts: tuple[int, int],
    now: int,
) -> bool:
    """Whether a later source brings what a partly held object would, in fewer bytes."""
    held, missing = counts
    if held <= 0 or lacks - source.within_history(lacks, now):
        return False
    if held >= missing:
        return True
    return _is_finest(client, task) and sum(t.requests for t in plan_of(source, lacks, now)) <= task.requests


def _is_finest(client: DataClientInterface, task: Task) -> bool:
    if not isinstance(client, ArchiveClient):
        return False
    with guarding(type(client), client.provider):
        return task.granularity == sizes_of(client)[-1].name


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
    ledger: Ledger = _NOTHING_KNOWN,
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
    ledger
        What is known, to tell which objects were read.
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
        for task in plan_source(series, client, remaining, need, now, ledger=ledger):
            fills = reachable.within(task.span)
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
