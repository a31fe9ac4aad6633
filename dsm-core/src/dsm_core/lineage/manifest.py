"""What an answer is made of: the request, where each row came from, by which versions, and a hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from attrs import frozen

from dsm_core._version import __version__
from dsm_core.errors import RequestError
from dsm_core.fcp.outcome import Outcome
from dsm_core.lineage.canonical import CONTENT, canonical_columns, content_hash, dtypes_of
from dsm_core.model.exact_time import exact_iso
from dsm_core.model.names import DataSource
from dsm_core.model.provenance import Gap, Segment
from dsm_core.plugins.discovery import installed_providers

__all__ = ["Manifest", "gap_fact", "made_by", "manifest_of", "segment_fact"]


@frozen(kw_only=True)
class Manifest:
    """Where an answer came from, and a hash that tells whether another one is the same.

    Parameters
    ----------
    series
        The series key.
    start_ns, end_ns
        The range, half-open, UTC nanoseconds.
    source
        The source that was enforced, or ``auto``.
    columns
        Name and type of each column, the time first.
    rows
        How many there are.
    sha256
        Hash of the rows; ``docs/lineage.md`` defines it. It depends on no version of any library.
    segments
        Which rows came from where: URL, and SHA-256 of the file where it was one.
    gaps
        What is missing and why.
    made_by
        Versions of the core and of the package that provides the series.
    unfinished
        How many of the rows had not closed.
    resampled_from
        The interval of the bars that these were joined from; None for rows as they were fetched.
    """

    series: str
    start_ns: int
    end_ns: int
    source: str
    columns: tuple[tuple[str, str], ...]
    rows: int
    sha256: str
    segments: tuple[Segment, ...]
    gaps: tuple[Gap, ...]
    made_by: Mapping[str, str]
    unfinished: int = 0
    resampled_from: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain, JSON-safe data; equal rows of equal origin give equal data."""
        told: dict[str, Any] = {
            "request": {
                "series": self.series,
                "start_time": exact_iso(self.start_ns),
                "end_time": exact_iso(self.end_ns),
                "source": self.source,
            },
            "columns": [list(pair) for pair in self.columns],
            "rows": self.rows,
            "content": {"definition": CONTENT, "sha256": self.sha256},
            "made_by": dict(self.made_by),
        }
        if self.unfinished:
            told["unfinished"] = self.unfinished
        if self.resampled_from is not None:
            told["resampled_from"] = self.resampled_from
        told["segments"] = list(map(segment_fact, self.segments))
        told["gaps"] = list(map(gap_fact, self.gaps))
        return told


def segment_fact(segment: Segment) -> dict[str, Any]:
    """A segment as plain data; whether the cache gave it does not belong to its origin."""
    return {
        "start_time": exact_iso(segment.start_ns),
        "end_time": exact_iso(segment.end_ns),
        "rows": segment.rows,
        "source": segment.source,
        "origin": segment.origin,
        "sha256": segment.sha256,
        "fetched_at": segment.fetched_at.isoformat(),
    }


def gap_fact(gap: Gap) -> dict[str, Any]:
    """A gap as plain data."""
    return {
        "start_time": exact_iso(gap.start_ns),
        "end_time": exact_iso(gap.end_ns),
        "bars": gap.bars,
        "reason": gap.reason,
        "final": gap.final,
    }


def manifest_of(outcome: Outcome, table: pa.Table) -> Manifest:
    """Manifest of rows that are handed out: all or some columns of the outcome's.

    Raises
    ------
    RequestError
        When nothing could lie in the range that was asked for.
    """
    series, span = outcome.series, outcome.span
    if span is None:
        raise RequestError(
            "Nothing can lie in the range that was asked for, so there is nothing to tell of.",
            hint="Ask for a range with room for a bar.",
        )
    dtypes = dtypes_of(series.schema)
    return Manifest(
        series=str(series.key),
        start_ns=span.start,
        end_ns=span.end,
        source=str(DataSource.AUTO) if series.enforced is None else series.enforced,
        columns=tuple((name, dtypes[name]) for name in table.column_names),
        rows=len(table),
        sha256=content_hash(canonical_columns(table, series.schema), len(table)),
        segments=outcome.segments,
        gaps=outcome.gaps,
        made_by=made_by(series.key.provider),
        unfinished=0
        if outcome.resampled_from
        else len(table) - sum(segment.rows for segment in outcome.segments),
        resampled_from=outcome.resampled_from,
    )


def made_by(provider: str) -> dict[str, str]:
    """Versions of the core and of the package that provides a provider."""
    found = {p.distribution: p.version for p in installed_providers() if p.name == provider}
    return {"dsm-core": __version__, **(found or {provider: "not installed"})}
