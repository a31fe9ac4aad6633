"""The public answer: rows with their gaps and provenance, convertible without loss."""

from __future__ import annotations

import json
from datetime import tzinfo
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import evolve, field, frozen

from dsm_core.agreement import Disagreement, disagreements_of
from dsm_core.errors import RequestError
from dsm_core.fcp.gaps import closed_gaps
from dsm_core.fcp.outcome import Outcome
from dsm_core.lineage import Locked, Manifest, Verified, locked_of, manifest_of, verify
from dsm_core.model.interval import Interval
from dsm_core.model.provenance import Failure, Gap, Segment
from dsm_core.model.wording import counted
from dsm_core.output.html import render_html
from dsm_core.output.pandas_frame import in_zone, to_frame
from dsm_core.output.polars_frame import to_polars_frame
from dsm_core.output.resample import resample_outcome
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import times_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["Coverage", "Handle", "MarketData", "SOURCE_COLUMN"]

SOURCE_COLUMN = "_data_source"


@frozen(kw_only=True)
class Coverage:
    """How much of the request was had.

    Parameters
    ----------
    expected
        Closed bars in the range; None where the grid is unknown.
    rows
        Rows delivered.
    missing
        Bars in gaps, those that have not closed aside.
    off_grid
        Bars that the venue stamped off the grid: moved to the slot that holds them, or, of sessions,
        kept where they stand.
    gaps
        How many ranges are not held, also where nobody knows how many rows they should have; those
        that have not closed aside.
    market_closed
        When the market was closed inside the range: no bar is expected and none is missing. Empty where
        no calendar is known.
    """

    expected: int | None
    rows: int
    missing: int | None
    off_grid: int
    gaps: int = field(default=0, repr=False)
    market_closed: tuple[Gap, ...] = field(default=(), repr=False)

    @property
    def complete(self) -> bool:
        """Whether nothing that has closed is missing."""
        return not self.gaps


class Handle(str):
    """What ``df.attrs["dsm"]`` holds: JSON text that is never copied, since pandas copies attrs often."""

    __slots__ = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @property
    def value(self) -> dict[str, Any]:
        """The text as a dict: series, range, rows, requests, gaps by reason, rows by source."""
        parsed: dict[str, Any] = json.loads(self)
        return parsed


