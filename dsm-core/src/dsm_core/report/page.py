"""The coverage page: one HTML file with everything inside, that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

from dsm_core.cache import CacheStore
from dsm_core.model.time_range import NS_PER_MS
from dsm_core.report.coverage import SeriesCoverage
from dsm_core.report.facts import chart_json, script_json, series_facts
from dsm_core.report.points import read_points
from dsm_core.whole_file import whole_file

__all__ = ["MAX_PAGE_BYTES", "write_page"]

MAX_PAGE_BYTES: Final = 20_000_000
_MARKER: Final = re.compile(r"\{\{(\w+)\}\}")
_SCRIPTS: Final = ("calendar.js", "chart.js", "page.js")
_LEFT_OUT: Final = "it was left out to keep this page small"


def write_page(
    coverage: Sequence[SeriesCoverage],
    store: CacheStore,
    path: Path,
    *,
    now: int,
    title: str = "Cache coverage",
    max_bytes: int = MAX_PAGE_BYTES,
) -> None:
    """Write coverage, gaps and price charts as one self-contained HTML file.

    The file works from disk, needs no network and is forbidden to use it. It replaces ``path``
    as a whole, or not at all.

    Parameters
    ----------
    coverage
        What :func:`survey` found.
    store
        The cache it was found in; rows of the charts are read from it.
    now
        UTC nanoseconds; told as the moment the page was made.
    title
        The page's heading.
    max_bytes
        About how large the file may become. Charts that do not fit are left out, and the page
        says which; what else it shows is never cut.

    Raises
    ------
    CacheUnavailableError
        When the cache folder cannot be read.
    OSError
        When ``path`` cannot be written.
    """
    room = max_bytes - len(_page([], [], now, title)) - len(_series_json(coverage, [None] * len(coverage)))
    charts, reasons = _charts(coverage, store, room)
    text = _page([_series_json(coverage, reasons)], charts, now, title)
    with whole_file(Path(path)) as file:
        file.write(text.encode("utf-8", "replace"))


def _charts(
    coverage: Sequence[SeriesCoverage], store: CacheStore, room: int
) -> tuple[list[str], list[str | None]]:
    """Script elements of the charts that fit, and for each series why it has none."""
    elements: list[str] = []
    reasons: list[str | None] = []
    for place, series in enumerate(coverage):
        points = read_points(store, series) if room > 0 else _LEFT_OUT
        if isinstance(points, str):
            reasons.append(points)
            continue
        element = f'<script type="application/json" id="chart-{place}">{chart_json(points)}</script>'
        room -= len(element)
        reasons.append(_LEFT_OUT if room < 0 else None)
        elements += [element] if room >= 0 else []
    return elements, reasons


def _series_json(coverage: Sequence[SeriesCoverage], reasons: Sequence[str | None]) -> str:
    return script_json([series_facts(s, why) for s, why in zip(coverage, reasons, strict=True)])


def _page(series: Sequence[str], charts: Sequence[str], now: int, title: str) -> str:
    style, script, vendor = _style(), _script(), _vendor_script()
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(vendor)} {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": escape(policy),
        "title": escape(title),
        "style": style,
        "vendor": vendor,
        "script": script,
        "made": str(now // NS_PER_MS),
        "series": "".join(series) or "[]",
        "charts": "\n".join(charts),
    }
    # One pass: a marker inside a value is text like any other.
    return _MARKER.sub(lambda found: parts[found[1]], _read("page.html"))


@cache
def _style() -> str:
    return _read("vendor", "uPlot.min.css") + "\n" + _read("page.css")


@cache
def _script() -> str:
    return "\n".join(_read(name) for name in _SCRIPTS)


@cache
def _vendor_script() -> str:
    # The licence asks for its text wherever a copy goes.
    return f"/*\n{_read('vendor', 'LICENSE').strip()}\n*/\n" + _read("vendor", "uPlot.iife.min.js")


@cache
def _read(*names: str) -> str:
    return files(__package__).joinpath(*names).read_text("utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
