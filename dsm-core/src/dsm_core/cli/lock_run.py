"""Locking ranges, and holding today's rows against a lock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from dsm_core.cli.console import say, say_note
from dsm_core.cli.failure import ExitCode, exit_code_of, in_shell_words
from dsm_core.cli.keep import wish_call, wish_label
from dsm_core.cli.lines import gap_facts
from dsm_core.cli.lock import Places
from dsm_core.cli.progress import shown_progress
from dsm_core.cli.sink import opened_sink
from dsm_core.config import Wish, load_config, load_list
from dsm_core.errors import ConfigError, DSMError, IntegrityError
from dsm_core.lineage import Locked, Verified, read_lock
from dsm_core.lineage.lock_file import lock_content
from dsm_core.manager import DataSourceManager
from dsm_core.model.exact_time import exact_iso
from dsm_core.model.wording import counted

__all__ = ["hold_against", "write"]

_CODES: Final[Mapping[str, ExitCode]] = {
    "same": ExitCode.OK,
    "differs": ExitCode.OTHER,
    "missing": ExitCode.INCOMPLETE,
}


def write(
    listed: Path, target: Path | None, *, keeps_values: bool, allows_gaps: bool, places: Places
) -> ExitCode:
    """Lock each range of a list into ``target``, or to stdout; give the exit code.

    Raises
    ------
    ConfigError
        When the list is wrong.
    """
    wishes = _wishes(listed)
    name = "standard output" if target is None else str(target)
    code, entries = ExitCode.OK, []
    with _manager(places, is_offline=False) as manager, shown_progress(manager):
        for wish in wishes:
            try:
                entry, why_not = _locked(manager, wish, keeps_values=keeps_values, allows_gaps=allows_gaps)
            except DSMError as error:
                say("error", f"{_told_of(wish_label(wish), error)}")
                code = code or exit_code_of(error)
                continue
            if why_not is not None:
                say("error", why_not)
                code = code or ExitCode.INCOMPLETE
            entries.append(entry)
    if code:
        say("hint", f"{name} was not written: a lock holds all ranges of its list or none.")
        return code
    content = lock_content(entries, name)
    with opened_sink(target) as sink:
        sink.write(content)
    for entry in entries:
        told = entry.manifest
        # Where the lock itself goes to stdout, nothing may stand beside it.
        click.echo(
            f"{told.series}: {counted(told.rows, 'row')}, sha256 {told.sha256[:16]}", err=target is None
        )
    say_note(f"{counted(len(entries), 'range')} locked in {name}")
    return ExitCode.OK


def _wishes(listed: Path) -> tuple[Wish, ...]:
    try:
        return load_list(listed, needs_start=True)
    except ConfigError as error:
        hint = error.hint or "`dsm lock --help` shows what a list looks like."
        raise ConfigError(error.message, hint=hint, **error.details) from error


def _told_of(series: str, error: DSMError) -> str:
    """What went wrong, with the series once."""
    text = in_shell_words(error, str(error))
    return text if series in text else f"{series}: {text}"


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
    with _manager(places, is_offline=is_offline) as manager, shown_progress(manager):
        found = [_held(manager, entry) for entry in entries]
    _print(entries, [one for one, _ in found], as_json=as_json)
    return _code(found)


def _held(manager: DataSourceManager, entry: Locked) -> tuple[Verified | DSMError, ExitCode]:
    """What came of one entry, and the exit code that stands for it."""
    try:
        data = manager.query(**entry.call(), on_gaps="ignore")
    except DSMError as error:
        return error, exit_code_of(error)
    try:
        one = data.verify(entry)
    except IntegrityError as error:
        # Nothing is fetched any more, so it is the lock that is no good.
        return error, ExitCode.REFUSED
    return one, _CODES[one.status]


def _manager(places: Places, *, is_offline: bool) -> DataSourceManager:
    config = load_config(places["config"])
    if is_offline:
        config = attrs.evolve(config, offline=True)
    return DataSourceManager(cache_dir=places["cache_dir"], config=config)


def _code(found: Sequence[tuple[Verified | DSMError, ExitCode]]) -> ExitCode:
    """That of a difference; else of the first error; else of rows that are missing."""
    codes = [code for _, code in found]
    if any(isinstance(one, Verified) and one.status == "differs" for one, _ in found):
        return ExitCode.OTHER
    errors = [code for one, code in found if isinstance(one, DSMError)]
    return errors[0] if errors else max(codes)


def _print(entries: Sequence[Locked], found: Sequence[Verified | DSMError], *, as_json: bool) -> None:
    facts = [_facts(entry, one) for entry, one in zip(entries, found, strict=True)]
    same = sum(fact["status"] == "same" for fact in facts)
    if as_json:
        click.echo(json.dumps({"same": same == len(facts), "entries": facts}, indent=1))
        return
    for entry, one in zip(entries, found, strict=True):
        if isinstance(one, DSMError):
            say("error", _told_of(entry.manifest.series, one))
        else:
            click.echo(str(one))
    requests = counted(sum(fact.get("requests", 0) for fact in facts), "request")
    say_note(f"{same} of {counted(len(facts), 'range')} the same; {requests} sent")


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
        "versions": {name: {"locked": then, "now": now} for name, (then, now) in one.versions.items()}
        or None,
    }
