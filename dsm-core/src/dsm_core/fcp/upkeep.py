"""Keeping a cache up to date: what each held series lacks at its end, and holes that are due."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from dsm_core.cache import SeriesLedger
from dsm_core.errors import DSMError
from dsm_core.fcp.request import Request
from dsm_core.model.coverage import LedgerEntry
from dsm_core.model.provenance import Gap
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet, TimeRange, from_ns, iso

__all__ = ["Updated", "due_ranges", "request_of"]


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
    """

    key: SeriesKey
    rows: int = 0
    requests: int = 0
    until: int | None = None
    gaps: tuple[Gap, ...] = ()
    error: DSMError | None = None

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
        return f"{self.key}: {self.rows} new rows, {until}{missing}"


def due_ranges(held: SeriesLedger, closed_until: int, now: int) -> RangeSet:
    """Ranges to ask for: from the last known row to the last closed bar, and holes that are due."""
    ledger = held.ledger

    def is_row(entry: LedgerEntry) -> bool:
        return entry.state == "rows"

    rows = ledger.ranges(is_row).span
    holes = ledger.ranges(lambda entry: entry.is_due(now))
    if rows is None:
        return holes
    tail = RangeSet.from_pairs([(rows.end, closed_until)])
    known = ledger.ranges(lambda entry: entry.state == "confirmed" or not (is_row(entry) or entry.is_due(now)))
    return (tail - known) | holes


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


def joined(parts: Iterable[Updated]) -> Updated | None:
    """One summary of several ranges of one series."""
    parts = list(parts)
    if not parts:
        return None
    return Updated(
        key=parts[0].key,
        rows=sum(p.rows for p in parts),
        requests=sum(p.requests for p in parts),
        until=max((p.until for p in parts if p.until is not None), default=None),
        gaps=tuple(gap for p in parts for gap in p.gaps),
        error=next((p.error for p in parts if p.error is not None), None),
    )
