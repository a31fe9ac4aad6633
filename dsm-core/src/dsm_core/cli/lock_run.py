"""Locking requests, and holding today's rows against a lock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import click

from dsm_core.cli.console import say, say_note
from dsm_core.cli.failure import ExitCode, exit_code_of, in_shell_words
from dsm_core.cli.keep import wish_call, wish_label
from dsm_core.cli.lines import gap_facts
from dsm_core.cli.lock import Places
from dsm_core.cli.progress import shown_progress
from dsm_core.config import Wish, load_config, load_list
from dsm_core.errors import DSMError
from dsm_core.lineage import Locked, Verified, read_lock, write_lock
from dsm_core.manager import DataSourceManager
from dsm_core.model.exact_time import exact_iso
from dsm_core.model.wording import counted

__all__ = ["hold_against", "write"]


def write(requests: Path, target: Path, *, keeps_values: bool, allows_gaps: bool, places: Places) -> ExitCode:
    """Lock each request of a file; give the exit code.

    Raises
    ------
    ConfigError
        When the file of requests is wrong.
    """
    wishes = load_list(requests)
    code, entries = ExitCode.OK, []
    with _manager(places, is_offline=False) as manager, shown_progress(manager):
        for wish in wishes:
            try:
                entry, why_not = _locked(manager, wish, keeps_values=keeps_values, allows_gaps=allows_gaps)
            except DSMError as error:
                say("error", f"{wish_label(wish)}: {in_shell_words(error, str(error))}")
                code = code or exit_code_of(error)
                continue
            if why_not is not None:
                say("error", why_not)
                code = code or ExitCode.INCOMPLETE
            entries.append(entry)
    if code:
        say("hint", f"{target} was not written: a lock holds all requests or none.")
        return code
    write_lock(target, entries)
    for entry in entries:
        told = entry.manifest
        click.echo(f"{told.series}: {counted(told.rows, 'row')}, sha256 {told.sha256[:16]}")
    say_note(f"{counted(len(entries), 'request')} locked in {target}")
    return ExitCode.OK


def _locked(
    manager: DataSourceManager, wish: Wish, *, keeps_values: bool, allows_gaps: bool
) -> tuple[Locked, str | None]:
    """The entry of a wish, and why it may not be locked."""
    data = manager.query(**wish_call(wish, wish.start, wish.end), on_gaps="ignore")
    lacking = [gap for gap in data.gaps if not gap.final and gap.reason != "not_closed_yet"]
    entry = data.lock(values=keeps_values)
    if not lacking or allows_gaps:
        return entry, None
    more = f" and {len(lacking) - 1} more gaps" if len(lacking) > 1 else ""
    return (
        entry,
        f"{entry.manifest.series}: rows are missing: {lacking[0]}{more}; --allow-gaps locks it as it is",
    )


def hold_against(file: Path, *, is_offline: bool, as_json: bool, places: Places) -> ExitCode:
    """Hold the rows of each entry of a lock file against it; give the exit code.

    Raises
    ------
    ConfigError
        When the lock file is wrong.
    """
    entries = read_lock(file)
    found: list[Verified | DSMError] = []
    with _manager(places, is_offline=is_offline) as manager, shown_progress(manager):
        for entry in entries:
            try:
                found.append(manager.query(**entry.call(), on_gaps="ignore").verify(entry))
            except DSMError as error:
                found.append(error)
    _print(entries, found, as_json=as_json)
    return _code(found)


def _manager(places: Places, *, is_offline: bool) -> DataSourceManager:
    config = load_config(places["config"])
    if is_offline:
        config = attrs.evolve(config, offline=True)
    return DataSourceManager(cache_dir=places["cache_dir"], config=config)


def _code(found: list[Verified | DSMError]) -> ExitCode:
    status = {one.status for one in found if isinstance(one, Verified)}
    if "differs" in status:
        return ExitCode.OTHER
    errors = [one for one in found if isinstance(one, DSMError)]
    if errors:
        return exit_code_of(errors[0])
    return ExitCode.INCOMPLETE if "missing" in status else ExitCode.OK


def _print(entries: tuple[Locked, ...], found: list[Verified | DSMError], *, as_json: bool) -> None:
    facts = [_facts(entry, one) for entry, one in zip(entries, found, strict=True)]
    same = sum(fact["status"] == "same" for fact in facts)
    if as_json:
        click.echo(json.dumps({"same": same == len(facts), "entries": facts}, indent=1))
        return
    for entry, one in zip(entries, found, strict=True):
        if isinstance(one, DSMError):
            say("error", f"{entry.manifest.series}: {in_shell_words(one, str(one))}")
        else:
            click.echo(str(one))
    requests = counted(sum(fact.get("requests", 0) for fact in facts), "request")
    say_note(f"{same} of {len(facts)} the same; {requests}")


def _facts(entry: Locked, one: Verified | DSMError) -> dict[str, Any]:
    if isinstance(one, DSMError):
        return {"series": entry.manifest.series, "status": "failed", "error": str(one)}
    first = one.first
    return {
        "series": one.series,
        "status": one.status,
        "rows": one.rows,
        "locked_rows": one.locked_rows,
        "sha256": one.sha256,
        "locked_sha256": one.locked_sha256,
        "differing": one.differing,
        "missing": one.missing,
        "first": None if first is None else {**attrs.asdict(first), "time": exact_iso(first.time_ns)},
        "gaps": list(map(gap_facts, one.gaps)),
        "requests": one.requests,
        "versions": one.versions,
    }
