"""What one call knows on its walk through the sources."""

from __future__ import annotations

from attrs import define, field, frozen

from dsm_core.errors import SymbolNotFoundError
from dsm_core.events import EventBus, SourceSkipped
from dsm_core.fcp.failures import add_failure
from dsm_core.fcp.ledger_keeper import LedgerKeeper
from dsm_core.fcp.merge import Batch
from dsm_core.fcp.planner import covered, needed
from dsm_core.fcp.series import Series
from dsm_core.fcp.watch import Watch
from dsm_core.model.provenance import Failure
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task

__all__ = ["Empty", "SourceRun", "Walk"]


@frozen
class Empty:
    """A task that brought no row, what its answers would vouch for, and when the venue gave them (UTC ns)."""

    span: TimeRange
    batches: tuple[Batch, ...]
    as_of: int


@define
class SourceRun:
    """What is known of one source during one call."""

    skip: set[str] = field(factory=set)
    is_sparing: bool = True
    listed: frozenset[str] | None = None
    asked_listing: bool = False
    absent: int = 0
    failed_in_a_row: int = 0
    probed: bool = False
    asked_lifetime: bool = False
    stopped_by: Exception | None = None
    unknown_symbol: SymbolNotFoundError | None = None
    empty_answers: list[Empty] = field(factory=list)


@define(kw_only=True)
class Walk:
    """What the steps of one call share.

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
    bus
        Takes the events.
    watch
        Holds what arrives against what is known.
    also
        More ranges to ask for.
    failures
        What sources did not deliver.
    """

    series: Series
    span: TimeRange
    now: int
    keeper: LedgerKeeper
    bus: EventBus
    watch: Watch
    also: RangeSet = field(factory=RangeSet)
    failures: list[Failure] = field(factory=list)

    @property
    def need(self) -> RangeSet:
        """Whole closed slots of the range, and those that are asked for beside it."""
        need = needed(self.series, self.span, self.now)
        return need | self.series.align(self.also) if self.also else need

    @property
    def remaining(self) -> RangeSet:
        """What no one has vouched for yet."""
        return self.series.align(self.need - covered(self.keeper.ledger, self.series, self.now))

    async def take_all(self, batches: list[Batch]) -> None:
        """Keep and cache batches, emptying the list as it goes."""
        while batches:
            await self.keeper.take(batches.pop(0))

    def fail(self, client: DataClientInterface, task: Task, error: Exception) -> None:
        """Write down that a task failed: its range moves on to the next source."""
        if add_failure(self.failures, str(client.source), task, error):
            self.skip(client, error)

    def skip(self, client: DataClientInterface, error: Exception) -> None:
        """Tell that a source is passed over."""
        self.bus.emit(SourceSkipped(series=str(self.series.key), source=str(client.source), error=str(error)))
