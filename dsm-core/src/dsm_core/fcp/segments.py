"""Provenance: which rows came from where."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from attrs import evolve
from numpy.typing import NDArray

from dsm_core.fcp.series import Series
from dsm_core.model.coverage import Ledger
from dsm_core.model.provenance import Segment
from dsm_core.model.time_range import RangeSet, from_ns
from dsm_core.schema.conform import times_of

__all__ = ["find_segments"]

Times = NDArray[np.int64]


def find_segments(
    series: Series, ledger: Ledger, need: RangeSet, table: pa.Table, fetched: RangeSet
) -> tuple[Segment, ...]:
    """Segments of ``table``, sorted; those inside ``fetched`` came by this call."""
    times = times_of(table, series.schema)
    out = []
    for entry in ledger.entries:
        if not series.counts(entry):
            continue
        inside = need & RangeSet.from_pairs([(entry.start, entry.end)])
        for part, from_cache in ((inside - fetched, True), (inside & fetched, False)):
            for r in part:
                rows = int(np.searchsorted(times, r.end) - np.searchsorted(times, r.start))
                out.append(
                    Segment(
                        start_ns=r.start,
                        end_ns=r.end,
                        rows=rows,
                        source=entry.source,
                        origin=entry.origin.url,
                        sha256=entry.origin.sha256,
                        fetched_at=from_ns(entry.first_fetched),
                        from_cache=from_cache,
                    )
                )
    joined = _joined(sorted((s for s in out if s.rows), key=lambda s: s.start_ns))
    return tuple(_trimmed(segment, series, times) for segment in joined)


def _trimmed(segment: Segment, series: Series, times: Times) -> Segment:
    """The segment up to the end of its last bar; where bars stand off the grid, from its first one."""
    first, after = np.searchsorted(times, (segment.start_ns, segment.end_ns)).tolist()
    end = max(series.bars_until(segment.end_ns), int(times[after - 1]) + 1)
    start = int(times[first]) if series.keeps_off_grid else segment.start_ns
    return evolve(segment, start_ns=start, end_ns=min(end, segment.end_ns))


def _joined(segments: list[Segment]) -> tuple[Segment, ...]:
    """Neighbours of one origin as one; a ledger cuts where bars were moved to the grid."""
    out: list[Segment] = []
    for segment in segments:
        last = out[-1] if out else segment
        if (
            last.end_ns == segment.start_ns
            and evolve(last, start_ns=segment.start_ns, end_ns=segment.end_ns, rows=segment.rows) == segment
        ):
            out[-1] = evolve(last, end_ns=segment.end_ns, rows=last.rows + segment.rows)
        else:
            out.append(segment)
    return tuple(out)
