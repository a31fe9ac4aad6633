"""Keeping a cache up to date: what each held series lacks at its end, and holes that are due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from attrs import frozen

from dsm_core.cache import CacheBatch, SeriesLedger
from dsm_core.errors import CacheUnavailableError, DSMError, RequestError
from dsm_core.fcp.gaps import find_gaps
from dsm_core.fcp.intake import absence
from dsm_core.fcp.request import Request
from dsm_core.fcp.selection import Selection
from dsm_core.fcp.series import Series
from dsm_core.fcp.session import Session
from dsm_core.model.coverage import NOT_FETCHED, UNKNOWN_SYMBOL, Ledger, LedgerEntry
from dsm_core.model.provenance import Gap
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet, TimeRange, from_ns, iso
from dsm_core.model.wording import counted
from dsm_core.schema.conform import empty_table

__all__ = ["Updated", "due_ranges", "request_of", "update_series"]


@frozen(kw_only=True)
class Updated:
    """What one series got.

    Parameters
    ----------
    key
        Which series.
    rows
        Rows that are new.
    requests
        HTTP requests sent for it.
    until
        End of what is known, UTC nanoseconds; None when nothing is.
    gaps
        What is missing of the ranges that were asked for, and why.
    error
        Why it could not be updated.
    disagreements
        Cells that two sources told differently, where the policy of agreement is ``flag``.
    """

    key: SeriesKey
    rows: int = 0
    requests: int = 0
    until: int | None = None
    gaps: tuple[Gap, ...] = ()
    error: DSMError | None = None
    disagreements: int = 0

    @property
    def partial(self) -> bool:
        """Whether asking again may bring more."""
        return self.error is not None or any(
            not gap.final and gap.reason != "not_closed_yet" for gap in self.gaps
        )

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.key}: failed: {self.error}"
        until = "nothing held" if self.until is None else f"to {iso(self.until)}"
        missing = "; " + "; ".join(map(str, self.gaps)) if self.gaps else ""
        if self.disagreements:
            missing += f"; sources disagree in {counted(self.disagreements, 'place')}"
        return f"{self.key}: {counted(self.rows, 'new row')}, {until}{missing}"


def due_ranges(ledger: Ledger, closed_until: int, now: int) -> RangeSet:
    """Ranges to ask for: from the last known row to the last closed bar, and holes that are due.

    What an update before wanted and did not get is due too.
    """

    def is_row(entry: LedgerEntry) -> bool:
        return entry.state == "rows"

    rows = ledger.ranges(is_row).span
    holes = ledger.ranges(lambda entry: entry.is_due(now))
    # What a damaged file held is wanted up to now by this machine's clock, not by the venue's.
    holes = RangeSet.from_pairs((h.start, min(h.end, closed_until)) for h in holes if h.start < closed_until)
    if rows is None:
        return holes
    # Of a symbol that the venue forgot, nobody will tell more about the time before its first row.
    forgotten = ledger.ranges(lambda entry: entry.reason == UNKNOWN_SYMBOL and entry.end <= rows.start)
    tail = RangeSet.from_pairs([(rows.end, closed_until)])
    known = ledger.ranges(
        lambda entry: entry.state == "confirmed" or not (is_row(entry) or entry.is_due(now))
    )
    return (tail - known) | (holes - forgotten)


def request_of(key: SeriesKey, span: TimeRange) -> Request:
    """Request of one range of a held series."""
    return Request(
        symbol=key.symbol,
        start=from_ns(span.start),
        end=from_ns(span.end),
        interval=key.interval,
        inclusive="left",
        provider=key.provider,
        market_type=key.market_type,
        chart_type=key.chart_type,
        options=dict(key.options),
        on_gaps="ignore",
    )


async def update_series(
    session: Session, pattern: str | None, wanted: Iterable[str | SeriesKey] | None, jobs: int
) -> tuple[Updated, ...]:
    """Update what is held and matches; one line a series, by key.

    Raises
    ------
    RequestError
        Without a cache, or for arguments that mean nothing.
    """
    if session.store is None:
        raise RequestError("The cache is switched off, so nothing is held.", hint="Use use_cache=True.")
    store, chosen = session.store, Selection.of(pattern, wanted, jobs)
    await asyncio.to_thread(_find_lost, session, chosen.means)
    held = await asyncio.to_thread(lambda: list(store.ledgers(chosen.means)))
    lane = asyncio.Semaphore(chosen.jobs)

    async def one(ledger: SeriesLedger) -> Updated:
        async with lane:
            return await _update(session, ledger)

    lines = list(await asyncio.gather(*map(one, held)))
    missing = chosen.lacking(ledger.summary.key for ledger in held)
    lines += [Updated(key=key, error=_not_held(key)) for key in missing]
    return tuple(sorted(lines, key=lambda line: str(line.key)))


def _find_lost(session: Session, keep: Callable[[SeriesKey], bool]) -> None:
    """Note what series held of which no file serves; nothing else tells that they are kept."""
    assert session.store is not None
    for held in session.store.damaged():
        if keep(held.key):
            with suppress(DSMError):
                probe = session.open_call(request_of(held.key, TimeRange(0, 1)), keeps_rows=False)
                session.store.mend(held.key, probe.series.schema)


async def _update(session: Session, held: SeriesLedger) -> Updated:
    key = held.summary.key
    rows = requests = disagreements = 0
    gaps: list[Gap] = []
    try:
        # A call of one instant resolves the series and, where its end is near, reads the clock.
        probe = session.open_call(request_of(key, TimeRange(0, 1)), keeps_rows=False)
        await probe.read_clock()
        now = probe.venue.now_ns(key.market_type)
        # Read and checked: what a damaged file held is due again.
        before = await asyncio.to_thread(_known, session, probe.series, now)
        due = due_ranges(before, probe.series.closed_until(now), now)
        await _note_wanted(session, probe.series, before, due, now)
        for span in due:
            call = session.open_call(request_of(key, _beside(probe.series, before, span)), keeps_rows=False)
            if not call.is_answered:
                await call.fetch()
            out = call.outcome()
            rows, requests, gaps = rows + call.rows_fetched, requests + out.requests, [*gaps, *out.gaps]
            disagreements += 0 if out.disagreements is None else len(out.disagreements)
            if out.cache_problem is not None:
                # A call that only fills the cache has failed where it could not.
                raise CacheUnavailableError(out.cache_problem, hint="What was kept before stays whole.")
    except DSMError as error:
        return Updated(key=key, rows=rows, requests=requests, gaps=tuple(gaps), error=error)
    known = await asyncio.to_thread(_known, session, probe.series, now)
    rows_span = known.ranges(lambda entry: entry.state == "rows").span
    until = None if rows_span is None else probe.series.bars_until(rows_span.end)
    gaps += _waiting(probe.series, known, due, now)
    return Updated(
        key=key,
        rows=rows,
        requests=requests,
        until=until,
        gaps=tuple(gaps),
        disagreements=disagreements,
    )


def _known(session: Session, series: Series, now: int) -> Ledger:
    assert session.store is not None
    session.store.want_lost(series.key, series.schema)
    # While a market is closed, its last bar vouches for the time up to the next open.
    past = TimeRange(0, max(now, series.closed_until(now)))
    known = session.store.read(series.key, series.schema, past, columns=[])
    if known.damaged:
        known = session.store.read(series.key, series.schema, past, columns=[])
    return known.ledger


def _waiting(series: Series, known: Ledger, asked: RangeSet, now: int) -> list[Gap]:
    """Holes that may be filled yet, and were not asked for now because they were a moment ago."""
    provisional = known.ranges(lambda entry: entry.state == "provisional" and not entry.is_due(now))
    gaps = find_gaps(series, series.align(provisional - asked), known, (), now)
    return [gap for gap in gaps if not gap.final]


async def _note_wanted(session: Session, series: Series, ledger: Ledger, due: RangeSet, now: int) -> None:
    """Write down what is asked for: were the update cut short, the next one would look behind it."""
    wanted = absence(series.sources[-1], due - ledger.ranges(), NOT_FETCHED, now) if series.sources else ()
    if wanted and session.store is not None:
        batch = CacheBatch(table=empty_table(series.schema), entries=wanted)
        await asyncio.to_thread(session.store.write, series.key, series.schema, [batch], now=now)


def _beside(series: Series, ledger: Ledger, span: TimeRange) -> TimeRange:
    """``span`` and the known bars beside it: what is held in part is planned otherwise than whole."""
    grid = series.grid
    if grid is None:
        return span
    rows = ledger.ranges(lambda entry: entry.state == "rows")
    before, after = grid.back(span.start, 1), grid.next(span.end)
    return TimeRange(
        before if before in rows else span.start, after if grid.floor(span.end) in rows else span.end
    )


def _not_held(key: SeriesKey) -> RequestError:
    return RequestError(f"{key} is not held.", hint="Fetch its first range with prefetch.", series=str(key))
