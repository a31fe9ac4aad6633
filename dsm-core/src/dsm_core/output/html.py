"""How market data shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from dsm_core.model.provenance import Gap
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.model.wording import counted

if TYPE_CHECKING:
    from dsm_core.output.market_data import MarketData

__all__ = ["closed_text", "render_html"]

_HOUR_NS: Final = 3600 * 10**9
_SHOWN: Final = 5
_GAPS_SHOWN: Final = 10
_COLOURS: Final = ("#2f6fb5", "#3a9a5b", "#8a5cc2", "#c98a1b", "#3aa6a6")
_HOLE: Final = "#c94f4f"
_CLOSED: Final = "#d9dfe6"
# Narrower stretches of closed time than this part of the bar nobody sees.
_FINEST: Final = 400
_Piece = tuple[int, int, str]


def render_html(data: MarketData) -> str:
    """Head and tail, gaps, and a bar coloured by source."""
    frame = data.to_pandas()
    rows = frame if len(frame) <= 2 * _SHOWN else frame.iloc[[*range(_SHOWN), *range(-_SHOWN, 0)]]
    gaps = "".join(f"<li>{escape(str(gap))}</li>" for gap in data.gaps[:_GAPS_SHOWN])
    more = len(data.gaps) - _GAPS_SHOWN
    if more > 0:
        gaps += f"<li>and {more} more</li>"
    closed = data.coverage.market_closed
    told = f"<p>{escape(closed_text(closed))}</p>" if closed else ""
    return f"<p>{escape(repr(data)[1:-1])}</p>{_bar(data)}{rows.to_html(max_cols=12)}" + (
        f"<p>Gaps:</p><ul>{gaps}</ul>{told}" if gaps else f"<p>No gaps.</p>{told}"
    )


def closed_text(closed: Sequence[Gap]) -> str:
    """How long the market was closed, in words."""
    hours = sum(gap.end_ns - gap.start_ns for gap in closed) / _HOUR_NS
    return f"The market was closed {counted(len(closed), 'time')} for {hours:,.1f} h in all: no bars then."


def _with_closed(pieces: Sequence[_Piece], data: MarketData, edges: TimeRange) -> list[_Piece]:
    """The pieces, and between them when the market was closed."""
    finest = (edges.end - edges.start) // _FINEST
    spans = [(g.start_ns, g.end_ns) for g in data.coverage.market_closed if g.end_ns - g.start_ns >= finest]
    closed = RangeSet.from_pairs(spans).within(edges)
    cut = [
        (r.start, r.end, name)
        for start, end, name in pieces
        for r in RangeSet.of(TimeRange(start, end)) - closed
    ]
    return cut + [(r.start, r.end, "market_closed") for r in closed]


def _bar(data: MarketData) -> str:
    pieces = [(s.start_ns, s.end_ns, s.source) for s in data.provenance]
    pieces += [(g.start_ns, g.end_ns, g.reason) for g in data.gaps]
    if not pieces:
        return ""
    sources = sorted({s.source for s in data.provenance})
    colours = dict(zip(sources, _COLOURS * len(sources), strict=False)) | {"market_closed": _CLOSED}
    edges = TimeRange(min(p[0] for p in pieces), max(p[1] for p in pieces))
    whole = edges.end - edges.start
    pieces = _with_closed(pieces, data, edges)
    blocks = "".join(
        f'<div title="{escape(name)}" style="width:{100 * (end - start) / whole:.3f}%;'
        f'background:{colours.get(name, _HOLE)}"></div>'
        for start, end, name in sorted(pieces)
    )
    legend = " ".join(
        f'<span style="color:{colours.get(n, _HOLE)}">&#9632; {escape(n)}</span>'
        for n in dict.fromkeys(p[2] for p in sorted(pieces))
    )
    return f'<div style="display:flex;height:12px;width:100%">{blocks}</div><small>{legend}</small>'
