"""Rows of today held against a lock: the same bytes, or where they differ first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from attrs import frozen

from dsm_core.errors import IntegrityError
from dsm_core.fcp.outcome import Outcome
from dsm_core.lineage.blocks import Block, block_digest, row_checks
from dsm_core.lineage.canonical import Canonical, canonical_columns, content_hash
from dsm_core.lineage.difference import Difference, Kind, Status, Verified
from dsm_core.lineage.lock import Locked
from dsm_core.lineage.manifest import Stretch, made_by
from dsm_core.lineage.packed import cell_text, pack, unpack
from dsm_core.lineage.question import check_question, other_columns
from dsm_core.model.provenance import Segment
from dsm_core.model.time_range import RangeSet, iso
from dsm_core.schema.conform import times_of

__all__ = ["verify"]

_NOT_HAD: Final = ("not_requested", "source_failed", "not_published_yet", "not_closed_yet")


def verify(locked: Locked, outcome: Outcome, table: pa.Table) -> Verified:
    """Hold rows against a lock.

    Raises
    ------
    RequestError
        When it is no lock, or one of another series or range.
    IntegrityError
        When the lock contradicts itself.
    """
    check_question(locked, outcome)
    return _Verifier(locked, outcome, table).verified()


@frozen
class _Part:
    """A block of the lock and the rows of today that fall into its stretch of time."""

    block: Block | None
    start: int
    end: int
    start_ns: int
    end_ns: int


class _Verifier:
    """The rows of today beside a lock."""

    def __init__(self, locked: Locked, outcome: Outcome, table: pa.Table) -> None:
        self.locked, self.outcome = locked, outcome
        self.manifest = locked.manifest
        self.times = times_of(table, outcome.series.schema)
        self.columns = canonical_columns(table, outcome.series.schema)
        self.sha256 = content_hash(self.columns, len(table))
        self.gaps = tuple(gap for gap in outcome.gaps if gap.reason in _NOT_HAD)
        self.not_had = RangeSet.from_pairs((gap.start_ns, gap.end_ns) for gap in self.gaps)

    def verified(self) -> Verified:
        if self.sha256 == self.manifest.sha256:
            self._check_parts()
            return self._verdict("same")
        now = tuple((column.name, column.dtype) for column in self.columns)
        first = other_columns(self.manifest, now)
        if first is not None:
            return self._verdict("differs", differing=len(self.locked.blocks), first=first)
        differing = missing = 0
        for part in self._parts():
            if self._is_same(part):
                continue
            found = self._difference(part)
            missing += found is None
            differing += found is not None
            first = first or found
        if not differing and not missing:
            raise self._contradiction("its parts agree with today's rows, its whole does not")
        status: Status = "differs" if differing else "missing"
        return self._verdict(status, differing=differing, missing=missing, first=first)

    def _check_parts(self) -> None:
        """Refuse a lock whose whole tells of these rows and whose parts tell of others."""
        columns = tuple((column.name, column.dtype) for column in self.columns)
        if columns != self.manifest.columns or len(self.times) != self.manifest.rows:
            raise self._contradiction("its hash is that of today's rows, its columns or rows are others")
        for part in self._parts():
            if not self._tells(part):
                raise self._contradiction(
                    f"its whole agrees with today's rows, its part at {iso(part.start_ns)} does not"
                )

    def _tells(self, part: _Part) -> bool:
        """Whether a part says of today's rows all that a lock of them would say."""
        block = part.block
        if block is None or not self._is_same(part):
            return self._is_same(part)
        if block.values is not None:
            self._unpacked(part, block.values)
        first = int(self.times[part.start])
        return block.start_ns == first and block.row_checks() == row_checks(
            self.columns, part.start, part.end
        )

    def _contradiction(self, why: str) -> IntegrityError:
        return IntegrityError(
            f"The lock of {self.manifest.series} contradicts itself: {why}.",
            hint="Lock anew, or get the lock file from where it came from.",
        )

    def _verdict(
        self, status: Status, *, differing: int = 0, missing: int = 0, first: Difference | None = None
    ) -> Verified:
        return Verified(
            series=self.manifest.series,
            status=status,
            rows=len(self.times),
            locked_rows=self.manifest.rows,
            sha256=self.sha256,
            locked_sha256=self.manifest.sha256,
            differing=differing,
            missing=missing,
            first=first,
            gaps=() if status == "same" else self.gaps,
            requests=self.outcome.requests,
            versions={} if status == "same" else self._versions(),
        )

    def _versions(self) -> dict[str, tuple[str | None, str | None]]:
        then, now = self.manifest.made_by, made_by(self.outcome.series.key.provider)
        names = sorted({name for name, _ in set(then.items()) ^ set(now.items())})
        return {name: (then.get(name), now.get(name)) for name in names}

    def _parts(self) -> Iterator[_Part]:
        """Stretches of time of the lock, the first of which begins with the range."""
        blocks: Sequence[Block | None] = self.locked.blocks or [None]
        starts = [self.manifest.start_ns, *(b.start_ns for b in self.locked.blocks[1:]), self.manifest.end_ns]
        for block, start_ns, end_ns in zip(blocks, starts, starts[1:], strict=False):
            start, end = np.searchsorted(self.times, (start_ns, end_ns))
            yield _Part(block, int(start), int(end), start_ns, end_ns)

    def _is_same(self, part: _Part) -> bool:
        if part.block is None:
            return part.start == part.end
        return part.block.rows == part.end - part.start and not self._digests_that_differ(part)

    def _digests_that_differ(self, part: _Part) -> tuple[str, ...]:
        assert part.block is not None
        now = (block_digest(column.encoded(part.start, part.end)) for column in self.columns)
        pairs = zip(self.columns, now, part.block.digests, strict=True)
        return tuple(column.name for column, today, then in pairs if today != then)

    def _lacks(self, part: _Part) -> bool:
        """Whether rows of the part may be missing only because they are not at hand."""
        return bool(self.not_had & RangeSet.from_pairs([(part.start_ns, part.end_ns)]))

    def _difference(self, part: _Part) -> Difference | None:
        """The first difference of a part; None where it only lacks rows that are not at hand."""
        if part.block is None:
            return self._row_new(part.start)
        if part.block.values is not None:
            return self._by_values(part, part.block.values)
        if self._lacks(part) and part.end - part.start < part.block.rows:
            return None
        return self._by_checks(part, part.block)

    def _row_new(self, at: int, *, is_exact: bool = True) -> Difference:
        return self._made("row new", int(self.times[at]), is_exact=is_exact)

    def _by_checks(self, part: _Part, block: Block) -> Difference:
        then, now = block.row_checks(), row_checks(self.columns, part.start, part.end)
        pairs = zip(then, now, strict=False)
        at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(then), len(now)))
        place = part.start + at
        if len(then) > len(now) and then[at + len(then) - len(now) :] == now[at:]:
            time_ns = int(self.times[place]) if place < part.end else part.end_ns
            return self._made("row gone", time_ns, is_exact=False)
        if len(now) > len(then) and now[at + len(now) - len(then) :] == then[at:]:
            return self._row_new(place, is_exact=False)
        columns = self._digests_that_differ(part)
        place = min(place, len(self.times) - 1)
        return self._of_value(place, columns, is_exact=False)

    def _of_value(self, place: int, columns: tuple[str, ...], *, is_exact: bool) -> Difference:
        now = None
        if len(columns) == 1:
            column = next(c for c in self.columns if c.name == columns[0])
            now = cell_text(self._cells(column, place, place + 1)[0], column.dtype)
        time_ns = int(self.times[place]) if 0 <= place < len(self.times) else self.manifest.start_ns
        return self._made("value", time_ns, columns=columns, now=now, is_exact=is_exact)

    def _by_values(self, part: _Part, packed: str) -> Difference | None:
        then = self._unpacked(part, packed)
        now = [self._cells(column, part.start, part.end) for column in self.columns]
        for at, (old, new) in _side_by_side(then, now):
            if new is None:
                assert old is not None
                time_ns = old[0]
                if not self.not_had & RangeSet.from_pairs([(time_ns, time_ns + 1)]):
                    return self._made("row gone", time_ns)
            elif old is None:
                return self._row_new(part.start + at)
            elif old != new:
                differing = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
                names = tuple(self.columns[i].name for i in differing)
                i = differing[0]
                a, b = (cell_text(row[i], self.columns[i].dtype) for row in (old, new))
                return self._made("value", new[0], columns=names, locked=a, now=b)
        return None

    def _unpacked(self, part: _Part, packed: str) -> list[list[Any]]:
        assert part.block is not None
        try:
            columns = unpack(packed, [dtype for _, dtype in self.manifest.columns], part.block.rows)
        except ValueError as error:
            raise IntegrityError(
                f"The lock of {self.manifest.series} is damaged: {error}.", hint="Lock anew."
            ) from error
        if [block_digest(encoded) for encoded, _ in columns] != list(part.block.digests):
            raise self._contradiction(
                f"the values of the part at {iso(part.start_ns)} have other hashes than it tells"
            )
        return [cells for _, cells in columns]

    def _cells(self, column: Canonical, start: int, end: int) -> list[Any]:
        one = [column]
        return unpack(pack(one, start, end), [column.dtype], end - start)[0][1]

    def _made(
        self,
        kind: Kind,
        time_ns: int,
        *,
        columns: tuple[str, ...] = (),
        locked: str | None = None,
        now: str | None = None,
        is_exact: bool = True,
    ) -> Difference:
        return Difference(
            kind=kind,
            time_ns=time_ns,
            columns=columns,
            locked=locked,
            now=now,
            is_exact=is_exact,
            locked_origin=_origin(self.manifest.segments, time_ns),
            origin=_origin(self.outcome.segments, time_ns),
        )


def _side_by_side(
    then: list[list[Any]], now: list[list[Any]]
) -> Iterator[tuple[int, tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]]]:
    """Rows of both by time, with the number that the row has today."""
    old, new = list(zip(*then, strict=True)), list(zip(*now, strict=True))
    a = b = 0
    while a < len(old) or b < len(new):
        if b == len(new) or (a < len(old) and old[a][0] < new[b][0]):
            yield b, (old[a], None)
            a += 1
        elif a == len(old) or new[b][0] < old[a][0]:
            yield b, (None, new[b])
            b += 1
        else:
            yield b, (old[a], new[b])
            a, b = a + 1, b + 1


def _origin(segments: Sequence[Segment | Stretch], time_ns: int) -> str | None:
    for segment in segments:
        if segment.start_ns <= time_ns < segment.end_ns:
            sha256 = f" sha256 {segment.sha256[:16]}" if segment.sha256 else ""
            return f"{segment.source} {segment.origin or ''}".strip() + sha256
    return None
