"""What an exported file says of itself: where its rows came from, and what is missing and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dsm_core.model.coverage import Ledger, LedgerEntry
from dsm_core.model.provenance import FINAL_REASONS
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import RangeSet, TimeRange, from_ns
from dsm_core.schema.chart_type import Kind

__all__ = ["describe"]


def describe(key: SeriesKey, ledger: Ledger, kind: Kind) -> str:
    """JSON text: ``series``, ``gaps`` and ``provenance``, both sorted; ends are exclusive, times ISO, UTC."""
    # Between two records of a document nobody can be asked for a third.
    unknown = ("beyond_history", True) if kind == "documents" else ("not_requested", False)
    told = [_provenance(entry) for entry in ledger if entry.state == "rows"]
    return json.dumps({"series": str(key), "gaps": list(_gaps(ledger, *unknown)), "provenance": told})


def _gaps(ledger: Ledger, unknown: str, is_lost: bool) -> Iterator[dict[str, Any]]:
    known = ledger.ranges()
    found = [
        (entry.start, entry.end, entry.reason or "venue_has_none", _is_final(entry))
        for entry in ledger
        if entry.state != "rows"
    ]
    if known.span is not None:
        found += [(r.start, r.end, unknown, is_lost) for r in RangeSet.of(known.span) - known]
    for start, end, reason, final in sorted(found):
        yield {**_times(TimeRange(start, end)), "reason": reason, "final": final}


def _is_final(entry: LedgerEntry) -> bool:
    return entry.state == "confirmed" or entry.reason in FINAL_REASONS - {"venue_has_none"}


def _provenance(entry: LedgerEntry) -> dict[str, Any]:
    return {
        **_times(TimeRange(entry.start, entry.end)),
        "source": entry.source,
        "origin": entry.origin.url,
        "sha256": entry.origin.sha256,
        "fetched_at": from_ns(entry.first_fetched).isoformat(),
    }


def _times(span: TimeRange) -> dict[str, str]:
    return {"start_time": from_ns(span.start).isoformat(), "end_time": from_ns(span.end).isoformat()}
