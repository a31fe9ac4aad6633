"""Whether rows answer the question that was locked: series, range, columns."""

from __future__ import annotations

from dsm_core.errors import RequestError
from dsm_core.fcp.outcome import Outcome
from dsm_core.lineage.difference import Difference
from dsm_core.lineage.lock import Locked
from dsm_core.lineage.manifest import Manifest
from dsm_core.model.arguments import shown
from dsm_core.model.exact_time import exact_iso

__all__ = ["check_question", "other_columns"]


def check_question(locked: object, outcome: Outcome) -> None:
    """Refuse to compare answers to two questions: both may be empty, and still prove nothing.

    Raises
    ------
    RequestError
        When it is no lock, or one of another series or range.
    """
    if not isinstance(locked, Locked):
        hint = "Give what data.lock() gives, or an entry of read_lock(path)."
        raise RequestError(f"{shown(locked)} is no lock.", hint=hint)
    then, span = locked.manifest, outcome.span
    now = None if span is None else (span.start, span.end)
    if (str(outcome.series.key), now) != (then.series, (then.start_ns, then.end_ns)):
        asked = "an empty range" if span is None else _range_text(span.start, span.end)
        raise RequestError(
            f"The lock is of {then.series} {_range_text(then.start_ns, then.end_ns)}, the rows are of "
            f"{outcome.series.key} {asked}.",
            hint="Ask for what was locked: manager.query(**lock.call()).",
            series=str(outcome.series.key),
        )


def other_columns(told: Manifest, now: tuple[tuple[str, str], ...]) -> Difference | None:
    """How columns, each a name and a type, differ from those that were locked; None when they do not.

    Their order counts, as the hash of the rows tells of it.
    """
    if now == told.columns:
        return None
    differing = {name for name, _ in set(now) ^ set(told.columns)}
    if differing:
        then, today = (
            ", ".join(f"{n} {d}" for n, d in side if n in differing) for side in (told.columns, now)
        )
        names = tuple(sorted(differing))
    else:
        then, today = (", ".join(name for name, _ in side) for side in (told.columns, now))
        names = tuple(a for (a, _), (b, _) in zip(told.columns, now, strict=True) if a != b)
    return Difference(
        kind="columns",
        time_ns=told.start_ns,
        columns=names,
        locked=then or "none of these",
        now=today or "none of these",
    )


def _range_text(start_ns: int, end_ns: int) -> str:
    return f"[{exact_iso(start_ns)}, {exact_iso(end_ns)})"
