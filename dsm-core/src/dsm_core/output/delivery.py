"""The last step of a call: what is handed out, warned of, or raised."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from dsm_core.agreement import disagreements_of
from dsm_core.errors import (
    CacheWarning,
    DisagreementWarning,
    IncompleteDataError,
    IncompleteDataWarning,
    RequestError,
)
from dsm_core.fcp.call import Call
from dsm_core.fcp.many import Calls
from dsm_core.fcp.outcome import Outcome
from dsm_core.fcp.plan import Plan
from dsm_core.model.provenance import Failure, Gap
from dsm_core.model.time_range import NS_PER_S
from dsm_core.model.wording import counted
from dsm_core.output.market_data import MarketData
from dsm_core.output.market_data_set import MarketDataSet, Shape

__all__ = ["caller", "Prefetched", "check_length", "finish", "finish_many", "prefetched"]

_DAY_NS: Final = 86_400 * NS_PER_S


@frozen(kw_only=True)
class Prefetched:
    """What a prefetch brought into the cache.

    Parameters
    ----------
    rows
        Rows fetched now; those held before are not counted.
    requests
        HTTP requests sent.
    gaps
        What is missing and why.
    failures
        Sources that did not deliver a range.
    cache_problem
        Why not everything was kept, if so.
    room_problem
        Why what was kept a moment ago did not stay, if so: ``cache.max_size`` is too small for it.
    """

    rows: int
    requests: int
    gaps: tuple[Gap, ...]
    failures: tuple[Failure, ...]
    cache_problem: str | None = None
    room_problem: str | None = None


def check_length(plan: Plan, max_days: float | None) -> None:
    """Refuse a prefetch that is longer than its caller meant.

    Raises
    ------
    RequestError
        Naming both lengths.
    """
    if plan.span is None or max_days is None:
        return
    if isinstance(max_days, bool) or not isinstance(max_days, int | float):
        raise RequestError(f"max_days={max_days!r}.", hint="Give a number of days, or None.")
    days = (plan.span.end - plan.span.start) / _DAY_NS
    if days > max_days:
        raise RequestError(
            f"The range {plan.span} is {days:.0f} days, more than max_days={max_days:g}.",
            hint="Raise max_days, or pass None for no bound.",
        )


def prefetched(call: Call) -> Prefetched:
    """Summary of a fetched call."""
    out = call.outcome()
    if out.cache_problem is not None:
        warnings.warn(f"{out.cache_problem} Nothing was kept.", CacheWarning, stacklevel=caller())
    _warn_of_disagreements([out])
    return Prefetched(
        rows=call.rows_fetched,
        requests=out.requests,
        gaps=out.gaps,
        failures=out.failures,
        cache_problem=out.cache_problem,
        room_problem=out.room_problem,
    )


def caller() -> int:
    """``stacklevel`` of the first frame outside this package, seen from the caller's ``warn``."""
    level, frame = 1, sys._getframe(1)  # noqa: SLF001 - warnings has no public way before 3.12
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("dsm_core."):
        level, frame = level + 1, frame.f_back
    return level


def finish(call: Call, default_on_gaps: str) -> MarketData:
    """Market data of a call whose fetching is done; warns or raises as asked.

    Raises
    ------
    IncompleteDataError
        With ``on_gaps`` ``raise`` or ``raise_any``.
    """
    out, request = call.outcome(), call.request
    data = MarketData(out, columns=request.columns, with_source=request.include_source)
    if out.cache_problem is not None:
        warnings.warn(
            f"{out.cache_problem} The answer is delivered all the same.", CacheWarning, stacklevel=caller()
        )
    _warn_of_disagreements([out])
    how = request.on_gaps or default_on_gaps
    if how == "ignore":
        return data
    short = _counted(out.gaps, how)
    if not short:
        return data
    message = f"{out.series.key}: {_told(short)}; the first: {short[0]}"
    if how == "warn":
        warnings.warn(message, IncompleteDataWarning, stacklevel=caller())
        return data
    raise IncompleteDataError(
        message + ".", hint="The partial result is in .data.", data=data, gaps=tuple(short)
    )


def finish_many(calls: Calls, default_on_gaps: str, shape: Shape, on_error: str) -> MarketDataSet:
    """Data of many calls; gaps are one warning, or one error, for all of them.

    Raises
    ------
    IncompleteDataError
        With ``on_gaps`` ``raise`` or ``raise_any``; the partial set is in ``.data``.
    DSMError
        The first one of a series, with ``on_error`` ``raise``.
    """
    if calls.errors and on_error == "raise":
        raise next(iter(calls.errors.values()))
    data: dict[str, MarketData] = {}
    lacking: dict[str, list[Gap]] = {}
    outs: list[Outcome] = []
    how = default_on_gaps
    for label, call in calls.calls.items():
        out, request = call.outcome(), call.request
        outs.append(out)
        how = request.on_gaps or default_on_gaps
        data[label] = MarketData(out, columns=request.columns, with_source=request.include_source)
        lacking[label] = [] if how == "ignore" else _counted(out.gaps, how)
    _warn_of_disagreements(outs)
    found = MarketDataSet(data, calls.errors, shape=shape)
    short = {label: gaps for label, gaps in lacking.items() if gaps}
    if short:
        label, gaps = next(iter(short.items()))
        message = f"{len(short)} of {len(data)} series lack rows; the first: {label}: {gaps[0]}"
        if how == "warn":
            warnings.warn(message, IncompleteDataWarning, stacklevel=caller())
        else:
            every = tuple(gap for gaps in short.values() for gap in gaps)
            raise IncompleteDataError(
                f"{message}.", hint="The partial set is in .data.", data=found, gaps=every
            )
    return found


def _warn_of_disagreements(outs: Iterable[Outcome]) -> None:
    """One warning for all series of a call; only the policy ``flag`` finds any."""
    for out in outs:
        if out.disagreements is not None:
            first = disagreements_of(out.disagreements.slice(0, 1))[0]
            places = counted(len(out.disagreements), "place")
            warnings.warn(
                f"{out.series.key}: sources disagree in {places}; the first: {first}"
                f"{_given(out, first.time_ns)}",
                DisagreementWarning,
                stacklevel=caller(),
            )
            return


def _given(out: Outcome, time_ns: int) -> str:
    """Whose row of an instant was handed out."""
    sources = (s.source for s in out.segments if s.start_ns <= time_ns < s.end_ns)
    return "".join(f"; the row of {source} was given" for source in sources)


def _told(gaps: Sequence[Gap]) -> str:
    """How many gaps, and how many bars where that is known."""
    told = f"{len(gaps)} gap{'s' * (len(gaps) != 1)}"
    missing = sum(gap.bars or 0 for gap in gaps)
    return f"{told}, {missing} bar{'s' * (missing != 1)} missing" if missing else told


def _counted(gaps: Iterable[Gap], how: str) -> list[Gap]:
    """Gaps that ``on_gaps`` speaks of."""
    return [g for g in gaps if g.reason != "not_closed_yet" and (how == "raise_any" or not g.final)]
