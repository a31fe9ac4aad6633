"""What an answer is made of: the request, where each row came from, by which versions, and a hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
from attrs import evolve, field, frozen

from dsm_core._version import __version__
from dsm_core.errors import RequestError
from dsm_core.fcp.outcome import Outcome
from dsm_core.lineage.canonical import CONTENT, canonical_columns, content_hash, dtypes_of
from dsm_core.model.exact_time import exact_iso
from dsm_core.model.names import DataSource
from dsm_core.model.provenance import Gap, Segment
from dsm_core.model.time_range import RangeSet, iso
from dsm_core.model.wording import counted
from dsm_core.plugins.discovery import installed_providers

__all__ = ["Manifest", "Stretch", "made_by", "manifest_of"]


@frozen(kw_only=True)
class Stretch:
    """Rows of a stretch of time that share one origin.

    Parameters
    ----------
    start_ns, end_ns
        The stretch, half-open, UTC nanoseconds.
    rows
        How many there are.
    source
        Where they were fetched from.
    origin
        The URL, without its query.
    sha256
        That of the file, where it was one.
    fetched_at
        When the last of them were fetched; None in a lock. It is no part of what a manifest says of the
        rows: manifests that differ in it alone are equal.
    """

    start_ns: int
    end_ns: int
    rows: int
    source: str
    origin: str | None
    sha256: str | None
    fetched_at: datetime | None = field(default=None, eq=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain, JSON-safe data, without the time of fetching."""
        return {
            "start_time": exact_iso(self.start_ns),
            "end_time": exact_iso(self.end_ns),
            "rows": self.rows,
            "source": self.source,
            "origin": self.origin,
            "sha256": self.sha256,
        }


@frozen(kw_only=True, repr=False)
class Manifest:
    """Where an answer came from, and a hash that tells whether another one is the same.

    Two are equal when :meth:`as_dict` gives the same of both: the time of fetching does not count, nor
    whether the cache gave the rows.

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
        Which rows came from where: URL, and SHA-256 of the file where it was one. Neighbours of one origin
        are one, however many requests brought them.
    gaps
        What is missing and why, without details.
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
    segments: tuple[Stretch, ...]
    gaps: tuple[Gap, ...]
    made_by: Mapping[str, str]
    unfinished: int = 0
    resampled_from: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain, JSON-safe data; equal rows of equal origin and versions give equal data, in any cache."""
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
        told["segments"] = [stretch.as_dict() for stretch in self.segments]
        told["gaps"] = list(map(_gap_fact, self.gaps))
        return told

    def __repr__(self) -> str:
        span = f"[{iso(self.start_ns)}, {iso(self.end_ns)})"
        return f"<Manifest of {self.series} {span}: {counted(self.rows, 'row')}, sha256 {self.sha256[:16]}>"


def _gap_fact(gap: Gap) -> dict[str, Any]:
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
        segments=_stretches(outcome.segments, outcome.gaps),
        gaps=tuple(evolve(gap, detail="") for gap in outcome.gaps),
        made_by=made_by(series.key.provider),
        unfinished=0
        if outcome.resampled_from
        else len(table) - sum(segment.rows for segment in outcome.segments),
        resampled_from=outcome.resampled_from,
    )


def _stretches(segments: Iterable[Segment], gaps: Iterable[Gap]) -> tuple[Stretch, ...]:
    """Segments without what only tells of this call and this cache, and joined where that cut them."""
    missing = RangeSet.from_pairs((gap.start_ns, gap.end_ns) for gap in gaps)
    found: list[Stretch] = []
    for one in segments:
        last = found[-1] if found else None
        if last is None or not _continues(last, one, missing):
            found.append(_stretch(one))
            continue
        times = [t for t in (last.fetched_at, one.fetched_at) if t is not None]
        found[-1] = evolve(last, end_ns=one.end_ns, rows=last.rows + one.rows, fetched_at=max(times))
    return tuple(found)


def _continues(last: Stretch, after: Segment, missing: RangeSet) -> bool:
    if (last.source, last.origin, last.sha256) != (after.source, after.origin, after.sha256):
        return False
    return not missing & RangeSet.from_pairs([(last.end_ns, after.start_ns)])


def _stretch(segment: Segment) -> Stretch:
    return Stretch(
        start_ns=segment.start_ns,
        end_ns=segment.end_ns,
        rows=segment.rows,
        source=segment.source,
        origin=segment.origin,
        sha256=segment.sha256,
        fetched_at=segment.fetched_at,
    )


def made_by(provider: str) -> dict[str, str]:
    """Versions of the core and of the package that provides a provider."""
    found = {p.distribution: p.version for p in installed_providers() if p.name == provider}
    return {"dsm-core": __version__, **(found or {provider: "not installed"})}
