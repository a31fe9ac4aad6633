"""What a call brought."""

from __future__ import annotations

import pyarrow as pa
from attrs import frozen

from dsm_core.fcp.series import Series
from dsm_core.model.provenance import Failure, Gap, Segment
from dsm_core.model.time_range import TimeRange

__all__ = ["Outcome"]


@frozen(kw_only=True)
class Outcome:
    """What a call brought, before it becomes a public object."""

    series: Series
    span: TimeRange | None
    table: pa.Table
    gaps: tuple[Gap, ...]
    segments: tuple[Segment, ...]
    failures: tuple[Failure, ...]
    expected: int | None
    off_grid: int
    requests: int
    cache_problem: str | None
    room_problem: str | None = None
    disagreements: pa.Table | None = None
    resampled_from: str | None = None
