"""Coverage on a terminal: a timeline for each series, and a legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from attrs import frozen

from dsm_core.model.time_range import NS_PER_S, TimeRange, iso
from dsm_core.model.wording import size_text
from dsm_core.report.coverage import SeriesCoverage, Times

__all__ = ["draw"]

_STATES: Final = ("held", "notched", "hole", "partly", "missing", "closed")
_MEANINGS: Final = {
    "held": "held",
    "notched": "held but for holes",
    "hole": "hole: the venue has none",
    "partly": "partly held",
    "missing": "missing",
    "closed": "market closed",
}
_MARKS: Final = {
    True: {"held": "█", "notched": "▄", "hole": "·", "partly": "▒", "missing": "╌", "closed": "▁"},
    False: {"held": "#", "notched": "=", "hole": ".", "partly": "+", "missing": "x", "closed": "_"},
}
# ANSI: blue, cyan, bright black, yellow, red. The marks differ too, for whoever does not see the colours.
_CODES: Final = {"held": "34", "notched": "36", "hole": "90", "partly": "33", "missing": "31", "closed": "90"}
_MIN_CELLS: Final = 10
_DATE: Final = 10
_INDENT: Final = "  "


def draw(coverage: Sequence[SeriesCoverage], *, width: int, colour: bool, unicode: bool) -> str:
    """Timeline of each series from its first to its last known instant, and what the marks mean.

    A mark stands for an equal part of the series' own span, and says so where any of that is not
    held, however short.

    Parameters
    ----------
    width
        Columns of the terminal.
    colour
        Use ANSI colours.
    unicode
        Use characters outside ASCII.

    Returns
    -------
    str
        Lines without a newline at the end. Control characters in symbols are shown as escapes.
    """
    pen = _Pen(width=width, colour=colour, marks=_MARKS[unicode], dot=" · " if unicode else ", ")
    if not coverage:
        return "The cache holds no such series."
    blocks = ["\n".join(pen.lines(series)) for series in coverage]
    has_sessions = any(series.closed for series in coverage)
    return "\n\n".join([*blocks, pen.legend(_STATES if has_sessions else _STATES[:-1])])


@frozen(kw_only=True)
class _Pen:
    width: int
    colour: bool
    marks: dict[str, str]
    dot: str

    def lines(self, series: SeriesCoverage) -> Iterator[str]:
        yield self._styled(_printable(series.name), "1")
        yield _INDENT + self.dot.join(_facts(series))
        if series.span is not None:
            yield self._timeline(series, series.span)
        if series.behind is not None:
            yield f"{_INDENT}{_length_text(series.behind)} newer not fetched"

    def legend(self, states: Sequence[str]) -> str:
        parts = [f"{self._mark(state, 1)} {_MEANINGS[state]}" for state in states]
        return _INDENT + "   ".join(parts)

    def _timeline(self, series: SeriesCoverage, span: TimeRange) -> str:
        cells = max(_MIN_CELLS, self.width - len(_INDENT) - 2 * _DATE - 2)
        first, last = iso(span.start)[:_DATE], iso(span.end - 1)[:_DATE]
        states = _states(series, _edges(span, cells))
        return f"{_INDENT}{first} {''.join(self._runs(states))} {last}"

    def _runs(self, states: Sequence[str]) -> Iterator[str]:
        start = 0
        for i in range(1, len(states) + 1):
            if i == len(states) or states[i] != states[start]:
                yield self._mark(states[start], i - start)
                start = i

    def _mark(self, state: str, count: int) -> str:
        return self._styled(self.marks[state] * count, _CODES[state])

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def _edges(span: TimeRange, cells: int) -> Times:
    # Whole numbers of Python: floats are too coarse for nanoseconds, and int64 would overflow.
    return np.array(
        [span.start + (span.end - span.start) * i // cells for i in range(cells + 1)], dtype=np.int64
    )


def _states(series: SeriesCoverage, edges: Times) -> list[str]:
    held, holes, provisional, missing, closed = series.shares(edges)
    lacking = provisional + missing > 0
    cases = [(held > 0) & lacking, lacking, (held > 0) & (holes > 0), held > 0, holes > 0, closed > 0]
    places = [_STATES.index(state) for state in ("partly", "missing", "notched", "held", "hole", "closed")]
    index = np.select(cases, places, default=_STATES.index("missing"))
    return [_STATES[i] for i in index.tolist()]


def _facts(series: SeriesCoverage) -> Iterator[str]:
    yield f"{series.rows:,} row{'s' * (series.rows != 1)}"
    yield size_text(series.bytes)
    yield f"{_percent_text(series.held_share)} held"
    total, lacking = len(series.gaps), series.open_gaps
    yield f"{total:,} gap{'s' * (total != 1)}" + (f" ({lacking:,} open)" if lacking else "")
    if series.rows_by_source:
        yield "from " + ", ".join(f"{_printable(s)} {n:,}" for s, n in series.rows_by_source.items())


def _percent_text(share: float) -> str:
    """``99.9 %``; only what is whole says 100, only what is nothing says 0."""
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    return f"{min(max(share * 100, 0.1), 99.9):.1f} %"


def _length_text(span: TimeRange) -> str:
    seconds = (span.end - span.start) // NS_PER_S
    for length, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            count = seconds // length
            return f"{count:,} {unit}{'s' * (count != 1)}"
    return f"{seconds} seconds"


def _printable(text: str) -> str:
    """``text`` with everything that could steer a terminal written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
