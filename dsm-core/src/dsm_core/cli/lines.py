"""What became of each of many series: a line for people, an object for programs, one exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
from attrs import frozen

from dsm_core.cli.console import say_note
from dsm_core.cli.failure import ExitCode, in_shell_words
from dsm_core.errors import DSMError
from dsm_core.fcp.upkeep import Updated
from dsm_core.model.provenance import Gap
from dsm_core.model.time_range import from_ns, iso
from dsm_core.model.wording import counted
from dsm_core.output.delivery import Prefetched

__all__ = ["SeriesLine", "exit_code_of_lines", "gap_facts", "print_lines", "time_text"]


@frozen(kw_only=True)
class SeriesLine:
    """One series' share of the work.

    Parameters
    ----------
    series
        Its key, or what was asked for where no key could be made of it.
    rows
        Rows that are new.
    requests
        HTTP requests sent for it.
    until
        End of what is known, UTC nanoseconds; None where nobody looked.
    gaps
        What is missing of what was asked for.
    error
        Why it failed.
    room_problem
        Why what was kept did not stay, if so.
    """

    series: str
    rows: int = 0
    requests: int = 0
    until: int | None = None
    gaps: tuple[Gap, ...] = ()
    error: DSMError | None = None
    room_problem: str | None = None

    @classmethod
    def of_updated(cls, got: Updated) -> SeriesLine:
        """Line of an updated series."""
        return cls(
            series=str(got.key),
            rows=got.rows,
            requests=got.requests,
            until=got.until,
            gaps=got.gaps,
            error=got.error,
        )

    @classmethod
    def of_prefetched(cls, series: str, got: Prefetched) -> SeriesLine:
        """Line of a prefetched range."""
        return cls(
            series=series,
            rows=got.rows,
            requests=got.requests,
            gaps=got.gaps,
            room_problem=got.room_problem,
        )

    @property
    def open_gaps(self) -> tuple[Gap, ...]:
        """Gaps that asking again may fill."""
        return tuple(gap for gap in self.gaps if not gap.final and gap.reason != "not_closed_yet")

    @property
    def partial(self) -> bool:
        """Whether asking again may bring more."""
        return self.error is not None or self.room_problem is not None or bool(self.open_gaps)

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.series}: failed: {' '.join(in_shell_words(self.error, str(self.error)).split())}"
        parts = [counted(self.rows, "new row")]
        parts += [] if self.until is None else [f"to {iso(self.until)}"]
        parts.append(counted(self.requests, "request"))
        lacking = self.open_gaps
        if lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            parts.append(f"missing {lacking[0]}{more}")
        # Why is on stderr, once for all series.
        parts += [] if self.room_problem is None else ["not all of it stayed in the cache"]
        return f"{self.series}: {', '.join(parts)}"

    def facts(self) -> dict[str, Any]:
        """The line as plain data."""
        error = self.error
        return {
            "series": self.series,
            "rows": self.rows,
            "requests": self.requests,
            "until": time_text(self.until),
            "partial": self.partial,
            "gaps": [gap_facts(gap) for gap in self.gaps],
            "room_problem": self.room_problem,
            "error": None
            if error is None
            else {"kind": type(error).__name__, "message": error.message, "hint": error.hint},
        }


def print_lines(lines: Sequence[SeriesLine], *, as_json: bool) -> ExitCode:
    """Print every line, or one object; give the exit code."""
    failed = sum(line.error is not None for line in lines)
    partial = sum(line.partial for line in lines)
    total = {
        "rows": sum(line.rows for line in lines),
        "requests": sum(line.requests for line in lines),
        "partial": partial,
        "failed": failed,
    }
    if as_json:
        click.echo(json.dumps({**total, "series": [line.facts() for line in lines]}, indent=1))
        return exit_code_of_lines(lines)
    for line in lines:
        click.echo(line)
    counts = f"{counted(total['rows'], 'new row')}, {counted(total['requests'], 'request')}"
    trouble = f", {partial} incomplete ({failed} failed)" if partial else ""
    say_note(f"{len(lines)} series, {counts}{trouble}")
    return exit_code_of_lines(lines)


def exit_code_of_lines(lines: Sequence[SeriesLine]) -> ExitCode:
    """Exit code that stands for all of them."""
    if lines and all(line.error is not None for line in lines):
        return ExitCode.SOURCES_FAILED
    return ExitCode.INCOMPLETE if any(line.partial for line in lines) else ExitCode.OK


def time_text(t: int | None) -> str | None:
    """UTC nanoseconds as ISO text with offset."""
    return None if t is None else from_ns(t).isoformat()


def gap_facts(gap: Gap) -> dict[str, Any]:
    """A gap as plain data."""
    return {
        "start_time": gap.start_time.isoformat(),
        "end_time": gap.end_time.isoformat(),
        "bars": gap.bars,
        "reason": gap.reason,
        "final": gap.final,
        "detail": gap.detail,
    }
