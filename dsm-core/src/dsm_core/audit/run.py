"""Asking each source of a series for one range, alone, and holding their rows against each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Final

import pyarrow as pa
from attrs import define, evolve, frozen

from dsm_core.agreement import Tolerances, compare_rows
from dsm_core.audit.read_only import ReadOnlyCache
from dsm_core.audit.result import Audit
from dsm_core.config import AgreementConfig
from dsm_core.errors import (
    AllSourcesFailedError,
    DSMError,
    IntegrityError,
    RequestError,
    SourceError,
)
from dsm_core.events import Event, RequestSent, call_scope, current_scope, new_call_id
from dsm_core.fcp.call import Call
from dsm_core.fcp.outcome import Outcome
from dsm_core.fcp.planner import reaches_present
from dsm_core.fcp.request import Request
from dsm_core.fcp.series import Series
from dsm_core.model.arguments import several
from dsm_core.model.exact_time import exact_iso
from dsm_core.model.names import DataSource
from dsm_core.model.provenance import Gap
from dsm_core.model.time_range import RangeSet, TimeRange

__all__ = ["Bounds", "audit_series"]

_CANNOT_TELL: Final = ("source_failed", "not_published_yet", "not_closed_yet", "beyond_history")
_FAILURES: Final = (SourceError, IntegrityError, AllSourcesFailedError)


@frozen(kw_only=True)
class Bounds:
    """What an audit was told beyond the request.

    Parameters
    ----------
    sources
        Which ones; all of the series when None.
    tolerances
        What the configuration says by column: relative and absolute bounds, for any chart type.
    relative, absolute
        What the caller says; each names a column of this chart type.
    """

    sources: Sequence[str] | None = None
    tolerances: tuple[Mapping[str, float], Mapping[str, float]] = ({}, {})
    relative: Mapping[str, float] | None = None
    absolute: Mapping[str, float] | None = None


@define(eq=False)
class _Requests:
    """Counts the requests of a call, whichever source sent them: the calls of all sources are one call."""

    call_id: int
    sent: int = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, RequestSent) and event.call_id == self.call_id:
            self.sent += 1


@frozen(kw_only=True)
class _Told:
    """What the sources told, each alone."""

    outcomes: Mapping[str, Outcome]
    failures: Mapping[str, DSMError]
    requests: int


async def audit_series(request: Request, bounds: Bounds, open_call: Callable[[Request], Call]) -> Audit:
    """Fetch the range of a request from each source and compare, row by row.

    Raises
    ------
    RequestError
        When the series has no two sources, or the request makes no sense.
    DSMError
        When there is no row at all and a source failed: what it raised.
    """
    requests = _Requests(current_scope().call_id or new_call_id())
    with call_scope(requests.call_id):
        usual = open_call(evolve(request, source=DataSource.AUTO))
        series = usual.series
        _check_kind(series)
        sources = _chosen(series, bounds.sources)
        tolerances = _tolerances(series, bounds)
        stop_counting = usual.bus.subscribe(requests)
        try:
            span = await _span(usual, lambda: open_call(usual.request))
            calls = {source: _alone(open_call, request, source, span) for source in sources}
            failures = await _fetch_all(calls)
        finally:
            stop_counting()
        outcomes = {source: call.outcome() for source, call in calls.items()}
    if failures and not any(len(out.table) for out in outcomes.values()):
        raise next(iter(failures.values()))
    told = _Told(outcomes=outcomes, failures=failures, requests=requests.sent)
    return _compared(series, span, told, tolerances, request.columns)


async def _span(usual: Call, again: Callable[[], Call]) -> TimeRange:
    """The range, one for all sources: by the venue's clock where it ends near the present."""
    span = usual.plan().span
    if span is not None and reaches_present(span, usual.venue.now_ns(usual.series.key.market_type)):
        await usual.read_clock()
        span = again().plan().span
    if span is None:
        raise RequestError("Nothing can lie in that range.", hint="Give one with room for a bar.")
    return span


def _check_kind(series: Series) -> None:
    if series.schema.kind == "documents":
        raise RequestError(
            f"{series.key} is a document: each source gives its record of another moment.",
            hint="Audit bars or events.",
        )


