"""The protocol itself: a fold over the sources, each asked for what is still missing.

A failed task never rewrites the plan: its range moves on to the next source and the failure is
kept. What arrives is cached as it arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pyarrow as pa
from attrs import define, field, frozen

from dsm_core.errors import (
    AccessDeniedError,
    AuthenticationError,
    DataNotAvailableError,
    IntegrityError,
    OfflineError,
    ProtocolChangedError,
    RateLimitError,
    SourceError,
    SymbolNotFoundError,
)
from dsm_core.events import EventBus, SegmentDone, SourceSkipped
from dsm_core.fcp.failures import add_failure
from dsm_core.fcp.intake import Intake, absence, take_in
from dsm_core.fcp.ledger_keeper import LedgerKeeper
from dsm_core.fcp.merge import Batch
from dsm_core.fcp.planner import OPEN_BAR, covered, needed, plan_open_bar, plan_source
from dsm_core.fcp.second_look import find_witness, look_again
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import UNKNOWN_SYMBOL
from dsm_core.model.provenance import Failure
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.net import AdaptiveLane, current_deadline
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task
from dsm_core.schema.conform import empty_table

__all__ = ["Execution"]

_PROBE_PAGES = 4
_PROBE_FILES = 13
_MOST_ROUNDS = 50
_ABSENT_MEANS_MORE = 3


@frozen
class _Empty:
    """A task that brought no row, and what its answers would vouch for."""

    span: TimeRange
    batches: tuple[Batch, ...]


@define
class _SourceRun:
    """What is known of one source during one call."""

    skip: set[str] = field(factory=set)
    is_sparing: bool = True
    listed: frozenset[str] | None = None
    asked_listing: bool = False
    absent: int = 0
    probed: bool = False
    asked_lifetime: bool = False
    stopped_by: Exception | None = None
    unknown_symbol: SymbolNotFoundError | None = None
    empty_answers: list[_Empty] = field(factory=list)


@define(kw_only=True)
class Execution:
    """One call's walk through the protocol.

    Parameters
    ----------
    series
        What is fetched, and from whom.
    span
        The range asked for.
    now
        The venue's time, UTC nanoseconds; one for the whole call.
    keeper
        Holds what is known so far, and caches what arrives.
    lane
        Gives what bounds a client's tasks in flight.
    bus
        Takes the events.
    """

    series: Series
    span: TimeRange
    now: int
    keeper: LedgerKeeper
    lane: Callable[[DataClientInterface], AdaptiveLane]
    bus: EventBus
    failures: list[Failure] = field(factory=list)
    unknown_symbol: SymbolNotFoundError | None = None
    forgotten: bool = False
    unfinished: pa.Table = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.unfinished = empty_table(self.series.schema)

    @property
    def need(self) -> RangeSet:
        """Whole closed slots of the range."""
        return needed(self.series, self.span, self.now)

    @property
    def remaining(self) -> RangeSet:
        """What no one has vouched for yet."""
        return self.series.align(self.need - covered(self.keeper.ledger, self.series, self.now))

    async def run(self) -> None:
        """Ask each source in turn for what remains; then confirm what may be confirmed.

        Raises
        ------
        DSMError
            Only errors that make going on pointless: credentials, a wrong request.
        """
        runs = [(client, _SourceRun()) for client in self.series.sources]
        try:
            for client, run in runs:
                await self._ask(client, run)
            for client, run in runs[:-1]:
                # Objects that were left to later sources, which did not have the rest.
                run.is_sparing = False
                await self._ask(client, run)
            for client, run in runs:
                if run.unknown_symbol is not None:
                    await self._unknown_symbol(client, run.unknown_symbol)
        finally:
            await self.keeper.flush()
        await self.keeper.settle()

    async def fetch_open_bar(self) -> None:
        """Ask for the bar that has not closed; kept in ``unfinished``."""
        task, client = plan_open_bar(self.series, self.span, self.now), self.series.live
        if task is None or client is None:
            return
        await self._guarded(client, task, _SourceRun())

    async def _ask(self, client: DataClientInterface, run: _SourceRun) -> None:
        for _ in range(_MOST_ROUNDS):
            tasks = self._next_tasks(client, run)
            if not tasks or run.stopped_by is not None:
                break
            await self._round(client, tasks, run)
            await self._after_round(client, run)

    async def _round(self, client: DataClientInterface, tasks: Sequence[Task], run: _SourceRun) -> None:
        if not run.probed and len(tasks) > (_PROBE_PAGES if client.spec.authoritative else _PROBE_FILES):
            # Years before a listing are empty pages or absent files: look at both ends first.
            tasks = (tasks[0], tasks[-1])
        run.probed = True
        run.skip.update(task.name for task in tasks)
        try:
            async with asyncio.TaskGroup() as group:
                for task in tasks:
                    group.create_task(self._guarded(client, task, run))
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from None

    def _next_tasks(self, client: DataClientInterface, run: _SourceRun) -> tuple[Task, ...]:
        while True:
            tasks = plan_source(
                self.series,
                client,
                self.remaining,
                self.need,
                self.now,
                frozenset(run.skip),
                ledger=self.keeper.ledger,
                is_sparing=run.is_sparing,
            )
            if not run.is_sparing:
                tasks = tuple(task for task in tasks if task.url is not None)
            listed = run.listed
            absent = {t.name for t in tasks if listed is not None and t.name not in listed}
            if not absent:
                return tasks
            run.skip |= absent

    async def _guarded(self, client: DataClientInterface, task: Task, run: _SourceRun) -> None:
        try:
            async with self.lane(client).slot() as slot:
                if run.stopped_by is not None:
                    raise run.stopped_by
                if run.listed is not None and task.url and task.name not in run.listed:
                    slot.done(0)
                    return
                current_deadline().check()
                await self._do(client, task, run)
        except DataNotAvailableError as error:
            if task.url is None:
                self._fail(client, task, error)
            else:
                await self._absent(client, run)
        except SymbolNotFoundError as error:
            run.unknown_symbol = run.stopped_by = error
        except AuthenticationError:
            raise
        except (SourceError, IntegrityError) as error:
            if _stops_source(error):
                run.stopped_by = error
            self._fail(client, task, error)

    async def _do(self, client: DataClientInterface, task: Task, run: _SourceRun) -> None:
        rows, silent = 0, list[Batch]()
        # A page may span rows that are held already: those keep their origin.
        wanted = RangeSet.of(task.span) if task.url else self.remaining
        async for answer in client.answers(task):
            intake = await client.context.run(take_in, self.series, client, task, answer, self.now)
            _check_inside(task, intake)
            rows += intake.rows
            if task.name == OPEN_BAR:
                self.unfinished = intake.unfinished
            silent.append(intake.batch.within(wanted))
            if rows:
                await self._take_all(silent)
        if rows == 0:
            run.empty_answers.append(_Empty(task.span, tuple(silent)))
        self.bus.emit(
            SegmentDone(
                series=str(self.series.key),
                source=str(client.source),
                start_ns=task.span.start,
                end_ns=task.span.end,
                rows=rows,
            )
        )

    async def _take_all(self, batches: list[Batch]) -> None:
        while batches:
            await self.keeper.take(batches.pop(0))

    async def _after_round(self, client: DataClientInterface, run: _SourceRun) -> None:
        """Weigh empty answers: inside the series look twice, outside ask for its first and last bar."""
        empties, run.empty_answers = run.empty_answers, []
        outside = False
        # An answer of events vouches for a range without any.
        told = RangeSet.of(*(r for e in empties for b in e.batches for r in b.vouched))
        # Pages that follow each other are one hole: only its ends have neighbours that are known.
        for hole in RangeSet.of(*(empty.span for empty in empties)):
            inside = client.spec.authoritative and await self.keeper.is_inside(hole)
            outside = outside or not (inside or not RangeSet.of(hole) - told)
            if not inside or await self._is_believed(client, hole):
                await self._take_all([b for e in empties if e.span.start in hole for b in e.batches])
        if not client.spec.authoritative or run.stopped_by is not None or run.asked_lifetime or not outside:
            return
        run.asked_lifetime = True
        try:
            life = await client.lifetime()
        except SourceError as error:
            self._skip(client, error)
            return
        if life is not None:
            await self._outside(client, life)

    async def _is_believed(self, client: DataClientInterface, hole: TimeRange) -> bool:
        witness = find_witness(self.series, client, self.keeper.ledger, hole)
        if witness is None:
            return True
        try:
            batches = await look_again(self.series, client, witness, self.now)
        except (SourceError, IntegrityError) as error:
            self._fail(client, Task(name="again", source=str(client.source), span=hole), error)
            return False
        found = [batch.within(RangeSet.of(hole)) for batch in batches]
        await self._take_all(found.copy())
        # Rows where the first answer had none refute it: what is left is asked for anew.
        return not any(batch.vouched for batch in found)

    async def _outside(self, client: DataClientInterface, life: TimeRange) -> None:
        need = self.need
        before = need & RangeSet.from_pairs([(self.span.start, life.start)])
        after = need & RangeSet.from_pairs([(life.end, self.span.end)])
        # Asked of one source alone, another may still know more: then it stays provisional.
        sure = self.series.enforced is None
        await self.keeper.note(absence(client, before, "not_listed_yet", self.now), confirmed=sure)
        await self.keeper.note(absence(client, after, "delisted", self.now), confirmed=False)

    async def _absent(self, client: DataClientInterface, run: _SourceRun) -> None:
        """After a 404: look up what exists, so that years of absent files are not probed."""
        run.absent += 1
        is_lone = run.absent < _ABSENT_MEANS_MORE and not self._next_tasks(client, run)
        if run.asked_listing or is_lone:
            return
        run.asked_listing = True
        span = self.remaining.span
        if span is None:
            return
        try:
            run.listed = await client.published(span)
        except SourceError as error:
            # Without the listing nothing more is probed: the range moves on.
            run.listed = frozenset()
            self._skip(client, error)

    async def _unknown_symbol(self, client: DataClientInterface, error: SymbolNotFoundError) -> None:
        """The venue forgot a symbol that the archive or the cache has: it was delisted.

        That confirms nothing, since the archive may publish more of it; it is only remembered for a
        while, and not at all when the other sources were not asked.
        """
        if await self.keeper.has_rows() or await self._is_archived():
            self.forgotten = True
            if self.series.enforced is None:
                failed = RangeSet.from_pairs((f.start_ns, f.end_ns) for f in self.failures)
                known = absence(client, self.remaining - failed, UNKNOWN_SYMBOL, self.now)
                await self.keeper.note(known, confirmed=False)
        else:
            self.unknown_symbol = error

    async def _is_archived(self) -> bool:
        whole = TimeRange(0, self.now)
        for client in self.series.clients.values():
            try:
                if await client.published(whole):
                    return True
            except SourceError:
                continue
        return False

    def _fail(self, client: DataClientInterface, task: Task, error: Exception) -> None:
        if add_failure(self.failures, str(client.source), task, error):
            self._skip(client, error)

    def _skip(self, client: DataClientInterface, error: Exception) -> None:
        self.bus.emit(SourceSkipped(series=str(self.series.key), source=str(client.source), error=str(error)))


def _check_inside(task: Task, intake: Intake) -> None:
    """Refuse an answer to another question: rows, and none of them in the range asked for."""
    if intake.outside and not intake.rows and not len(intake.unfinished):
        raise ProtocolChangedError(
            f"All {intake.outside} rows lie outside the range {task.span} that was asked for.",
            hint="The answer is not used; ask again later.",
        )


def _stops_source(error: Exception) -> bool:
    """Whether the source's other tasks would fail alike."""
    banned = isinstance(error, RateLimitError) and bool(error.details.get("banned"))
    return banned or isinstance(error, AccessDeniedError | OfflineError)
