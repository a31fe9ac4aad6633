"""The ledger: which ranges of a series are known, from where, and how surely.

Rows vouch for their slots. An absence is *provisional* until the venue confirmed it, and is then
*confirmed*: final, never asked again. The rules of confirming live here and nowhere else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal

from attrs import evolve, frozen

from dsm_core.model.time_range import NS_PER_S, RangeSet, TimeRange

__all__ = [
    "BEYOND_HISTORY",
    "CONFIRM_AFTER_NS",
    "Ledger",
    "LedgerEntry",
    "NOT_FETCHED",
    "Origin",
    "State",
    "UNKNOWN_SYMBOL",
    "WITHDRAWN",
    "provisional",
    "settle",
]

State = Literal["rows", "confirmed", "provisional"]

UNKNOWN_SYMBOL: Final = "unknown_symbol"
"""Reason of an absence that only says: the venue knows the symbol no more. Never confirmed."""
BEYOND_HISTORY: Final = "beyond_history"
"""Reason of an absence at the edge of what a source keeps. Never confirmed."""
NOT_FETCHED: Final = "not_fetched"
"""Reason of a range that was only wanted: nobody has answered for it, so it is due at once."""
WITHDRAWN: Final = "withdrawn"
"""Reason of a confirmed absence: the archive published the rows and took them back."""
_NEVER_SURE: Final = (UNKNOWN_SYMBOL, BEYOND_HISTORY, NOT_FETCHED)
CONFIRM_AFTER_NS: Final = 24 * 3600 * NS_PER_S
_AGREE_AFTER_NS: Final = 3600 * NS_PER_S
_FIRST_RETRY_NS: Final = 300 * NS_PER_S
_NEXT_RETRY_NS: Final = 3600 * NS_PER_S


@frozen(kw_only=True)
class Origin:
    """Where bytes came from: enough to ask whether they changed since."""

    url: str | None = None
    sha256: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    size: int | None = None


@frozen(kw_only=True)
class LedgerEntry:
    """What is known of ``[start, end)``.

    ``first_fetched`` and ``last_fetched`` are UTC nanoseconds by the venue's clock; they differ
    when the same absence was answered twice. ``reason`` is set for absences. ``off_grid`` is 0, or
    counts every slot of the entry: bars that were moved to the grid are an entry of their own.
    """

    start: int
    end: int
    state: State
    source: str
    first_fetched: int
    last_fetched: int
    origin: Origin = Origin()
    reason: str | None = None
    off_grid: int = 0

    def cut(self, start: int, end: int) -> LedgerEntry:
        """The part inside ``[start, end)``, with its share of the off-grid bars."""
        start, end = max(start, self.start), min(end, self.end)
        if start == self.start and end == self.end:
            return self
        # Bars moved to the grid stand in entries of their own, so the share is a number of slots.
        share = round(self.off_grid * (end - start) / (self.end - self.start)) if self.off_grid else 0
        return evolve(self, start=start, end=end, off_grid=share)

    def is_due(self, now: int) -> bool:
        """Whether a provisional absence may be asked again: after 5 minutes, then hourly."""
        if self.state != "provisional":
            return False
        if self.reason == NOT_FETCHED:
            return True
        asked_twice = self.first_fetched != self.last_fetched
        wait = _NEXT_RETRY_NS if asked_twice else _FIRST_RETRY_NS
        return not self.last_fetched <= now < self.last_fetched + wait

    def continues(self, after: LedgerEntry) -> bool:
        """Whether ``after`` follows at once and tells the same."""
        return self.end == after.start and self._facts == after._facts

    @property
    def _facts(self) -> tuple[object, ...]:
        told = (self.state, self.source, self.first_fetched, self.last_fetched, self.reason, self.origin)
        return *told, self.off_grid > 0


def provisional(ranges: RangeSet, source: str, reason: str, now: int) -> tuple[LedgerEntry, ...]:
    """Entries that say, as of ``now`` (UTC nanoseconds): nothing is there."""
    return tuple(
        LedgerEntry(
            start=r.start,
            end=r.end,
            state="provisional",
            source=source,
            first_fetched=now,
            last_fetched=now,
            reason=reason,
        )
        for r in ranges
    )


@frozen
class Ledger:
    """Sorted, disjoint entries; neighbours that tell the same are one."""

    entries: tuple[LedgerEntry, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[LedgerEntry]) -> Ledger:
        """Ledger of disjoint entries in any order."""
        joined: list[LedgerEntry] = []
        for entry in sorted(entries, key=lambda e: e.start):
            if joined and joined[-1].continues(entry):
                last = joined[-1]
                joined[-1] = evolve(last, end=entry.end, off_grid=last.off_grid + entry.off_grid)
            else:
                joined.append(entry)
        return cls(tuple(joined))

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(self.entries)

    def within(self, span: TimeRange) -> Ledger:
        """Entries cut to ``span``."""
        return Ledger(
            tuple(e.cut(span.start, span.end) for e in _overlapping(self.entries, span.start, span.end))
        )

    def ranges(self, keep: Callable[[LedgerEntry], bool] = lambda _: True) -> RangeSet:
        """Ranges of the entries that ``keep`` likes."""
        return RangeSet.from_pairs((e.start, e.end) for e in self.entries if keep(e))

    def overlay(self, newer: Iterable[LedgerEntry]) -> Ledger:
        """Take ``newer`` entries in.

        Rows replace whatever was told of their range. An absence never replaces rows; over an
        older provisional absence it keeps the time that one was first answered.
        """
        ledger = self
        for group in _disjoint(newer):
            rows = [e for e in group if e.state == "rows"]
            if rows:
                ledger = Ledger.of([*_outside(ledger, rows), *rows])
            for state in ("confirmed", "provisional"):
                ledger = _with_absences(ledger, [e for e in group if e.state == state])
        return ledger


def _with_absences(ledger: Ledger, newer: list[LedgerEntry]) -> Ledger:
    """Take in sorted, disjoint absences of one state."""
    if not newer:
        return ledger
    again = newer[0].state == "provisional"
    firm = [e for e in ledger if e.state == "rows" or (again and e.state == "confirmed")]
    known = [e for e in ledger if again and e.state == "provisional" and e.reason != NOT_FETCHED]
    pieces: list[LedgerEntry] = []
    for entry in newer:
        for start, end in _holes(entry.start, entry.end, firm):
            told = [e.cut(start, end) for e in _overlapping(known, start, end)]
            pieces += [
                evolve(entry.cut(e.start, e.end), first_fetched=min(e.first_fetched, entry.first_fetched))
                for e in told
            ]
            pieces += [entry.cut(*hole) for hole in _holes(start, end, told)]
    pieces.sort(key=lambda e: e.start)
    return Ledger.of([*_outside(ledger, pieces), *pieces])


def _outside(entries: Iterable[LedgerEntry], taken: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    return [e.cut(*hole) for e in entries for hole in _holes(e.start, e.end, taken)]


def _disjoint(entries: Iterable[LedgerEntry]) -> Iterator[list[LedgerEntry]]:
    """The same entries in runs whose members are sorted and share no instant.

    Such a run can be taken in at once, so a ledger of thousands of entries stays cheap.
    """
    group: list[LedgerEntry] = []
    for entry in entries:
        if group and entry.start < group[-1].end:
            yield group
            group = []
        group.append(entry)
    if group:
        yield group


def _overlapping(entries: Sequence[LedgerEntry], start: int, end: int) -> Iterator[LedgerEntry]:
    """Those of sorted, disjoint ``entries`` that share an instant with ``[start, end)``."""
    for i in range(bisect_right(entries, start, key=lambda e: e.end), len(entries)):
        if entries[i].start >= end:
            return
        yield entries[i]


def _holes(start: int, end: int, taken: Sequence[LedgerEntry]) -> Iterator[tuple[int, int]]:
    """The parts of ``[start, end)`` that none of ``taken`` holds."""
    for entry in _overlapping(taken, start, end):
        if start < entry.start:
            yield start, entry.start
        start = max(start, entry.end)
    if start < end:
        yield start, end


def settle(
    entry: LedgerEntry,
    *,
    rows_before: Callable[[int], bool],
    rows_after: Callable[[int], bool],
    floor: Callable[[int], int] = int,
    after_ns: int = CONFIRM_AFTER_NS,
) -> list[LedgerEntry]:
    """Confirm what may be confirmed of a provisional absence.

    The part that the venue was asked for more than ``after_ns`` after it is confirmed when the series has
    rows on both sides of it, or when two answers at least an hour apart agree.

    Parameters
    ----------
    entry
        A provisional entry; any other comes back as it is.
    rows_before, rows_after
        Whether the series has a row before, or at and after, an instant.
    floor
        Open of the slot that holds an instant, so that a slot is confirmed whole or not at all.
    after_ns
        How long after it the venue must have been asked; a day, and longer where no venue's clock is known.
    """
    if entry.state != "provisional" or entry.reason in _NEVER_SURE:
        return [entry]
    ripe_until = entry.last_fetched - after_ns
    ripe_until = entry.end if ripe_until >= entry.end else floor(ripe_until)
    if ripe_until <= entry.start:
        return [entry]
    agreed = entry.last_fetched - entry.first_fetched >= _AGREE_AFTER_NS
    if not (agreed or (rows_before(entry.start) and rows_after(entry.end))):
        return [entry]
    confirmed = evolve(entry.cut(entry.start, ripe_until), state="confirmed")
    return [confirmed] if ripe_until == entry.end else [confirmed, entry.cut(ripe_until, entry.end)]
