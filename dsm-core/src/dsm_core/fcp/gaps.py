"""Why bars are missing: every uncovered slot gets its reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import evolve

from dsm_core.fcp.series import Series
from dsm_core.model.coverage import NOT_FETCHED, UNKNOWN_SYMBOL, Ledger
from dsm_core.model.provenance import FINAL_REASONS, Failure, Gap
from dsm_core.model.time_range import RangeSet, TimeRange

__all__ = ["closed_gaps", "find_gaps", "open_gap"]

_EVER: Final = TimeRange(-(2**62), 2**62)


def find_gaps(
    series: Series,
    need: RangeSet,
    ledger: Ledger,
    failures: Iterable[Failure],
    now: int,
    *,
    forgotten: bool = False,
) -> tuple[Gap, ...]:
    """Gaps of ``need``, sorted, neighbours with one reason joined.

    ``forgotten`` tells that the venue knows the symbol no more, though others have rows of it.
    """
    counts = series.enforced
    rows = ledger.ranges(lambda e: e.state == "rows" and counts in (None, e.source))
    missing = series.align(need - rows)
    gaps: list[Gap] = []
    for (reason, final), known in _absences(ledger).items():
        part = series.align(missing & known)
        gaps += _gaps(series, part, reason, final)
        missing = series.align(missing - part)
    for failure in failures:
        part = series.align(missing & RangeSet.from_pairs([(failure.start_ns, failure.end_ns)]))
        gaps += _gaps(series, part, "source_failed", False, str(failure))
        missing = series.align(missing - part)
    if forgotten or any(entry.reason == UNKNOWN_SYMBOL for entry in ledger.entries):
        gaps += _of_forgotten(series, missing, rows, now)
    else:
        gaps += _unasked(series, missing, now)
    return tuple(evolve(gap, end_ns=series.bars_until(gap.end_ns)) for gap in _joined(gaps))


def _absences(ledger: Ledger) -> dict[tuple[str, bool], RangeSet]:
    """Ranges of known absences by reason and whether they are final."""
    pairs: dict[tuple[str, bool], list[tuple[int, int]]] = {}
    for entry in ledger.entries:
        if entry.state != "rows" and entry.reason not in (UNKNOWN_SYMBOL, NOT_FETCHED):
            reason = entry.reason or "venue_has_none"
            final = entry.state == "confirmed" or (reason in FINAL_REASONS and reason != "venue_has_none")
            pairs.setdefault((reason, final), []).append((entry.start, entry.end))
    return {told: RangeSet.from_pairs(found) for told, found in pairs.items()}


def _of_forgotten(series: Series, missing: RangeSet, rows: RangeSet, now: int) -> list[Gap]:
    """Gaps of a symbol that the venue knows no more; its archive may still publish the last files."""
    known = rows.span
    if known is None:
        return _gaps(series, missing, "delisted", True)
    waiting = RangeSet()
    for client in series.sources:
        waiting = waiting | client.unpublished(missing, now)
    # Only where its rows reach up to what is not published yet may more of it come.
    if waiting.span is None or waiting.span.start > known.end:
        waiting = RangeSet()
    gaps = _gaps(series, series.align(missing & waiting), "not_published_yet", False)
    missing = series.align(missing - waiting)
    for pair, reason, final in (
        ((_EVER.start, known.start), "not_listed_yet", True),
        ((known.start, known.end), "venue_has_none", False),
        ((known.end, _EVER.end), "delisted", True),
    ):
        gaps += _gaps(series, missing & RangeSet.from_pairs([pair]), reason, final)
    return gaps


def open_gap(series: Series, span: TimeRange, now: int, *, has_open_bar: bool = False) -> tuple[Gap, ...]:
    """The part of ``span`` that has not closed, less the open bar where that is handed out."""
    slot = series.open_slot(now)
    # Without a grid nobody knows of a bar that is still open.
    closed = now if series.grid is None else series.closed_until(now)
    after = slot.end if has_open_bar and slot is not None else closed
    part = RangeSet.from_pairs([(max(span.start, after), span.end)])
    gaps = _gaps(series, series.align(part), "not_closed_yet", False)
    return tuple(evolve(gap, end_ns=series.bars_until(gap.end_ns)) for gap in gaps)


def closed_gaps(series: Series, span: TimeRange) -> tuple[Gap, ...]:
    """When the market was closed inside ``span``: no bar is missing there."""
    return tuple(
        Gap(start_ns=r.start, end_ns=r.end, bars=0, reason="market_closed", final=True)
        for r in series.closed(span)
    )


def _unasked(series: Series, missing: RangeSet, now: int) -> list[Gap]:
    gaps: list[Gap] = []
    if not series.asks:
        return _gaps(series, missing, "not_requested", False, "only the cache was asked")
    reachable = RangeSet()
    for client in series.clients.values():
        reachable = reachable | client.within_history(missing, now)
    gaps += _gaps(series, series.align(missing - reachable), "beyond_history", True)
    missing = series.align(missing & reachable)
    fresh, waiting = RangeSet(), RangeSet()
    for client in series.sources:
        fresh = fresh | client.unsettled(missing, now)
    gaps += _gaps(series, fresh, "not_closed_yet", False)
    missing = series.align(missing - fresh)
    for client in series.sources:
        waiting = waiting | client.unpublished(missing, now)
    gaps += _gaps(series, series.align(missing & waiting), "not_published_yet", False)
    rest = series.align(missing - waiting)
    why = f"only {series.enforced} was asked" if series.enforced else "no source vouches for its absence"
    return gaps + _gaps(series, rest, "not_requested", False, why)


def _gaps(series: Series, ranges: RangeSet, reason: str, final: bool, detail: str = "") -> list[Gap]:
    return [
        Gap(
            start_ns=r.start,
            end_ns=r.end,
            bars=series.count(RangeSet.of(r)),
            reason=reason,
            final=final,
            detail=detail,
        )
        for r in ranges
    ]


def _joined(gaps: list[Gap]) -> tuple[Gap, ...]:
    out: list[Gap] = []
    for gap in sorted(gaps, key=lambda g: g.start_ns):
        last = out[-1] if out else None
        if (
            last
            and last.end_ns == gap.start_ns
            and (last.reason, last.final, last.detail)
            == (
                gap.reason,
                gap.final,
                gap.detail,
            )
        ):
            bars = None if last.bars is None or gap.bars is None else last.bars + gap.bars
            out[-1] = evolve(last, end_ns=gap.end_ns, bars=bars)
        else:
            out.append(gap)
    return tuple(out)
