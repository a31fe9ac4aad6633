"""One call of a manager, and its answer on its way out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from dsm_core.cli.console import say, say_note
from dsm_core.cli.options import SeriesArguments, range_call
from dsm_core.cli.progress import shown_progress
from dsm_core.cli.rows import WRITERS, iso_time
from dsm_core.cli.sink import opened_sink
from dsm_core.errors import ArchiveError, DSMError, IntegrityError
from dsm_core.fcp.plan import Plan
from dsm_core.manager import DataSourceManager
from dsm_core.model.provenance import Failure
from dsm_core.model.time_range import TimeRange
from dsm_core.model.wording import counted
from dsm_core.output import MarketData
from dsm_core.output.html import closed_text

__all__ = ["fetch", "show_plan"]

_GAPS_SHOWN: Final = 10


def fetch(asked: SeriesArguments, *, form: str, output: Path | None, strict: bool) -> None:
    """Get the rows and write them.

    Raises
    ------
    DSMError
        As :meth:`dsm_core.DataSourceManager.query`.
    """
    with _manager(asked) as manager:
        with shown_progress(manager):
            data = manager.query(**_call(asked), on_gaps="raise" if strict else None)
        with opened_sink(output) as sink:
            WRITERS[form](data, sink)
    if form == "table" or output is not None:
        _summarize(data, output)
    for text in _made_good(data, is_kept=not asked["no_cache"]):
        say_note(text)


def show_plan(asked: SeriesArguments, *, form: str) -> None:
    """Print the plan of a call.

    Raises
    ------
    RequestError, PluginError, ConfigError
        When the call cannot be answered as asked.
    """
    with _manager(asked) as manager:
        plan = manager.explain(**_call(asked))
    click.echo(plan if form == "table" else json.dumps(_plan_facts(plan), indent=1))


@contextmanager
def _manager(asked: SeriesArguments) -> Iterator[DataSourceManager]:
    with DataSourceManager(
        asked["market"],
        asked["provider"],
        asked["chart_type"],
        cache_dir=asked["cache_dir"],
        use_cache=not asked["no_cache"],
        config=asked["config"],
    ) as manager:
        yield manager


def _call(asked: SeriesArguments) -> dict[str, Any]:
    return range_call(asked["symbol"], asked) | {
        "columns": asked["columns"],
        "enforce_source": asked["source"],
        "options": asked["options"] or None,
    }


def _summarize(data: MarketData, output: Path | None) -> None:
    told = data.handle.value
    origin = ", ".join(f"{source} {rows}" for source, rows in told["sources"].items())
    parts = [f"{counted(told['rows'], 'row')} of {told['series']}"]
    parts += [f"from {origin}"] if origin else []
    parts.append(counted(data.requests, "request"))
    parts += [f"written to {output}"] if output is not None else []
    say_note(", ".join(parts))
    closed = data.coverage.market_closed
    if closed:
        say_note(closed_text(closed))
    for gap in data.gaps[:_GAPS_SHOWN]:
        say("gap", str(gap))
    if len(data.gaps) > _GAPS_SHOWN:
        say("gap", f"and {len(data.gaps) - _GAPS_SHOWN} more; --format json lists all")


def _made_good(data: MarketData, *, is_kept: bool) -> Iterator[str]:
    """What failed of each source and came from elsewhere; what nobody brought is told as a gap."""
    lacking = [gap for gap in data.gaps if gap.reason == "source_failed"]
    made_good = [
        one
        for one in data.failures
        if not any(gap.start_ns < one.end_ns and one.start_ns < gap.end_ns for gap in lacking)
    ]
    refused = [one for one in made_good if isinstance(one.error, IntegrityError | ArchiveError)]
    if refused:
        where = "; `dsm cache quarantine` lists refused archive files" if is_kept else ""
        told = f"{counted(len(refused), 'answer')} refused, and had from elsewhere"
        yield f"{told}; the first, of {_first_of(refused)}{where}"
    failed = [one for one in made_good if one not in refused]
    if failed:
        told = f"{counted(len(failed), 'range')} failed, and had from elsewhere"
        yield f"{told}; the first, of {_first_of(failed)}"


def _first_of(failures: Sequence[Failure]) -> str:
    error = failures[0].error
    told = error.message if isinstance(error, DSMError) else str(error)
    return f"{failures[0].source}: {' '.join(told.split()).rstrip('.')}"


def _plan_facts(plan: Plan) -> Mapping[str, Any]:
    return {
        "series": plan.series,
        **_times(plan.span),
        "requests": plan.requests,
        "weight": plan.weight,
        "size_bytes": plan.size_bytes,
        "clock_requests": plan.clock_requests,
        "cached": [_times(held) for held in plan.cached],
        "steps": [
            {
                "source": step.task.source,
                **_times(step.task.span),
                "fills": [_times(part) for part in step.fills],
                "bars": step.bars,
                "requests": step.task.requests,
                "weight": step.task.weight,
                "size_bytes": step.task.size_bytes,
                "name": step.task.name,
                "why": step.task.why,
                "fallback": step.task.fallback,
            }
            for step in plan.steps
        ],
        "unplanned": [_times(part) for part in plan.unplanned],
    }


def _times(span: TimeRange | None) -> dict[str, str | None]:
    if span is None:
        return {"start_time": None, "end_time": None}
    return {"start_time": iso_time(span.start), "end_time": iso_time(span.end)}
