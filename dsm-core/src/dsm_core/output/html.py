"""How market data shows itself in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dsm_core.output.market_data import MarketData

__all__ = ["render_html"]

_SHOWN: Final = 5
_GAPS_SHOWN: Final = 10
_COLOURS: Final = ("#2f6fb5", "#3a9a5b", "#8a5cc2", "#c98a1b", "#3aa6a6")
_HOLE: Final = "#c94f4f"


def render_html(data: MarketData) -> str:
    """Head and tail, gaps, and a bar coloured by source."""
    frame = data.to_pandas()
    rows = frame if len(frame) <= 2 * _SHOWN else frame.iloc[[*range(_SHOWN), *range(-_SHOWN, 0)]]
    gaps = "".join(f"<li>{escape(str(gap))}</li>" for gap in data.gaps[:_GAPS_SHOWN])
    more = len(data.gaps) - _GAPS_SHOWN
    if more > 0:
        gaps += f"<li>and {more} more</li>"
    return f"<p>{escape(repr(data)[1:-1])}</p>{_bar(data)}{rows.to_html(max_cols=12)}" + (
        f"<p>Gaps:</p><ul>{gaps}</ul>" if gaps else "<p>No gaps.</p>"
    )


def _bar(data: MarketData) -> str:
    pieces = [(s.start_ns, s.end_ns, s.source) for s in data.provenance]
    pieces += [(g.start_ns, g.end_ns, g.reason) for g in data.gaps]
    if not pieces:
        return ""
    sources = sorted({s.source for s in data.provenance})
    colours = dict(zip(sources, _COLOURS * len(sources), strict=False))
    whole = max(p[1] for p in pieces) - min(p[0] for p in pieces)
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
