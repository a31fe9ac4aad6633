"""What the page is told: coverage and charts as compact JSON.

All text is ASCII and has no ``<``, so that it can stand inside a script element.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np

from dsm_core.model.provenance import Gap
from dsm_core.model.time_range import NS_PER_MS, NS_PER_S
from dsm_core.report.coverage import SeriesCoverage
from dsm_core.report.points import Points, Values

__all__ = ["MAX_GAPS", "chart_json", "script_json", "series_facts"]

MAX_GAPS: Final = 100
_PRICE_DIGITS: Final = "%.9g"
_VOLUME_DIGITS: Final = "%.5g"


def series_facts(series: SeriesCoverage, no_chart: str | None) -> dict[str, Any]:
    """What the page shows of a series, its chart aside.

    Parameters
    ----------
    no_chart
        Why it has no chart; None when it has one.
    """
    key = series.key
    return {
        "name": series.name,
        "symbol": key.symbol,
        "interval": str(key.interval or ""),
        "rest": [key.provider, str(key.market_type), str(key.chart_type)]
        + [f"{name}={value}" for name, value in key.options],
        "rows": series.rows,
        "bytes": series.bytes,
        "first": _ms(series.first),
        "last": _ms(series.last),
        "behind": None if series.behind is None else _ms(series.behind.end - series.behind.start),
        "held": series.held_share,
        "sources": list(series.rows_by_source.items()),
        "slot": None if series.slot_ns is None else series.slot_ns // NS_PER_S,
        "days": _days(series),
        "gaps": [_gap_row(gap) for gap in _worst(series.gaps)],
        "gap_count": len(series.gaps),
        "open_gaps": series.open_gaps,
        "no_chart": no_chart,
    }


def _worst(gaps: Sequence[Gap]) -> list[Gap]:
    """As many gaps as are listed: open ones before final ones, long before short; then by time."""
    ranked = sorted(gaps, key=lambda gap: (gap.final, gap.start_ns - gap.end_ns))
    return sorted(ranked[:MAX_GAPS], key=lambda gap: gap.start_ns)


def _gap_row(gap: Gap) -> list[Any]:
    return [_ms(gap.start_ns), _ms(gap.end_ns), gap.bars, gap.reason, gap.final, gap.detail]


def _ms(t: int | None) -> int | None:
    return None if t is None else t // NS_PER_MS


def _days(series: SeriesCoverage) -> dict[str, Any] | None:
    """Runs of equal days: how many, and seconds held, in holes, provisional, missing and closed."""
    days = series.days()
    if days is None:
        return None
    shares = np.stack([days.held, days.holes, days.provisional, days.missing, days.closed], axis=1)
    # Rounded up: a day that lacks less than a second must not look whole.
    seconds = (-(-shares // NS_PER_S)).tolist()
    return {
        "first": days.first.isoformat(),
        "runs": [[len(list(same)), *share] for share, same in groupby(seconds)],
    }


def chart_json(points: Points) -> str:
    """A chart's points: times as runs of equal steps in seconds, numbers in as many digits as show."""
    times = points.times // NS_PER_S
    steps = [[step, len(list(same))] for step, same in groupby(np.diff(times).tolist())]
    head = {
        "column": points.column.name,
        "unit": points.column.unit,
        "bucket": None if points.bucket is None else str(points.bucket),
        "start": int(times[0]),
        "steps": steps,
        "breaks": points.breaks.tolist(),
    }
    volumes = "null" if points.volumes is None else _numbers(points.volumes, _VOLUME_DIGITS)
    values = _numbers(points.values, _PRICE_DIGITS)
    return f'{script_json(head)[:-1]},"values":{values},"volumes":{volumes}}}'


def _numbers(values: Values, digits: str) -> str:
    return f"[{','.join(map(digits.__mod__, values.tolist()))}]"


def script_json(value: Any) -> str:
    """JSON that is safe inside a script element, whatever the texts in it are."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return _without_markup(text)


def _without_markup(text: str, marks: Iterable[str] = "<>&") -> str:
    for mark in marks:
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
