"""``dsm coverage``: how complete the cache is, drawn, as a page, or as JSON."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsm_core.cli.console import colour_choice, say_note
from dsm_core.cli.options import cache_dir_option, config_option, debug_option, json_option
from dsm_core.cli.store import opened_cache

if TYPE_CHECKING:
    from dsm_core.report import SeriesCoverage

__all__ = ["coverage"]


@click.command()
@click.argument("glob", required=False)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write one page with coverage, gaps and charts; it needs no network.",
)  # fmt: skip
@json_option
@cache_dir_option
@config_option
@debug_option
def coverage(
    glob: str | None,
    *,
    html: Path | None,
    as_json: bool,
    cache_dir: Path | None,
    config: Path | None,
) -> None:
    """Show what the cache holds of each series and what it lacks.

    Nothing is fetched. GLOB means symbols or series keys, as in 'BTC*' or 'binance/spot/*'.
    """
    from dsm_core.report import survey, write_page  # noqa: PLC0415 - brings Arrow

    store, loaded = opened_cache(cache_dir, config)
    now = time.time_ns()
    found = survey(store, glob, now=now, config=loaded)
    if html is not None:
        try:
            write_page(found, store, html, now=now)
        except OSError as error:
            raise click.FileError(str(html), error.strerror or str(error)) from error
        say_note(f"{len(found)} series, written to {html}")
    if as_json:
        click.echo(json.dumps([_facts(series) for series in found], indent=1))
    elif html is None:
        _draw(found)


def _draw(found: list[SeriesCoverage]) -> None:
    from dsm_core.progress import is_live  # noqa: PLC0415 - brings attrs
    from dsm_core.report import draw  # noqa: PLC0415 - brings Arrow

    colour = is_live(sys.stdout) and colour_choice() is not False
    width = shutil.get_terminal_size().columns
    click.echo(draw(found, width=width, colour=colour, unicode=_shows_blocks()), color=colour)


def _shows_blocks() -> bool:
    """Whether stdout's encoding has the characters of a timeline."""
    if os.environ.get("TERM") == "dumb":
        return False
    try:
        "█▄·▒╌▁".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _facts(series: SeriesCoverage) -> dict[str, Any]:
    from dsm_core.cli.lines import gap_facts, time_text  # noqa: PLC0415 - brings Arrow

    behind = series.behind
    return {
        "series": series.name,
        "rows": series.rows,
        "files": series.files,
        "bytes": series.bytes,
        "first": time_text(series.first),
        "last": time_text(series.last),
        "known_from": time_text(series.span.start if series.span else None),
        "known_until": time_text(series.span.end if series.span else None),
        "behind_s": 0 if behind is None else (behind.end - behind.start) // 10**9,
        "held_share": series.held_share,
        "rows_by_source": dict(series.rows_by_source),
        "open_gaps": series.open_gaps,
        "gaps": [gap_facts(gap) for gap in series.gaps],
    }
