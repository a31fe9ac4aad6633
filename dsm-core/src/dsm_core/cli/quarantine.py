"""``dsm cache quarantine``: bad archive objects that were kept as evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsm_core.cli.consent import confirm
from dsm_core.cli.console import say_note
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import config_option, debug_option, held_cache_option, json_option
from dsm_core.cli.store import open_store

if TYPE_CHECKING:
    from dsm_core.cache import Quarantine, Quarantined

__all__ = ["quarantine"]

_HEADER = ("id", "last seen (UTC)", "times", "size", "outcome", "file", "reason")
_REASON = 80


class _ListedByItself(click.Group):
    """A group whose options are those of its `ls`, which runs where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_help = any(arg in ctx.help_option_names for arg in args)
        if not asks_help and (not args or args[0].startswith("-")):
            args = ["ls", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListedByItself)
def quarantine() -> None:
    """Archive objects that were refused or mended, kept as evidence.

    Without a command it is `ls`, and takes its options.
    """


@quarantine.command("ls")
@json_option
@held_cache_option
@config_option
@debug_option
def list_objects(as_json: bool, cache_dir: Path | None, config: Path | None) -> None:
    """List them, the oldest first."""
    from dsm_core.model.wording import counted, size_text  # noqa: PLC0415 - brings attrs

    room = _room(cache_dir, config)
    found = room.ls()
    if as_json:
        click.echo(json.dumps([_facts(room, one) for one in found], indent=1))
        return
    for line in grid_lines(_HEADER, [_cells(one) for one in found], right=frozenset({2, 3})) if found else ():
        click.echo(line)
    size = sum(one.size for one in found if one.object)
    say_note(f"{room.folder}: {counted(len(found), 'object')}, {size_text(size)}")


@quarantine.command("show")
@click.argument("name", metavar="ID")
@click.option("--json", is_flag=True, expose_value=False, help="What it prints is JSON either way.")
@held_cache_option
@config_option
@debug_option
def show(name: str, cache_dir: Path | None, config: Path | None) -> None:
    """Print all that is known of one, and where its bytes lie."""
    room = _room(cache_dir, config)
    found = room.get(name)
    if found is None:
        raise _unknown(name)
    click.echo(json.dumps(_facts(room, found), indent=1))


@quarantine.command("clear")
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@held_cache_option
@config_option
@debug_option
@click.pass_context
def clear(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    yes: bool,
    as_json: bool,
    cache_dir: Path | None,
    config: Path | None,
) -> None:
    """Remove those of the given ids, or all of them."""
    room = _room(cache_dir, config)
    for name in names:
        if room.get(name) is None:
            raise _unknown(name)
    meant = len(set(names)) or len(room.ls())
    if meant and not yes:
        confirm(ctx, f"Remove {meant} object{'s' * (meant != 1)} from {room.folder}?")
    gone = room.clear(names or None)
    if as_json:
        click.echo(json.dumps({"objects": gone}))
        return
    say_note(f"Removed {gone} object{'s' * (gone != 1)}.")


def _unknown(name: str) -> click.UsageError:
    return click.UsageError(f"There is no {name!r}; `dsm cache quarantine ls` lists the ids.")


def _room(cache_dir: Path | None, config: Path | None) -> Quarantine:
    from dsm_core.cache import Quarantine  # noqa: PLC0415 - brings Arrow

    return Quarantine(open_store(cache_dir, config).root)


def _facts(room: Quarantine, one: Quarantined) -> dict[str, Any]:
    from attrs import asdict  # noqa: PLC0415 - the command line starts without it

    path = room.path_of(one)
    return {**asdict(one), "path": None if path is None else str(path)}


def _cells(one: Quarantined) -> tuple[str, ...]:
    from dsm_core.model.wording import size_text  # noqa: PLC0415 - brings attrs

    name = one.url.rpartition("/")[2]
    reason = one.reason.replace(one.url, name)
    reason = reason if len(reason) <= _REASON else f"{reason[:_REASON]}..."
    seen = one.last_seen[:19].replace("T", " ")
    return one.id, seen, str(one.times), size_text(one.size), one.outcome, name, reason
