"""Absences: what empty answers and unknown symbols mean, and what may be kept of them."""

from __future__ import annotations

from attrs import define

from dsm_core.errors import IntegrityError, SourceError, SymbolNotFoundError
from dsm_core.events import source_scope
from dsm_core.fcp.intake import absence
from dsm_core.fcp.second_look import find_far_witness, find_witness, look_again
from dsm_core.fcp.walk import SourceRun, Walk
from dsm_core.model.coverage import UNKNOWN_SYMBOL
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins.calling import lifetime_of, published_of
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task

__all__ = ["Absences"]


@define
class Absences:
    """Judges what was not there during one call.

    Parameters
    ----------
    walk
        The call's.
    unknown_symbol
        The venue's word that the symbol does not exist, where nobody has a row of it.
    forgotten
        Whether the venue knows the symbol no more, though others have rows of it.
    """

    walk: Walk
    unknown_symbol: SymbolNotFoundError | None = None
    forgotten: bool = False

    async def weigh(self, client: DataClientInterface, run: SourceRun) -> None:
        """Weigh empty answers: inside the series look twice, outside ask for its first and last bar."""
        walk = self.walk
        empties, run.empty_answers = run.empty_answers, []
        outside = False
        # An answer of events vouches for a range without any.
        told = RangeSet.of(*(r for e in empties for b in e.batches for r in b.vouched))
        # Pages that follow each other are one hole: only its ends have neighbours that are known.
        holes = RangeSet.of(*(empty.span for empty in empties))
        if client.spec.authoritative:
            # A page may span rows that are held: an answer without them is empty in every part between.
            holes = holes & walk.remaining
        for hole in holes:
            inside = client.spec.authoritative and await walk.keeper.is_inside(hole)
            outside = outside or not (inside or not RangeSet.of(hole) - told)
            if not (inside or self._agrees(hole)) or await self._is_believed(client, hole):
                parts = [b.within(RangeSet.of(hole)) for e in empties for b in e.batches]
                await walk.take_all([part for part in parts if part.entries])
        if not client.spec.authoritative or run.stopped_by is not None or run.asked_lifetime or not outside:
            return
        run.asked_lifetime = True
        try:
            life = await lifetime_of(client)
        except SourceError as error:
            walk.skip(client, error)
            return
        if life is not None:
            await self._outside(client, life, min(empty.as_of for empty in empties))

    def _agrees(self, hole: TimeRange) -> bool:
        """Whether an empty answer was had before: another one would confirm the absence."""
        return any(e.state == "provisional" for e in self.walk.keeper.ledger.within(hole).entries)

    async def _is_believed(self, client: DataClientInterface, hole: TimeRange) -> bool:
        walk = self.walk
        about = (walk.series, client, walk.keeper, hole, walk.now)
        witness = await find_witness(*about) or await find_far_witness(*about)
        if witness is None:
            return True
        try:
            batches = await look_again(walk.series, client, witness, walk.now)
        except (SourceError, IntegrityError) as error:
            walk.fail(client, Task(name="again", source=str(client.source), span=hole), error)
            return False
        found = [batch.within(RangeSet.of(hole)) for batch in batches]
        await walk.take_all(found.copy())
        # Rows where the first answer had none refute it: what is left is asked for anew.
        return not any(batch.vouched for batch in found)

    async def _outside(self, client: DataClientInterface, life: TimeRange, as_of: int) -> None:
        walk = self.walk
        need = walk.need
        before = need & RangeSet.from_pairs([(walk.span.start, life.start)])
        # What is later than its word is the future, where this machine's clock is ahead.
        after = need & RangeSet.from_pairs([(life.end, min(walk.span.end, as_of))])
        # Asked of one source alone, another may still know more: then it stays provisional.
        sure = walk.series.enforced is None
        await walk.keeper.note(absence(client, before, "not_listed_yet", walk.now), confirmed=sure)
        await walk.keeper.note(absence(client, after, "delisted", as_of), confirmed=False)

    async def note_unknown_symbol(self, client: DataClientInterface, error: SymbolNotFoundError) -> None:
        """The venue forgot a symbol that the archive or the cache has: it was delisted.

        That confirms nothing, since the archive may publish more of it; it is only remembered for a
        while, and not at all when the other sources were not asked.
        """
        walk = self.walk
        if await walk.keeper.has_rows() or await self._is_archived():
            self.forgotten = True
            if walk.series.enforced is None:
                failed = RangeSet.from_pairs((f.start_ns, f.end_ns) for f in walk.failures)
                known = absence(client, walk.remaining - failed, UNKNOWN_SYMBOL, walk.now)
                await walk.keeper.note(known, confirmed=False)
        else:
            self.unknown_symbol = error

    async def _is_archived(self) -> bool:
        walk = self.walk
        whole = TimeRange(0, walk.now)
        for client in walk.series.clients.values():
            try:
                with source_scope(str(client.source)):
                    is_held = await published_of(client, whole)
                if is_held:
                    return True
            except SourceError:
                continue
        return False
