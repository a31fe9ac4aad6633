"""The plan: what will be asked of whom, as data that prints as a table."""

from __future__ import annotations

from itertools import groupby

from attrs import field, frozen

from dsm_core.model.time_range import NS_PER_S, RangeSet, TimeRange, iso
from dsm_core.model.wording import counted, size_text
from dsm_core.plugins.task import Task

__all__ = ["Plan", "Step"]


@frozen(kw_only=True)
class Step:
    """One task of a plan and the part of the request it is meant to fill.

    Parameters
    ----------
    task
        What is asked of the source.
    fills
        Ranges that are still missing and that the task can bring.
    bars
        How many slots that is; None where the grid is unknown.
    """

    task: Task
    fills: RangeSet
    bars: int | None


class _Neighbours:
    """Key for ``groupby``: one number per run of steps of one kind that follow each other at once."""

    def __init__(self) -> None:
        self._run = 0
        self._before: Task | None = None

    def __call__(self, step: Step) -> int:
        task, before = step.task, self._before
        alike = before is not None and (before.source, before.granularity, before.span.end) == (
            task.source,
            task.granularity,
            task.span.start,
        )
        self._run += not alike
        self._before = task
        return self._run


def _text(span: TimeRange | None) -> str:
    """The range to the second: where it ends now, the rest of the clock tells nobody anything."""
    if span is None:
        return ""
    start, end = (t // NS_PER_S * NS_PER_S for t in (span.start, span.end))
    return f"[{iso(start)}, {iso(end)})" if start < end else str(span)


def _row(steps: list[Step]) -> tuple[str, str, str, str, str, str]:
    first, last = steps[0].task, steps[-1].task
    counts = [s.bars for s in steps]
    bars = "" if None in counts else str(sum(c or 0 for c in counts))
    requests, weight = sum(s.task.requests for s in steps), sum(s.task.weight for s in steps)
    why = f"{first.why}: {first.name}" if first.url else first.why
    if len(steps) > 1:
        why = f"{len(steps)} x {first.why}"
    span = TimeRange(first.span.start, last.span.end)
    return _text(span), first.source, bars, str(requests), str(weight), why


@frozen(kw_only=True)
class Plan:
    """What a call will do; nothing was fetched to make it.

    Parameters
    ----------
    series
        Text of the series key.
    span
        The range asked for; None when it is empty.
    cached
        What the cache answers, confirmed holes included.
    steps
        Tasks in the order of the protocol.
    unplanned
        What no source is expected to have.
    clock_requests
        Requests for the venue's clock: 1 when the range reaches near the present.
    """

    series: str
    span: TimeRange | None
    cached: RangeSet = field(factory=RangeSet)
    steps: tuple[Step, ...] = ()
    unplanned: RangeSet = field(factory=RangeSet)
    clock_requests: int = 0

    @property
    def requests(self) -> int:
        """HTTP requests when every planned object exists and is complete."""
        return self.clock_requests + sum(s.task.requests for s in self.steps)

    @property
    def weight(self) -> int:
        """Units of the venue's rate limits."""
        return sum(s.task.weight for s in self.steps)

    @property
    def size_bytes(self) -> int | None:
        """Expected download; None when a step's size is unknown."""
        sizes = [s.task.size_bytes for s in self.steps]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def rows(self) -> list[tuple[str, str, str, str, str, str]]:
        """Cells of the table: range, source, bars, requests, weight, why."""
        out = [(_text(r), "cache", "", "0", "0", "held") for r in self.cached]
        if self.clock_requests:
            out.append(("", "clock", "", "1", "1", "the range reaches near the present"))
        out += [_row(list(group)) for _, group in groupby(self.steps, _Neighbours())]
        return out + [
            (_text(r), "-", "", "0", "0", "no source is expected to have it") for r in self.unplanned
        ]

    def __str__(self) -> str:
        header = ("range (UTC)", "source", "bars", "requests", "weight", "why")
        table = [header, *self.rows()]
        widths = [max(len(row[i]) for row in table) for i in range(len(header))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in table]
        size = "" if not self.size_bytes else f", about {size_text(self.size_bytes)}"
        total = f"{counted(self.requests, 'request')}, weight {self.weight}{size}"
        fallbacks = dict.fromkeys(
            f"{s.task.source}: {s.task.fallback}" for s in self.steps if s.task.fallback
        )
        notes = [f"if {source} brings less: {what}" for source, what in (f.split(": ", 1) for f in fallbacks)]
        return "\n".join([f"{self.series} {_text(self.span) or '(empty range)'}", *lines, total, *notes])

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - notebooks only

        head = "".join(
            f"<th>{h}</th>" for h in ("range (UTC)", "source", "bars", "requests", "weight", "why")
        )
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in self.rows()
        )
        return (
            f"<p><b>{escape(self.series)}</b> {escape(_text(self.span))}: "
            f"{counted(self.requests, 'request')}, "
            f"weight {self.weight}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
