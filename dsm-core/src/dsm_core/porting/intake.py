"""Rows of a file into the cache: what they vouch for, and what is held already."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from attrs import evolve, frozen

from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.errors import SchemaMismatchError
from dsm_core.fcp.intake import Intake, take_in
from dsm_core.fcp.merge import Batch
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import Origin
from dsm_core.model.grid import Grid
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS, RangeSet, TimeRange
from dsm_core.plugins.answer import Answer
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.spec import ClientSpec
from dsm_core.plugins.task import Task
from dsm_core.porting.source_file import SourceFile
from dsm_core.porting.target import Target
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.conform import times_of

__all__ = ["IMPORTED", "ImportedFile", "keep", "keep_foreign"]

IMPORTED: Final = "imported"
"""Source, in the ledger, of rows that no source of the provider delivered."""
_EVER: Final = TimeRange(EARLIEST_NS, LATEST_NS)
# From so many bars on, not two of which follow each other, the interval is taken for wrong.
_MANY_BARS: Final = 10
_NO_CONTEXT: Any = None


@frozen(kw_only=True)
class ImportedFile:
    """What became of one file.

    Parameters
    ----------
    path
        Of the file.
    outcome
        ``refused`` files are not what they should be; ``skipped`` ones hold something else.
    key
        The series; None where it could not be told.
    rows
        Written to the cache.
    held
        Left out, as that range was known already.
    unfinished
        Left out, as their bars had not closed.
    verified
        Whether a checksum lay beside the file and was right.
    problem
        Why it was refused or skipped, and what to do.
    """

    path: Path
    outcome: Literal["imported", "refused", "skipped"] = "imported"
    key: SeriesKey | None = None
    rows: int = 0
    held: int = 0
    unfinished: int = 0
    verified: bool = False
    problem: str = ""


class _ForeignClient(DataClientInterface):
    """Stands for the program whose file is imported; nobody asks it to fetch."""

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        raise NotImplementedError


def keep(
    store: CacheStore,
    target: Target,
    client: DataClientInterface,
    task: Task,
    answer: Answer,
    *,
    now: int,
    force: bool,
) -> ImportedFile:
    """Write rows of one of the provider's own files.

    Parameters
    ----------
    client
        Whose rows they are: its source goes into the ledger.
    task
        Its name is the file's path, its span bounds the rows.
    answer
        The rows with their origin.
    now
        UTC nanoseconds; bars that have not closed are left out.
    force
        Replace rows that are held, and absences that are final; else only the rest is written.

    Raises
    ------
    SchemaMismatchError
        When the rows cannot be brought to the schema.
    CacheUnavailableError
        When the cache cannot be written.
    """
    intake = _taken(target, client, task, answer, now)
    return _written(store, target, task, intake, now, force=force)


def keep_foreign(
    store: CacheStore, target: Target, file: SourceFile, rows: Any, *, now: int, force: bool
) -> ImportedFile:
    """Write bars of another program's file; their source is :data:`IMPORTED`.

    A last bar that was open when the file was written is left out: it is unfinished there, also when
    it has closed since.

    Parameters
    ----------
    rows
        A table with columns of the schema; those it lacks become null.

    Raises
    ------
    RequestError
        When they are no bars of the series.
    CacheUnavailableError
        When the cache cannot be written.
    """
    client = _foreign_client(target)
    grid = client.grid
    assert grid is not None, "only series of bars on a grid have foreign rows"
    origin = Origin(url=f"imported:{file.path.name}", sha256=file.sha256, size=len(file.data))
    task = Task(name=str(file.path), source=IMPORTED, span=_EVER)
    try:
        intake = _taken(target, client, task, Answer(rows, origin=origin), now)
    except SchemaMismatchError as error:
        hint = error.hint or "Is it that series? --series names it, --columns what its columns mean."
        raise file.refusal(error.message.rstrip("."), hint) from error
    _check_spacing(file, intake, target, grid)
    return _written(store, target, task, _without_open_bar(intake, target, file, grid), now, force=force)


def _foreign_client(target: Target) -> DataClientInterface:
    own, interval = target.client_class.spec, target.key.interval
    spec = ClientSpec(
        market_type=own.market_type,
        chart_type=own.chart_type,
        source=IMPORTED,
        intervals={} if interval is None else {interval: str(interval)},
        grid=lambda _: target.grid,
    )
    made: type[DataClientInterface] = type("_Foreign", (_ForeignClient,), {"spec": spec})
    return made(target.key.symbol, interval, _NO_CONTEXT)


def _taken(target: Target, client: DataClientInterface, task: Task, answer: Answer, now: int) -> Intake:
    series = Series(
        key=target.key, schema=target.schema, clients={str(client.source): client}, grid=client.grid
    )
    return take_in(series, client, task, answer, now)


def _check_spacing(file: SourceFile, intake: Intake, target: Target, grid: Grid) -> None:
    """Refuse hours given out as minutes: all of them stand on the grid, but no two follow each other."""
    times = times_of(intake.batch.table, target.schema)
    if len(times) >= _MANY_BARS and int(np.diff(grid.indices(times)).min()) > 1:
        raise file.refusal(
            f"no two of its {len(times)} bars are {target.key.interval} apart",
            "Name the series with its own interval: --series.",
        )


def _without_open_bar(intake: Intake, target: Target, file: SourceFile, grid: Grid) -> Intake:
    times = times_of(intake.batch.table, target.schema)
    slot = grid.slot_at(file.written_ns)
    if slot is None or not len(times) or int(times[-1]) != slot.start:
        return intake
    batch = intake.batch.within(RangeSet.of(TimeRange(EARLIEST_NS, slot.start)))
    unfinished = intake.batch.table.slice(len(times) - 1)
    return evolve(intake, batch=batch, unfinished=unfinished)


def _written(
    store: CacheStore, target: Target, task: Task, intake: Intake, now: int, *, force: bool
) -> ImportedFile:
    found = intake.batch
    batch = found if force else found.within(RangeSet.of(_EVER) - _known(store, target, found))
    if batch.entries:
        ready = CacheBatch(table=batch.table, entries=batch.entries)
        store.write(target.key, target.schema, [ready], now=now)
    rows = _count(batch, target.schema)
    return ImportedFile(
        path=Path(task.name),
        key=target.key,
        rows=rows,
        held=_count(found, target.schema) - rows,
        unfinished=len(intake.unfinished),
    )


def _known(store: CacheStore, target: Target, found: Batch) -> RangeSet:
    """Where the cache has rows, or knows for good that there are none."""
    span = found.vouched.span
    if span is None:
        return RangeSet()
    ledger = store.read(target.key, target.schema, span, columns=()).ledger
    return ledger.ranges(lambda entry: entry.state != "provisional")


def _count(batch: Batch, schema: ChartSchema) -> int:
    times = times_of(batch.table, schema)
    bounds = np.array([(r.start, r.end) for r in batch.vouched], dtype=np.int64).reshape(-1, 2)
    places = np.searchsorted(times, bounds)
    return int((places[:, 1] - places[:, 0]).sum())
