"""What sources did not deliver, one entry for each cause."""

from __future__ import annotations

from collections.abc import Sequence

from dsm_core.errors import AccessDeniedError, AllSourcesFailedError, ClientFailedError
from dsm_core.model.provenance import Failure
from dsm_core.model.series import SeriesKey
from dsm_core.plugins.task import Task

__all__ = ["add_failure", "all_failed"]


def add_failure(failures: list[Failure], source: str, task: Task, error: Exception) -> bool:
    """Write down that ``task`` failed; gives whether the cause is new.

    One error that stops a source fails all its tasks: they become one entry from first to last.
    """
    known = next((f for f in failures if f.error is error), None)
    if known is not None:
        failures.remove(known)
    failures.append(
        Failure(
            start_ns=min(task.span.start, known.start_ns if known else task.span.start),
            end_ns=max(task.span.end, known.end_ns if known else task.span.end),
            source=source,
            error=error,
            url=task.url,
        )
    )
    return known is None


def all_failed(key: SeriesKey, failures: Sequence[Failure]) -> AllSourcesFailedError:
    """The error of a call that brought no row."""
    told = "; ".join(dict.fromkeys(str(f) for f in failures[-3:]))
    lasting = all(isinstance(f.error, AccessDeniedError | ClientFailedError) for f in failures)
    return AllSourcesFailedError(
        f"No source delivered {key}: {told.rstrip('.')}.",
        hint="Trying again will not help before the cause is mended."
        if lasting
        else "Try again later, or ask for a range that the cache holds.",
        series=str(key),
        attempts=[str(f) for f in failures],
    )