class MarketData:
    """Rows of one series, why any are missing, and where each came from.

    Parameters
    ----------
    outcome
        Of the call.
    columns
        Columns to hand out, in that order; None for all.
    with_source
        Add ``_data_source``: the upper-case name of the source each row came from first.
    """

    def __init__(
        self, outcome: Outcome, *, columns: tuple[str, ...] | None = None, with_source: bool = False
    ) -> None:
        self._outcome = outcome
        self._columns, self._with_source = columns, with_source
        self._schema = outcome.series.schema
        table = outcome.table
        if columns is not None:
            table = table.select([self._schema.index, *columns])
        if with_source:
            table = table.append_column(SOURCE_COLUMN, _sources(outcome))
        self._table = table

    @property
    def schema(self) -> ChartSchema:
        """The chart type of the rows: index, columns, units."""
        return self._schema

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What is missing and why, sorted by time."""
        return self._outcome.gaps

    @property
    def provenance(self) -> tuple[Segment, ...]:
        """Where the rows came from, sorted by time."""
        return self._outcome.segments

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Sources that did not deliver a range, whether or not another one did."""
        return self._outcome.failures

    @property
    def disagreements(self) -> tuple[Disagreement, ...]:
        """Where sources told different things, by time; looked for with the policy ``flag`` alone."""
        cells = self._outcome.disagreements
        return () if cells is None else disagreements_of(cells)

    @property
    def requests(self) -> int:
        """HTTP requests that the call sent."""
        return self._outcome.requests

    @property
    def coverage(self) -> Coverage:
        """How much of the request was had."""
        out = self._outcome
        closed = [g.bars for g in out.gaps if g.reason != "not_closed_yet"]
        missing = None if out.expected is None else sum(bars or 0 for bars in closed)
        return Coverage(
            expected=out.expected,
            rows=len(self),
            missing=missing,
            off_grid=out.off_grid,
            gaps=len(closed),
            market_closed=closed_gaps(out.series, out.span) if out.span else (),
        )

    def resample(self, interval: str) -> MarketData:
        """The bars joined to coarser ones, each column by the schema's ``agg``; nothing is fetched.

        A bar is made when every source bar of it is there or finally absent at the venue. All others
        are gaps of the result: with the reason of what they lack, or, where the range begins or ends
        inside a bar, with ``not_requested`` or ``not_closed_yet``.

        Parameters
        ----------
        interval
            A whole multiple of the bars' own: ``"4h"``, ``"1w"`` (opens on Mondays), ``"1M"``.

        Returns
        -------
        MarketData
            The same columns. ``close_time`` is that of the last source bar. A bar made of rows of two
            sources has both in its segment, ``vision+rest``.

        Raises
        ------
        RequestError
            When the rows are no bars, ``interval`` is no whole multiple of theirs, or a column has no
            ``agg`` in its schema.
        """
        had = self._outcome
        outcome = evolve(
            resample_outcome(had, Interval(interval)),
            resampled_from=had.resampled_from or str(had.series.key.interval),
        )
        return MarketData(outcome, columns=self._columns, with_source=self._with_source)

    def manifest(self) -> Manifest:
        """What the rows are made of: request, origins, versions, and a hash of the rows.

        Raises
        ------
        RequestError
            When nothing could lie in the range that was asked for.
        """
        return manifest_of(self._outcome, self._plain())

    def lock(self, *, values: bool = False) -> Locked:
        """The manifest, and hashes of parts of the rows that find where another answer differs.

        Parameters
        ----------
        values
            Keep the values too, so that a difference is told with what was locked.

        Raises
        ------
        RequestError
            When the rows cannot be had again: an unfinished bar, resampled bars, a document.
        """
        return locked_of(self._outcome, self._plain(), keeps_values=values)

    def verify(self, locked: Locked) -> Verified:
        """Whether these are the rows that were locked, and if not, where they differ first.

        Raises
        ------
        RequestError
            When ``locked`` is no lock, or one of another series or range.
        IntegrityError
            When it contradicts itself.
        """
        return verify(locked, self._outcome, self._plain())

    def _plain(self) -> pa.Table:
        """The rows without what is told of their sources."""
        return self._table.drop_columns([SOURCE_COLUMN]) if self._with_source else self._table

    def __len__(self) -> int:
        return len(self._table)

    def to_arrow(self) -> pa.Table:
        """Arrow table, the time column first; nothing is copied."""
        return self._table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)

    def to_pandas(self, tz: str | tzinfo | None = None, copy: bool = True) -> pd.DataFrame:
        """Frame in the schema: index UTC, sorted, unique; columns in order.

        Parameters
        ----------
        tz
            Show the index in this zone, such as ``Europe/Zurich``; UTC by default.
        copy
            False may share memory with the cache; such a frame must not be written to.

        Returns
        -------
        pandas.DataFrame
            An empty answer has the same index, columns and dtypes. ``attrs["dsm"]`` is a
            :class:`Handle`.

        Raises
        ------
        RequestError
            When there is no such zone.
        """
        frame = to_frame(self._table, self._schema.index, copy=copy)
        if tz is not None:
            frame.index = in_zone(frame.index, tz)
        frame.attrs["dsm"] = self.handle
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Polars frame with the time as first column; the same rows as pandas.

        Raises
        ------
        ConfigError
            When polars is not installed.
        """
        return to_polars_frame(self._table)

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write a Parquet file; gaps and provenance stand in its metadata under ``dsm``.

        Raises
        ------
        RequestError
            When the file cannot be written there.
        """
        table = self._table.replace_schema_metadata(
            {**(self._table.schema.metadata or {}), "dsm": self.handle}
        )
        try:
            pq.write_table(table, path)
        except (OSError, TypeError, ValueError) as error:
            raise RequestError(
                f"{path!r} cannot be written: {error}.",
                hint="Give a file in a folder that exists and may be written to.",
                path=str(path),
            ) from error

    @property
    def handle(self) -> Handle:
        """Short JSON text about the answer."""
        out = self._outcome
        gaps: dict[str, int] = {}
        for gap in out.gaps:
            gaps[gap.reason] = gaps.get(gap.reason, 0) + (gap.bars or 0)
        sources: dict[str, int] = {}
        for segment in out.segments:
            sources[segment.source] = sources.get(segment.source, 0) + segment.rows
        return Handle(
            json.dumps(
                {
                    "series": str(out.series.key),
                    "start_ns": out.span.start if out.span else None,
                    "end_ns": out.span.end if out.span else None,
                    "rows": len(self),
                    "requests": out.requests,
                    "gaps": gaps,
                    "sources": sources,
                }
            )
        )

    def __repr__(self) -> str:
        found = f"{counted(len(self), 'row')} of {self._outcome.series.key}"
        return f"<MarketData {found}, {counted(len(self.gaps), 'gap')}, {counted(self.requests, 'request')}>"

    def _repr_html_(self) -> str:
        return render_html(self)


def _sources(outcome: Outcome) -> pa.Array:
    """Source of each row as a dictionary-encoded string column."""
    times = times_of(outcome.table, outcome.series.schema)
    live = str(outcome.series.live.source) if outcome.series.live else ""
    names = sorted({s.source.upper() for s in outcome.segments} | {live.upper()})
    # A row outside every segment is the unfinished bar.
    codes = np.full(len(times), names.index(live.upper()), dtype=np.int32)
    for segment in outcome.segments:
        a, b = np.searchsorted(times, (segment.start_ns, segment.end_ns))
        codes[a:b] = names.index(segment.source.upper())
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string())).cast(pa.string())
