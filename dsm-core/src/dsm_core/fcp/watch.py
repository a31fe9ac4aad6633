"""Rows that arrive held against rows of other sources that are known: what the policy of agreement does."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import pyarrow as pa
from attrs import define, field

from dsm_core.agreement import Tolerances, compare_rows, disagreements_of
from dsm_core.config import AgreementConfig
from dsm_core.errors import CacheUnavailableError, DisagreementError
from dsm_core.fcp.ledger_keeper import LedgerKeeper
from dsm_core.fcp.merge import Batch, merge
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import Ledger, LedgerEntry
from dsm_core.model.time_range import RangeSet
from dsm_core.model.wording import counted
from dsm_core.schema.conform import empty_table

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
        """Whether anything is compared.

        A call that wants one source has its answer in that; with ``raise`` it may not replace what is held.
        """
        policy = self.agreement.policy
        is_asked = policy == "raise" or (policy == "flag" and self.series.enforced is None)
        return is_asked and self.series.schema.kind != "documents"

    def look(self, keeper: LedgerKeeper, source: str, batch: Batch) -> None:
        """Hold a batch against what is known; CPU-bound, and reads the cache where rows are not held.

        Raises
        ------
        DisagreementError
            With the policy ``raise``; the batch is to be dropped then.
        """
        beside = _beside(keeper, batch.vouched)
        for other, ranges in _others(beside.entries, keeper, source, batch.vouched).items():
            held = merge([beside, *_known(keeper, ranges)], self.series.schema, ranges)
            come = merge([batch], self.series.schema, ranges)
            sides = sorted([(other, held), (source, come)], key=lambda side: self._place(side[0]))
            cells = self._compared(sides[0], sides[1])
            if len(cells) and self.agreement.policy == "raise":
                raise self._error(cells, held=other, come=source)
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

    def _error(self, cells: pa.Table, *, held: str, come: str) -> DisagreementError:
        found = disagreements_of(cells)
        return DisagreementError(
            f"{self.series.key}: sources disagree in {counted(len(found), 'place')}; the first: {found[0]}. "
            f"What {held} told stays; what {come} told now is not used.",
            hint="`dsm audit` compares the whole range. For one source's word alone, take enforce_source "
            "with use_cache=False (--source with --no-cache on the command line); to keep it in the place of "
            "what is held, clear that first (`dsm cache clear`). Or set agreement.absolute or "
            "agreement.relative to what they may differ by, or agreement.policy to flag or prefer.",
            disagreements=found,
            series=str(self.series.key),
        )


def _beside(keeper: LedgerKeeper, vouched: RangeSet) -> Batch:
    """What the cache holds where an answer, such as a file, reaches beyond what the call looked up."""
    series, beyond = keeper.series, vouched - keeper.asked
    nothing = Batch(table=empty_table(series.schema), entries=())
    if keeper.store is None or beyond.span is None:
        return nothing
    with suppress(CacheUnavailableError):
        held = keeper.store.read(series.key, series.schema, beyond.span)
        return Batch(table=held.table, entries=held.ledger.entries).within(beyond)
    return nothing


def _others(
    beside: Iterable[LedgerEntry], keeper: LedgerKeeper, source: str, vouched: RangeSet
) -> dict[str, RangeSet]:
    """Where rows of each other source are known, of the ranges that were answered."""
    # What came since the call began is newer than what the cache held.
    ledger = Ledger.of(beside).overlay(keeper.ledger.entries)
    names = {e.source for e in ledger if e.state == "rows" and e.source != source}
    found = {name: _rows_of(ledger, name) & vouched for name in sorted(names)}
    return {name: ranges for name, ranges in found.items() if ranges}


def _rows_of(ledger: Ledger, source: str) -> RangeSet:
    return ledger.ranges(lambda e: e.state == "rows" and e.source == source)


def _known(keeper: LedgerKeeper, ranges: RangeSet) -> Iterable[Batch]:
    if keeper.keeps_rows or keeper.store is None or ranges.span is None:
        return list(keeper.batches)
    held = keeper.store.read(keeper.series.key, keeper.series.schema, ranges.span)
    return [Batch(table=held.table, entries=held.ledger.entries)]
