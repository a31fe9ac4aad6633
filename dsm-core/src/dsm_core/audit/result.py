"""What an audit found: rows compared, what differs, and where a source could not tell."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import evolve, field, frozen

from dsm_core.agreement import Disagreement, disagreements_of
from dsm_core.errors import DSMError, RequestError
from dsm_core.model.provenance import Gap
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange, from_ns, iso
from dsm_core.model.wording import counted
from dsm_core.schema.chart_type import ChartSchema

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

__all__ = ["Audit"]

_SHOWN: Final = 10


@frozen(kw_only=True, repr=False, eq=False)
class Audit:
    """Rows of one range as each source of a series tells them, held against each other.

    Parameters
    ----------
    key
        Which series.
    span
        The range, half-open.
    schema
        Its chart type.
    cells
        What differs, by time; :meth:`to_arrow` tells the columns.
    compared
        Rows that two sources both have, summed over the pairs of sources.
    rows
        Rows that each source has, by source.
    untold
        Gaps of each source in which it could not tell whether there is a row: it failed, has not published
        it yet, or keeps no such history. Rows of others are not held against it there.
    lacking
        Columns that a source does not have at all, by source; they are not compared.
    failures
        Why a source delivered nothing at all, by source.
    requests
        HTTP requests sent.
    """

    key: SeriesKey
    span: TimeRange
    schema: ChartSchema = field(repr=False)
    cells: pa.Table
    compared: int
    rows: Mapping[str, int]
    untold: Mapping[str, tuple[Gap, ...]]
    lacking: Mapping[str, tuple[str, ...]]
    failures: Mapping[str, DSMError]
    requests: int

    @property
    def sources(self) -> tuple[str, ...]:
        """Who was asked, in order."""
        return tuple(self.rows)

    @property
    def start_time(self) -> datetime:
        """First instant, inclusive, UTC."""
        return from_ns(self.span.start)

    @property
    def end_time(self) -> datetime:
        """End, exclusive, UTC."""
        return from_ns(self.span.end)

    @property
    def disagreements(self) -> tuple[Disagreement, ...]:
        """What differs, by time; made anew at each look."""
        return disagreements_of(self.cells)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs of what could be compared."""
        return not len(self.cells)

    @property
    def complete(self) -> bool:
        """Whether no source failed and rows were compared.

        What an archive has not published yet, or a source no longer keeps, is no failure.
        """
        failed = any(
            gap.reason in ("source_failed", "not_requested") for g in self.untold.values() for gap in g
        )
        return not self.failures and not failed and self.compared > 0

    def to_arrow(self) -> pa.Table:
        """What differs: a row for each cell, and for each row that only one source has.

        Columns: ``time``; ``row`` (what tells rows of one instant apart); ``kind`` (``value``,
        ``only_first``, ``only_second``); ``column``; ``first_source``, ``second_source``; ``first_value``,
        ``second_value`` (text that loses nothing); ``difference`` and ``relative`` (of numbers).
        """
        return self.cells

    def to_pandas(self) -> pd.DataFrame:
        """The same as a pandas frame."""
        frame: pd.DataFrame = self.cells.to_pandas()
        return frame

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write the same to a Parquet file.

        Raises
        ------
        RequestError
            When the file cannot be written there.
        """
        try:
            pq.write_table(self.cells, path)
        except (OSError, TypeError, ValueError) as error:
            raise RequestError(
                f"{path!r} cannot be written: {error}.",
                hint="Give a file in a folder that exists and may be written to.",
                path=str(path),
            ) from error

    def __repr__(self) -> str:
        found = f"{counted(len(self.cells), 'disagreement')} in {counted(self.compared, 'compared row')}"
        return f"<Audit of {self.key}: {found}>"

    def __str__(self) -> str:
        lines = [f"{self.key} [{iso(self.span.start)}, {iso(self.span.end)})"]
        lines += [self._told(source) for source in self.sources]
        lines.append(self.summary)
        lines += [f"  {found}" for found in disagreements_of(self.cells.slice(0, _SHOWN))]
        if len(self.cells) > _SHOWN:
            lines.append(f"  and {len(self.cells) - _SHOWN} more")
        return "\n".join(lines)

    def _told(self, source: str) -> str:
        if source in self.failures:
            why = self.failures[source].message.removeprefix(f"No source delivered {self.key}: ")
            return f"{source}: failed: {_without_place(why, source, self.span.start, self.span.end)}"
        text = f"{source}: {counted(self.rows[source], 'row')}"
        if self.lacking[source]:
            text += f", has no {', '.join(self.lacking[source])}"
        return text + "".join(f"\n{source}: cannot tell {_told(gap, source)}" for gap in self.untold[source])

    @property
    def summary(self) -> str:
        """What came of it, in one sentence."""
        if not self.compared and not len(self.cells):
            return "No row could be compared."
        head = f"{counted(self.compared, 'row')} compared: "
        if self.agrees:
            return f"{head}they agree."
        kinds = self.cells.column("kind").to_pylist()
        values = kinds.count("value")
        parts = [f"{counted(values, 'cell')} differ" + "s" * (values == 1)] if values else []
        lone = len(kinds) - values
        parts += [f"{counted(lone, 'row')} stand" + "s" * (lone == 1) + " in one source only"] if lone else []
        return f"{head}{', '.join(parts)}."


def _told(gap: Gap, source: str) -> str:
    return str(evolve(gap, detail=_without_place(gap.detail, source, gap.start_ns, gap.end_ns)))


def _without_place(why: str, source: str, start_ns: int, end_ns: int) -> str:
    """The reason alone, where source and range stand before it on the line already."""
    return why.removeprefix(f"{source} for {iso(start_ns)} to {iso(end_ns)}: ")
