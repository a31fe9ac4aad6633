"""The protocol itself: a fold over the sources, each asked for what is still missing.

A failed task never rewrites the plan: its range moves on to the next source and the failure is
kept. What arrives is cached as it arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

import pyarrow as pa
from attrs import define, field

from dsm_core.errors import (
    AccessDeniedError,
    AuthenticationError,
    DataNotAvailableError,
    IntegrityError,
    OfflineError,
    RateLimitError,
    SourceError,
    SymbolNotFoundError,
)
from dsm_core.events import SegmentDone, source_scope
from dsm_core.fcp.absences import Absences
from dsm_core.fcp.assembly import assembled
from dsm_core.fcp.evidence import evidence_of
from dsm_core.fcp.intake import check_inside, take_in
from dsm_core.fcp.merge import Batch
from dsm_core.fcp.planner import OPEN_BAR, plan_open_bar, plan_source
from dsm_core.fcp.walk import Empty, SourceRun, Walk
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, RangeSet, TimeRange
from dsm_core.net import AdaptiveLane, current_deadline
from dsm_core.plugins.calling import answers_of, published_of
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task
from dsm_core.schema.conform import empty_table

__all__ = ["Execution"]

_EVER = TimeRange(EARLIEST_NS, LATEST_NS)
_PROBE_PAGES = 4
_PROBE_FILES = 13
_MOST_ROUNDS = 50
_ABSENT_MEANS_MORE = 3
# A page in place of every file, say: the months' days, thousands of them, would fail alike.
_MOST_FAILURES_IN_A_ROW = 10


@define(kw_only=True)
class Execution:
    """One call's walk through the protocol.

    Parameters
    ----------
    walk
        What its steps share.
    lane
        Gives what bounds a client's tasks in flight.
    """

    walk: Walk
    lane: Callable[[DataClientInterface], AdaptiveLane]
    absences: Absences = field(init=False)
    unfinished: pa.Table = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.absences = Absences(self.walk)
        self.unfinished = empty_table(self.walk.series.schema)

    async def run(self) -> None:
        """Ask each source in turn for what remains; then confirm what may be confirmed.

        Raises
        ------
        DSMError
            Only errors that make going on pointless: credentials, a wrong request.
        """
        runs = [(client, SourceRun()) for client in self.walk.series.sources]
        try:
            for client, run in runs:
                await self._ask(client, run)
            for client, run in runs[:-1]:
                # Objects that were left to later sources, which did not have the rest.
                run.is_sparing = False
                await self._ask(client, run)
            for client, run in runs:
                if run.unknown_symbol is not None:
                    await self.absences.note_unknown_symbol(client, run.unknown_symbol)
        finally:
            await self.walk.keeper.flush()
        await self.walk.keeper.settle()

    async def fetch_open_bar(self) -> None:
        """Ask for the bar that has not closed; kept in ``unfinished``."""
        task, client = plan_open_bar(self.walk.series, self.walk.span, self.walk.now), self.walk.series.live
        if task is None or client is None:
            return
        with source_scope(str(client.source)):
            await self._guarded(client, task, SourceRun())

    async def _ask(self, client: DataClientInterface, run: SourceRun) -> None:
        for _ in range(_MOST_ROUNDS):
            tasks = self._next_tasks(client, run)
            if not tasks or run.stopped_by is not None:
                break
            with source_scope(str(client.source)):
                await self._round(client, tasks, run)
                await self.absences.weigh(client, run)

    async def _round(self, client: DataClientInterface, tasks: Sequence[Task], run: SourceRun) -> None:
        if not run.probed and len(tasks) > (_PROBE_PAGES if client.spec.authoritative else _PROBE_FILES):
            # Years before a listing are empty pages or absent files: look at both ends first.
            tasks = (tasks[0], tasks[-1])
        run.probed = True
        run.skip.update(task.name for task in tasks)
        if self.walk.series.restated:
            # One after the other: then the first answer is the oldest, and tells of all that came since.
            for task in tasks:
                await self._guarded(client, task, run)
            return
        try:
            async with asyncio.TaskGroup() as group:
                for task in tasks:
                    group.create_task(self._guarded(client, task, run))
        except BaseExceptionGroup as group_error:
            raise group_error.exceptions[0] from None

    def _next_tasks(self, client: DataClientInterface, run: SourceRun) -> tuple[Task, ...]:
        while True:
            tasks = plan_source(
                self.walk.series,
                client,
                self.walk.remaining,
                self.walk.need,
                self.walk.now,
                frozenset(run.skip),
                ledger=self.walk.keeper.ledger,
                is_sparing=run.is_sparing,
            )
            if not run.is_sparing:
                tasks = tuple(task for task in tasks if task.url is not None)
            listed = run.listed
            absent = {t.name for t in tasks if listed is not None and t.name not in listed}
            if not absent:
                return tasks
            run.skip |= absent

    async def _guarded(self, client: DataClientInterface, task: Task, run: SourceRun) -> None:
        try:
            async with self.lane(client).slot() as slot:
                if run.stopped_by is not None:
                    raise run.stopped_by
                if run.listed is not None and task.url and task.name not in run.listed:
                    slot.done(0)
                    return
                current_deadline().check()
                await self._do(client, task, run)
                run.failed_in_a_row = 0
        except DataNotAvailableError as error:
            run.failed_in_a_row = 0
            if task.url is None:
                self.walk.fail(client, task, error)
            else:
                await self._absent(client, run)
        except SymbolNotFoundError as error:
            run.unknown_symbol = run.stopped_by = error
        except AuthenticationError:
            raise
        except (SourceError, IntegrityError) as error:
            run.failed_in_a_row += 1
            if _stops_source(error) or run.failed_in_a_row >= _MOST_FAILURES_IN_A_ROW:
                run.stopped_by = run.stopped_by or error
            self.walk.fail(client, task, error)

    async def _do(self, client: DataClientInterface, task: Task, run: SourceRun) -> None:
        walk, rows, silent = self.walk, 0, list[Batch]()
        as_of = walk.now
        # A page may span rows that are held already: those keep their origin.
        wanted = RangeSet.of(task.span) if task.url else walk.remaining
        if walk.series.schema.kind == "documents":
            # A record of now vouches from its own time until it is old.
            wanted = RangeSet.of(_EVER)
        async with aclosing(answers_of(client, task)) as answers:
            async for answer in assembled(walk.series, client, answers):
                async with evidence_of(client, answer):
                    intake = await client.context.run(take_in, walk.series, client, task, answer, walk.now)
                    check_inside(task, intake)
                if walk.watch.is_on:
                    await walk.keeper.run(walk.watch.look, walk.keeper, str(client.source), intake.batch)
                rows, as_of = rows + intake.rows, min(as_of, intake.as_of)
                if task.name == OPEN_BAR:
                    self.unfinished = intake.unfinished
                silent.append(intake.batch.within(wanted))
                if rows:
                    # Parts without a row say nothing beside parts with rows: what is left is asked for alone.
                    silent = [batch for batch in silent if batch.vouched]
                    await walk.take_all(silent)
        if rows == 0:
            run.empty_answers.append(Empty(task.span, tuple(silent), as_of))
        walk.bus.emit(
            SegmentDone(
                series=str(walk.series.key),
                source=str(client.source),
                start_ns=task.span.start,
                end_ns=task.span.end,
                rows=rows,
            )
        )

    async def _absent(self, client: DataClientInterface, run: SourceRun) -> None:
        """After a 404: look up what exists, so that years of absent files are not probed."""
        run.absent += 1
        is_lone = run.absent < _ABSENT_MEANS_MORE and not self._next_tasks(client, run)
        if run.asked_listing or is_lone:
            return
        run.asked_listing = True
        span = self.walk.remaining.span
        if span is None:
            return
        try:
            run.listed = await published_of(client, span)
        except SourceError as error:
            # Without the listing nothing more is probed: the range moves on.
            run.listed = frozenset()
            self.walk.skip(client, error)


def _stops_source(error: Exception) -> bool:
    """Whether the source's other tasks would fail alike."""
    banned = isinstance(error, RateLimitError) and bool(error.details.get("banned"))
    return banned or isinstance(error, AccessDeniedError | OfflineError)
