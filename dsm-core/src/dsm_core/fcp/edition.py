"""One edition of an object: fetched whole, compared with what is held, and kept in its place."""

from __future__ import annotations

from contextlib import aclosing

import pyarrow as pa
from attrs import evolve, frozen

from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.errors import ProtocolChangedError
from dsm_core.fcp.assembly import assembled
from dsm_core.fcp.evidence import evidence_of
from dsm_core.fcp.intake import check_inside, take_in
from dsm_core.fcp.merge import Batch, merge
from dsm_core.fcp.row_changes import Changes, changes_between, rows_inside
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import WITHDRAWN, Ledger, LedgerEntry, Origin
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins.archive import ArchiveClient
from dsm_core.plugins.calling import answers_of
from dsm_core.plugins.task import Task

__all__ = ["Edition", "fetch_edition", "is_same", "keep_edition"]


@frozen(kw_only=True)
class Edition:
    """What an object holds as it is published now."""

    task: Task
    origin: Origin
    table: pa.Table
    entries: tuple[LedgerEntry, ...]

    @property
    def ranges(self) -> RangeSet:
        """What its rows vouch for."""
        return RangeSet.from_pairs((e.start, e.end) for e in self.entries)


def is_same(known: Origin, told: Origin) -> bool | None:
    """Whether both are one edition, by the strongest mark that both have; None where they share none."""
    if known.sha256 and told.sha256:
        return known.sha256 == told.sha256
    if known.etag and told.etag:
        return known.etag.removeprefix("W/") == told.etag.removeprefix("W/")
    if known.last_modified and told.last_modified and None not in (known.size, told.size):
        return (known.last_modified, known.size) == (told.last_modified, told.size)
    return None


async def fetch_edition(series: Series, client: ArchiveClient, task: Task, now: int) -> Edition:
    """The object as it is published now, verified and conformed.

    Raises
    ------
    SourceError, IntegrityError
        When it cannot be had, or is refused.
    """
    batches: list[Batch] = []
    origin = Origin()
    async with aclosing(answers_of(client, task)) as answers:
        async for answer in assembled(series, client, answers):
            async with evidence_of(client, answer):
                intake = await client.context.run(take_in, series, client, task, answer, now)
                check_inside(task, intake)
                _check_finished(task, len(intake.unfinished))
            origin = answer.origin or origin
            batches.append(evolve(intake.batch, rank=len(batches)))
    entries = Ledger().overlay(e for batch in batches for e in batch.entries if e.state == "rows").entries
    whole = RangeSet.from_pairs((e.start, e.end) for e in entries)
    table = merge(batches, series.schema, whole).combine_chunks()
    return Edition(task=task, origin=origin, table=table, entries=entries)


def keep_edition(
    store: CacheStore, series: Series, edition: Edition, old: frozenset[Origin], now: int
) -> Changes:
    """Let an edition take the place of older ones in the cache; CPU and disk work.

    Rows of other origin stay. What the older ones had and this one has not is written down as withdrawn.

    Parameters
    ----------
    old
        Origins of the editions that give way.

    Returns
    -------
    Changes
        What differs from what was held a moment ago.

    Raises
    ------
    CacheUnavailableError
        When the cache cannot be written; each of its files then holds one edition or the other.
    """
    ends = [(e.start, e.end) for e in edition.entries]
    span = RangeSet.from_pairs([(edition.task.span.start, edition.task.span.end), *ends]).span
    assert span is not None, "a period is never empty"
    # Slots reach over the end of the object's period, as weeks do over that of a month.
    known = store.read(series.key, series.schema, _widened(series, span), own=True)
    mine = known.ledger.ranges(lambda e: e.state == "rows" and e.origin in old)
    others = known.ledger.ranges(lambda e: e.state == "rows" and e.origin not in old)
    entries = (*edition.entries, *_withdrawn(series, edition, mine, now), *_back(edition, known.ledger, old))
    batch = CacheBatch(table=edition.table, entries=entries, replaces=old - {edition.origin})
    changes = changes_between(
        rows_inside(known.table, series.schema, mine),
        rows_inside(edition.table, series.schema, edition.ranges - others),
        series.schema,
    )
    store.write(series.key, series.schema, [batch], now=now)
    return changes


def _withdrawn(series: Series, edition: Edition, mine: RangeSet, now: int) -> list[LedgerEntry]:
    """Final absences of what the edition has no more."""
    source = edition.task.source
    return [
        LedgerEntry(
            start=r.start,
            end=r.end,
            state="confirmed",
            source=source,
            first_fetched=now,
            last_fetched=now,
            origin=edition.origin,
            reason=WITHDRAWN,
        )
        for r in series.align(mine - edition.ranges)
    ]


def _back(edition: Edition, known: Ledger, old: frozenset[Origin]) -> list[LedgerEntry]:
    """What older editions had withdrawn and this one has not either: told of in its name."""
    gone = (e for e in known if e.reason == WITHDRAWN and e.origin in old)
    return [
        evolve(e.cut(r.start, r.end), origin=edition.origin)
        for e in gone
        for r in RangeSet.from_pairs([(e.start, e.end)]) - edition.ranges
    ]


def _widened(series: Series, span: TimeRange) -> TimeRange:
    if series.grid is None:
        return span
    return TimeRange(series.grid.floor(span.start), series.grid.ceil(span.end))


def _check_finished(task: Task, unfinished: int) -> None:
    if unfinished:
        raise ProtocolChangedError(
            f"{task.name} was made, by its Last-Modified, before {unfinished} of its bars had closed.",
            hint="What is held stays; ask again later, and check this machine's clock.",
        )
