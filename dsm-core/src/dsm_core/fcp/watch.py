"""Rows that arrive held against rows of other sources that are known: what the policy of agreement does."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
from attrs import define, field

from dsm_core.agreement import Tolerances, compare_rows, disagreements_of
from dsm_core.config import AgreementConfig
from dsm_core.errors import DisagreementError
from dsm_core.fcp.ledger_keeper import LedgerKeeper
from dsm_core.fcp.merge import Batch, merge
from dsm_core.fcp.series import Series
from dsm_core.model.time_range import RangeSet
from dsm_core.model.wording import counted

__all__ = ["Watch"]


@define(kw_only=True)
class Watch:
    """Compares each answer with what other sources brought of the same rows, before it is kept.

    Parameters
    ----------
    series
        Whose rows they are.
    agreement
        Policy and tolerances; with ``prefer`` nothing is compared.
    found
        Tables of what differs, with ``flag``.
    """

    series: Series
    agreement: AgreementConfig
    found: list[pa.Table] = field(factory=list)

    @property
    def is_on(self) -> bool:
        """Whether anything is compared; a call that wants one source has its answer in that."""
        is_asked = self.agreement.policy != "prefer"
        return is_asked and self.series.enforced is None and self.series.schema.kind != "documents"

    def look(self, keeper: LedgerKeeper, source: str, batch: Batch) -> None:
        """Hold a batch against what is known; CPU-bound, and reads the cache where rows are not held.

        Raises
        ------
        DisagreementError
            With the policy ``raise``; the batch is to be dropped then.
        """
        for other, ranges in _others(keeper, source, batch.vouched).items():
            held = merge(_known(keeper, ranges), self.series.schema, ranges)
            come = merge([batch], self.series.schema, ranges)
            sides = sorted([(other, held), (source, come)], key=lambda side: self._place(side[0]))
            cells = self._compared(sides[0], sides[1])
            if len(cells) and self.agreement.policy == "raise":
                raise self._error(cells)
            if len(cells):
                self.found.append(cells)

    def cells(self) -> pa.Table | None:
        """All that was found, by time."""
        return pa.concat_tables(self.found).sort_by("time") if self.found else None

    def _place(self, source: str) -> int:
        order = list(self.series.clients)
        return order.index(source) if source in order else len(order)

    def _compared(self, first: tuple[str, pa.Table], second: tuple[str, pa.Table]) -> pa.Table:
        schema = self.series.schema
        tolerances = Tolerances.for_schema(
            schema, self.agreement.relative, self.agreement.absolute, is_strict=False
        )
        lacking = self._lacking(first) | self._lacking(second)
        columns = [name for name in schema.column_names if name not in lacking]
        return compare_rows(first, second, schema, tolerances, columns=columns).cells

    def _lacking(self, side: tuple[str, pa.Table]) -> frozenset[str]:
        source, table = side
        client = self.series.clients.get(source)
        if client is not None:
            return self.series.absent_columns(client)
        # Imported rows: nobody declares which columns their files had.
        return frozenset(name for name in table.column_names if table.column(name).null_count == len(table))

    def _error(self, cells: pa.Table) -> DisagreementError:
        found = disagreements_of(cells)
        return DisagreementError(
            f"{self.series.key}: sources disagree in {counted(len(found), 'place')}; the first: {found[0]}.",
            hint="`dsm audit` compares the whole range. Take one with enforce_source, give a tolerance, set "
            "agreement.policy to flag or prefer.",
            disagreements=found,
            series=str(self.series.key),
        )


def _others(keeper: LedgerKeeper, source: str, vouched: RangeSet) -> dict[str, RangeSet]:
    """Where rows of each other source are known, of the ranges that were answered."""
    known = {e.source for e in keeper.ledger.entries if e.state == "rows" and e.source != source}
    found = {name: _rows_of(keeper, name) & vouched for name in sorted(known)}
    return {name: ranges for name, ranges in found.items() if ranges}


def _rows_of(keeper: LedgerKeeper, source: str) -> RangeSet:
    return keeper.ledger.ranges(lambda e: e.state == "rows" and e.source == source)


def _known(keeper: LedgerKeeper, ranges: RangeSet) -> Iterable[Batch]:
    if keeper.keeps_rows or keeper.store is None or ranges.span is None:
        return list(keeper.batches)
    held = keeper.store.read(keeper.series.key, keeper.series.schema, ranges.span)
    return [Batch(table=held.table, entries=held.ledger.entries)]
