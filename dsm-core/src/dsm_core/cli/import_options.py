"""What every import command takes and tells; commands of providers use it too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from dsm_core.cli.console import say, say_note
from dsm_core.cli.failure import ExitCode
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import cache_dir_option, config_option, debug_option
from dsm_core.cli.store import opened_cache

if TYPE_CHECKING:
    from dsm_core.cache import CacheStore
    from dsm_core.config import DSMConfig
    from dsm_core.porting import ImportedFile

__all__ = ["ImportArguments", "import_options", "run_import"]

Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])


class ImportArguments(TypedDict):
    """What :func:`import_options` hands to a command; ``now`` is UTC nanoseconds."""

    now: int | None
    force: bool
    as_json: bool
    cache_dir: Path | None
    config: Path | None


def _nanoseconds(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    from dsm_core.model.time_range import to_ns  # noqa: PLC0415 - brings attrs

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.BadParameter("write ISO with offset, such as 2024-01-31T12:00+00:00")
    return to_ns(moment)


_OPTIONS = (
    click.option("--force", is_flag=True, help="Replace what the cache holds; else only gaps are filled."),
    click.option("--now", callback=_nanoseconds, metavar="TIME",
                 help="What decides which bars have closed; the clock when left out."),
    click.option("--json", "as_json", is_flag=True, help="Print one object for each file."),
    cache_dir_option,
    config_option,
    debug_option,
)  # fmt: skip


def import_options(command: Wrapped) -> Wrapped:
    """Give a command the options of :class:`ImportArguments`."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


def run_import(
    ctx: click.Context,
    given: ImportArguments,
    work: Callable[[CacheStore, DSMConfig, int], Iterable[ImportedFile]],
) -> None:
    """Import, and tell what became of each file; exit with 3 when some were refused.

    Parameters
    ----------
    work
        Gets the cache, the configuration and the time, UTC nanoseconds.
    """
    store, config = opened_cache(given["cache_dir"], given["config"])
    now = given["now"]
    files = list(work(store, config, time.time_ns() if now is None else now))
    if given["as_json"]:
        import json  # noqa: PLC0415 - one of the two forms

        click.echo(json.dumps(list(map(_facts, files)), indent=1))
    else:
        _print_series([file for file in files if file.outcome == "imported"])
    for file in files:
        if file.outcome != "imported":
            say(
                file.outcome,
                file.problem if str(file.path) in file.problem else f"{file.path}: {file.problem}",
            )
    refused = sum(file.outcome == "refused" for file in files)
    rows = sum(file.rows for file in files)
    say_note(f"{store.root}: {rows} row{'s' * (rows != 1)} from {_files(len(files))}, {refused} refused")
    if refused:
        ctx.exit(ExitCode.INCOMPLETE)


def _print_series(files: Sequence[ImportedFile]) -> None:
    keys = dict.fromkeys(str(file.key) for file in files)
    rows = []
    for key in keys:
        own = [file for file in files if str(file.key) == key]
        sums = (len(own), *(sum(getattr(f, name) for f in own) for name in ("rows", "held", "unfinished")))
        rows.append((key, *map(str, sums)))
    header = ("series", "files", "rows", "held already", "unfinished")
    for line in grid_lines(header, rows, right=frozenset({1, 2, 3, 4})) if rows else ():
        click.echo(line)


def _facts(file: ImportedFile) -> dict[str, Any]:
    return {
        "file": str(file.path),
        "outcome": file.outcome,
        "series": None if file.key is None else str(file.key),
        "rows": file.rows,
        "held": file.held,
        "unfinished": file.unfinished,
        "verified": file.verified,
        "problem": file.problem,
    }


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"
