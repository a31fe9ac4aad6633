"""An empty answer in the middle of a series is looked at twice.

A server in trouble may answer 200 with nothing. So a hole is asked for once more together with a
neighbouring bar that is known: an answer without that bar contradicts what is held, and vouches
for nothing.
"""

from __future__ import annotations

from attrs import frozen

from dsm_core.errors import ProtocolChangedError
from dsm_core.fcp.intake import take_in
from dsm_core.fcp.merge import Batch
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import Ledger
from dsm_core.model.time_range import TimeRange, iso
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task
from dsm_core.schema.conform import times_of

__all__ = ["Witness", "find_witness", "look_again"]


@frozen
class Witness:
    """A known bar beside a hole, and the range to ask for that holds both."""

    open: int
    asks: TimeRange


def find_witness(
    series: Series, client: DataClientInterface, ledger: Ledger, hole: TimeRange
) -> Witness | None:
    """The known bar right before or right after ``hole``; None when neither is known."""
    grid = series.grid
    if grid is None:
        return None
    rows = ledger.ranges(lambda e: e.state == "rows")
    before, after = grid.back(hole.start, 1), grid.ceil(hole.end)
    most = client.spec.page_rows
    if before in rows:
        end = hole.end if most is None else min(hole.end, grid.back(before, -most))
        return Witness(before, TimeRange(before, end))
    if after in rows:
        end = grid.next(after)
        start = hole.start if most is None else max(hole.start, grid.back(end, most))
        return Witness(after, TimeRange(start, end))
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
    async for answer in client.answers(task):
        batch = (await client.context.run(take_in, series, client, task, answer, now)).batch
        seen = seen or witness.open in times_of(batch.table, series.schema)
        batches.append(batch)
    if not seen:
        raise ProtocolChangedError(
            f"{client.source} answered without the bar of {iso(witness.open)}, which is known.",
            hint="Its empty answer is not believed; ask again later.",
        )
    return tuple(batches)