def _chosen(series: Series, asked: Sequence[str] | None) -> tuple[str, ...]:
    served = tuple(series.clients)
    named = served if asked is None else several("sources", asked, ", ".join(map(repr, served)))
    chosen = tuple(dict.fromkeys(map(str, named)))
    for source in chosen:
        if source not in served:
            raise RequestError(
                f"There is no source {source!r}.",
                hint=f"Use two or more of {', '.join(served)}.",
                source=source,
            )
    if len(served) < 2:
        raise RequestError(
            f"{series.key} is served by {', '.join(served)} alone.", hint="An audit needs two sources."
        )
    if len(chosen) < 2:
        told = f"one was named: {chosen[0]!r}" if chosen else "none was named"
        raise RequestError(
            f"An audit needs two sources, and {told}.",
            hint=f"Name two or more of {', '.join(served)}; leave them out for all.",
        )
    return chosen


def _tolerances(series: Series, bounds: Bounds) -> Tolerances:
    usual_relative, usual_absolute = bounds.tolerances
    usual = Tolerances.for_schema(series.schema, usual_relative, usual_absolute, is_strict=False)
    own = Tolerances.for_schema(series.schema, bounds.relative, bounds.absolute)
    said = {*(bounds.relative or {}), *(bounds.absolute or {})}
    return Tolerances(
        {name: (own if name in said else usual).of(name) for name in series.schema.column_names}
    )


def _alone(open_call: Callable[[Request], Call], request: Request, source: str, span: TimeRange) -> Call:
    """The call of one source; the cache answers what it holds of that source, and takes in nothing."""
    alone = evolve(
        request,
        source=DataSource(source),
        start=exact_iso(span.start),
        end=exact_iso(span.end),
        last=None,
        inclusive="left",
        columns=None,
        include_open_bar=False,
    )
    call = open_call(alone)
    store = None if call.store is None else ReadOnlyCache(call.store)
    # What differs is what an audit is asked for, whatever the policy of usual calls.
    return evolve(call, store=store, agreement=AgreementConfig())


async def _fetch_all(calls: Mapping[str, Call]) -> dict[str, DSMError]:
    """Fetch what is missing, all sources at a time; why a source could not deliver at all, by source."""
    failures: dict[str, DSMError] = {}

    async def fetch(source: str, call: Call) -> None:
        try:
            if not call.is_answered:
                await call.fetch()
        except _FAILURES as error:
            failures[source] = error

    try:
        async with asyncio.TaskGroup() as group:
            for source, call in calls.items():
                group.create_task(fetch(source, call))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return {source: failures[source] for source in calls if source in failures}


def _compared(
    series: Series,
    span: TimeRange,
    told: _Told,
    tolerances: Tolerances,
    columns: Sequence[str] | None,
) -> Audit:
    outcomes, failures, whole = told.outcomes, told.failures, RangeSet.of(span)
    untold = {s: whole if s in failures else _untold(out) for s, out in outcomes.items()}
    lacking = {s: series.absent_columns(series.clients[s]) for s in outcomes}
    names = series.schema.column_names if columns is None else columns
    cells: list[pa.Table] = []
    rows = 0
    for one, two in combinations(outcomes, 2):
        found = compare_rows(
            (one, outcomes[one].table),
            (two, outcomes[two].table),
            series.schema,
            tolerances,
            columns=[n for n in names if n not in lacking[one] | lacking[two]],
            unknown=(untold[one], untold[two]),
        )
        rows, cells = rows + found.rows, [*cells, found.cells]
    return Audit(
        key=series.key,
        span=span,
        schema=series.schema,
        cells=pa.concat_tables(cells).sort_by("time") if len(cells) > 1 else cells[0],
        compared=rows,
        rows={source: len(out.table) for source, out in outcomes.items()},
        untold={source: _told_gaps(out) for source, out in outcomes.items()},
        lacking={source: tuple(n for n in names if n in absent) for source, absent in lacking.items()},
        failures=dict(failures),
        requests=told.requests,
    )


def _doubtful(out: Outcome) -> list[Gap]:
    """Where a row may be missing only because nobody could look."""
    nobody_asked = () if out.series.asks else ("not_requested",)
    return [gap for gap in out.gaps if gap.reason in (*_CANNOT_TELL, *nobody_asked)]


def _untold(out: Outcome) -> RangeSet:
    return RangeSet.from_pairs((gap.start_ns, gap.end_ns) for gap in _doubtful(out))


def _told_gaps(out: Outcome) -> tuple[Gap, ...]:
    # What has not closed yet nobody can tell, so it is not worth a word.
    return tuple(gap for gap in _doubtful(out) if gap.reason != "not_closed_yet")
