"""An empty answer in the middle of a series is looked at twice.

A server in trouble may answer 200 with nothing. So a hole is asked for once more together with the
nearest row that is known: an answer without that row contradicts what is held, and vouches for
nothing.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

from attrs import frozen

from dsm_core.errors import ProtocolChangedError
from dsm_core.fcp.intake import take_in
from dsm_core.fcp.ledger_keeper import LedgerKeeper
from dsm_core.fcp.merge import Batch
from dsm_core.fcp.series import Series
from dsm_core.model.time_range import NS_PER_S, RangeSet, TimeRange, iso
from dsm_core.plugins.archive import ArchiveClient
from dsm_core.plugins.calling import answers_of
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task
from dsm_core.schema.conform import times_of

__all__ = ["Witness", "find_far_witness", "find_witness", "look_again"]

_NEAR_SLOTS: Final = 500
_NEAR_NS: Final = 24 * 3600 * NS_PER_S
# How far to look for any known row at all, step by step.
_FAR_SLOTS: Final = (8_000, 128_000)


@frozen
class Witness:
    """A known row near a hole, and the range to ask for that holds both, or what a page holds of it."""

    open: int
    asks: TimeRange


async def find_witness(
    series: Series, client: DataClientInterface, keeper: LedgerKeeper, hole: TimeRange, now: int
) -> Witness | None:
    """The nearest known row before or after ``hole``; None when the source has neither near enough."""
    if isinstance(client, ArchiveClient):
        # An object is what was published, checksum and all: it would answer the same.
        return None
    grid, most = series.grid, min(client.spec.page_rows or _NEAR_SLOTS, _NEAR_SLOTS)
    if grid is None:
        near = TimeRange(hole.start - _NEAR_NS, hole.end + _NEAR_NS)
    else:
        near = TimeRange(grid.back(hole.start, most - 1), grid.back(grid.ceil(hole.end), 1 - most))
    # What a rolling history has passed is known here, but the source has it no more.
    reach = client.surely_held(RangeSet.of(near), now).span
    if reach is None:
        return None
    before = await keeper.last_row(TimeRange(reach.start, hole.start)) if reach.start < hole.start else None
    if before is not None:
        end = hole.end if grid is None else min(hole.end, grid.back(before, -most))
        return Witness(before, TimeRange(before, end))
    after = await keeper.first_row(TimeRange(hole.end, reach.end)) if hole.end < reach.end else None
    if after is not None:
        end = after + 1 if grid is None else grid.next(after)
        start = hole.start if grid is None else max(hole.start, grid.back(end, most))
        return Witness(after, TimeRange(start, end))
    return None


async def find_far_witness(
    series: Series, client: DataClientInterface, keeper: LedgerKeeper, hole: TimeRange, now: int
) -> Witness | None:
    """Any known row, to be asked for alone: whether the source gives now what it has; None without one."""
    grid, interval = series.grid, client.interval
    if isinstance(client, ArchiveClient) or grid is None or interval is None:
        return None
    for slots in _FAR_SLOTS:
        width = slots * interval.longest_ns
        around = TimeRange(max(0, hole.start - width), min(now, hole.end + width))
        reach = client.surely_held(RangeSet.of(around), now).span
        if reach is None:
            continue
        known = (
            await keeper.last_row(TimeRange(reach.start, hole.start)) if reach.start < hole.start else None
        )
        if known is None and hole.end < reach.end:
            known = await keeper.first_row(TimeRange(hole.end, reach.end))
        if known is not None:
            return Witness(known, TimeRange(known, grid.next(known)))
    return None


async def look_again(
    series: Series, client: DataClientInterface, witness: Witness, now: int
) -> tuple[Batch, ...]:
    """Answers to the second question.

    Raises
    ------
    ProtocolChangedError
        When the known bar is missing from them.
    """
    asked = witness.asks
    task = Task(name=f"{asked.start}-{asked.end} again", source=str(client.source), span=asked)
    batches = []
    seen = False
    async with aclosing(answers_of(client, task)) as answers:
        async for answer in answers:
            batch = (await client.context.run(take_in, series, client, task, answer, now)).batch
            seen = seen or witness.open in times_of(batch.table, series.schema)
            batches.append(batch)
    if not seen:
        raise ProtocolChangedError(
            f"{client.source} answered without the bar of {iso(witness.open)}, which is known.",
            hint="Its empty answer is not believed; ask again later.",
        )
    return tuple(batches)
