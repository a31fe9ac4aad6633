"""What verifying tells: whether rows are those that were locked, and where they differ first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from attrs import field, frozen

from dsm_core.model.provenance import Gap
from dsm_core.model.time_range import iso
from dsm_core.model.wording import counted

__all__ = ["Difference", "Kind", "Status", "Verified"]

Kind = Literal["value", "row gone", "row new", "columns"]
Status = Literal["same", "differs", "missing"]
_LONG: Final = (
    (re.compile(r"\S+://\S*/(?=[^/\s]+)"), ""),
    (re.compile(r"\b(sha256 [0-9a-f]{8})[0-9a-f]+"), r"\1"),
)


@frozen(kw_only=True)
class Difference:
    """The first place where rows are not those that were locked.

    Parameters
    ----------
    kind
        ``value``; ``row gone`` or ``row new`` of a whole row; ``columns`` where names or types differ.
    time_ns
        Index of the row, UTC nanoseconds; of a row that is gone, of the next one where only that is known.
    columns
        Which columns differ there, as far as it is known: where several rows of one part differ, those that
        differ in some of them.
    locked, now
        Values of the first of the columns as text; ``locked`` is None unless the lock keeps values.
    is_exact
        Whether time and columns are certain; without kept values they come from hashes of rows.
    locked_origin, origin
        Where the row came from then, and now.
    """

    kind: Kind
    time_ns: int
    columns: tuple[str, ...] = ()
    locked: str | None = None
    now: str | None = None
    is_exact: bool = True
    locked_origin: str | None = None
    origin: str | None = None

    def __str__(self) -> str:
        text = self._told()
        if self.locked_origin != self.origin:
            full = (self.locked_origin or "nowhere", self.origin or "nowhere")
            then, now = map(_short, full)
            then, now = full if then == now else (then, now)
            text += f"; then from {then}, now from {now}"
        return text

    def _told(self) -> str:
        when = iso(self.time_ns)
        if self.kind == "columns":
            return f"columns: locked {self.locked}, now {self.now}"
        if self.kind == "row gone":
            return f"{when}: a row was locked {'here' if self.is_exact else 'before this one'}, and is gone"
        if self.kind == "row new":
            return f"{when}: no row was locked here, and there is one"
        if self.is_exact and (self.locked, self.now) != (None, None):
            return f"{when} {self.columns[0]}: locked {self.locked}, now {self.now}"
        first = f"now {self.now}" if len(self.columns) == 1 else "values differ"
        return f"{when} {', '.join(self.columns)}: {first}; the lock keeps no values"


@frozen(kw_only=True)
class Verified:
    """What came of holding rows against a lock.

    Parameters
    ----------
    series
        The series key.
    status
        ``same``; ``differs``; or ``missing``: what there is agrees as far as it can be told, and rows that
        were locked are not at hand.
    rows, locked_rows
        How many there are, and were.
    sha256, locked_sha256
        Hashes of all rows.
    differing, missing
        Parts of the lock (256 rows each) that differ, and that lack rows.
    first
        The first difference.
    gaps
        What is missing now and need not stay so.
    requests
        HTTP requests sent to have the rows.
    versions
        Packages whose version is another one than when it was locked, each with both: the locked one and
        today's, None where there is none. Empty where rows are the same.
    """

    series: str
    status: Status
    rows: int
    locked_rows: int
    sha256: str
    locked_sha256: str
    differing: int = 0
    missing: int = 0
    first: Difference | None = None
    gaps: tuple[Gap, ...] = ()
    requests: int = 0
    versions: Mapping[str, tuple[str | None, str | None]] = field(factory=dict)

    def __str__(self) -> str:
        if self.status == "same":
            return f"{self.series}: same, {counted(self.rows, 'row')}, sha256 {self.sha256[:16]}"
        told = []
        if self.first is not None:
            told.append(f"differs, first at {self.first}")
        if self.differing > 1:
            told.append(f"{self.differing} parts differ")
        if self.status == "missing":
            told.append(
                f"cannot be told, as rows are missing: {self.gaps[0] if self.gaps else 'none is held'}"
            )
        counts = (
            f" ({self.locked_rows} rows locked, {self.rows} now)" if self.rows != self.locked_rows else ""
        )
        told += [
            f"{name} was {then or 'absent'}, is {now or 'absent'}"
            for name, (then, now) in self.versions.items()
        ]
        return f"{self.series}: {'; '.join(told)}{counts}"


def _short(origin: str) -> str:
    """An origin with the name of its file in place of the URL, and a few digits of its hash."""
    for pattern, plain in _LONG:
        origin = pattern.sub(plain, origin)
    return origin
