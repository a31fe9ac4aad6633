"""Looking a cache over: what each series holds and lacks, from what its files tell of themselves."""

from __future__ import annotations

from dsm_core.cache import CacheStore, SeriesLedger
from dsm_core.config import ConfigSource
from dsm_core.errors import UnsupportedChartTypeError
from dsm_core.fcp.finder import SeriesFinder
from dsm_core.model.coverage import NOT_FETCHED, Ledger, LedgerEntry
from dsm_core.model.grid import Grid, grid_for
from dsm_core.model.provenance import FINAL_REASONS, Gap
from dsm_core.model.series import SeriesKey, matches
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins.schemas import schema_of
from dsm_core.report.coverage import SeriesCoverage

__all__ = ["survey"]


def survey(
    store: CacheStore, pattern: str | None = None, *, now: int, config: ConfigSource = None
) -> list[SeriesCoverage]:
    """Coverage of each cached series, in the order of their folders; nothing is fetched.

    Parameters
    ----------
    pattern
        Which series, as in :func:`dsm_core.model.series.matches`; None is all.
    now
        UTC nanoseconds; decides how far behind a series is.
    config
        As for a manager; with it the providers tell which bars a series has.

    Raises
    ------
    CacheUnavailableError
        When the cache folder cannot be read.
    ConfigError
        When the configuration is wrong.
    """
    finder = SeriesFinder(config)
    return [_coverage(known, finder, now) for known in store.ledgers(lambda key: matches(key, pattern))]


def _coverage(known: SeriesLedger, finder: SeriesFinder, now: int) -> SeriesCoverage:
    # What an update only wanted is as unknown as before.
    ledger = Ledger(tuple(e for e in known.ledger if e.reason != NOT_FETCHED))
    summary = known.summary
    rows = sum(known.rows_by_source.values())
    held = ledger.ranges(lambda e: e.state == "rows")
    everything = ledger.ranges()
    unknown = RangeSet() if everything.span is None else RangeSet.of(everything.span) - everything
    # What a document said between two records that were kept, nobody can tell any more.
    lost = unknown if _is_document(summary.key) else RangeSet()
    missing = unknown - lost
    grid = _grid(summary.key, finder, held, rows)
    closed = _closed(everything.span, grid)
    return SeriesCoverage(
        key=summary.key,
        held=held - closed,
        holes=(ledger.ranges(_is_final) | lost) - closed,
        provisional=ledger.ranges(lambda e: e.state != "rows" and not _is_final(e)) - closed,
        missing=missing - closed,
        closed=closed & RangeSet.from_pairs([_bars_span(everything.span, grid)]),
        behind=_behind(everything.span, grid, now),
        gaps=_gaps(ledger, missing, lost, grid),
        rows=rows,
        bytes=summary.bytes,
        files=summary.files,
        first=summary.first,
        last=summary.last,
        rows_by_source=dict(sorted(known.rows_by_source.items(), key=lambda pair: (-pair[1], pair[0]))),
        slot_ns=None if grid is None or summary.key.interval is None else summary.key.interval.nanoseconds,
    )


def _is_document(key: SeriesKey) -> bool:
    """Whether the rows are documents; only what has no interval can be."""
    if key.interval is not None:
        return False
    try:
        return schema_of(key).kind == "documents"
    except UnsupportedChartTypeError:
        return False


def _grid(key: SeriesKey, finder: SeriesFinder, held: RangeSet, rows: int) -> Grid | None:
    """The grid that the series' own client tells.

    Where nobody can tell it, as when the provider is not installed, it is the usual one of the interval,
    provided that this gives as many bars as there are rows: exchange sessions do not fill it.
    """
    if key.interval is None:
        return None
    grid, is_known = finder.grid(key)
    if is_known:
        return grid
    usual = grid_for(key.interval)
    return usual if usual.count_all(held) == rows else None


def _bars_end(end: int, grid: Grid | None) -> int:
    """End of the last bar in slots that reach to ``end``: a market's closed time belongs to no bar."""
    return end if grid is None else min(end, grid.end_of(grid.index_of(end - 1)))


def _bars_span(span: TimeRange | None, grid: Grid | None) -> tuple[int, int]:
    return (0, 0) if span is None else (span.start, _bars_end(span.end, grid))


def _closed(span: TimeRange | None, grid: Grid | None) -> RangeSet:
    return RangeSet() if span is None or grid is None else grid.closed(span)


def _is_final(entry: LedgerEntry) -> bool:
    """Whether an absence is never asked for again; the same rule as for the gaps of a request."""
    if entry.state == "rows":
        return False
    return entry.state == "confirmed" or (entry.reason in FINAL_REASONS and entry.reason != "venue_has_none")


def _behind(span: TimeRange | None, grid: Grid | None, now: int) -> TimeRange | None:
    closed_until = now if grid is None else grid.closed_until(now)
    until = _bars_end(closed_until, grid)
    # The span may end inside closed time: a file's border cuts off what holds no row.
    return TimeRange(span.end, until) if span is not None and span.end < until else None


def _gaps(ledger: Ledger, missing: RangeSet, lost: RangeSet, grid: Grid | None) -> tuple[Gap, ...]:
    """Everything that is not held; neighbours with one reason are one gap."""
    pairs: dict[tuple[str, bool, str], list[tuple[int, int]]] = {}
    for entry in ledger:
        if entry.state != "rows":
            why = (entry.reason or "venue_has_none", _is_final(entry), "")
            pairs.setdefault(why, []).append((entry.start, entry.end))
    pairs["not_requested", False, "no call has asked for it"] = [(r.start, r.end) for r in missing]
    pairs["beyond_history", True, "no record of then was kept"] = [(r.start, r.end) for r in lost]
    gaps = [
        Gap(
            start_ns=r.start,
            end_ns=_bars_end(r.end, grid),
            bars=None if grid is None else grid.count(r),
            reason=reason,
            final=final,
            detail=detail,
        )
        for (reason, final, detail), found in pairs.items()
        for r in RangeSet.from_pairs(found)
    ]
    return tuple(sorted(gaps, key=lambda gap: gap.start_ns))
