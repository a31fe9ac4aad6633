"""``dsm config``: which file is read, and whether it is right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsm_core.cli.config_files import init, schema
from dsm_core.cli.config_show import show
from dsm_core.cli.console import say, say_note
from dsm_core.cli.failure import ExitCode
from dsm_core.cli.options import config_option, json_option
from dsm_core.cli.sections import Offers, Sections
from dsm_core.errors import ConfigError

if TYPE_CHECKING:
    from dsm_core.config import Problem

__all__ = ["config"]


@click.group(no_args_is_help=False)
def config() -> None:
    """The configuration: its file, its mistakes, what is in force, a file to begin with."""


@config.command()
@json_option
def path(as_json: bool) -> None:
    """Print the path of the file that is read."""
    from dsm_core.config import find_config_file  # noqa: PLC0415 - brings attrs

    found = find_config_file()
    if as_json:
        click.echo(json.dumps({"path": None if found is None else str(found)}))
    elif found is None:
        say_note("There is no configuration file; every key has its default.")
    else:
        click.echo(found)


@config.command()
@json_option
@config_option
@click.pass_context
def check(ctx: click.Context, as_json: bool, config: Path | None) -> None:
    """Print every mistake, those in the providers' sections included."""
    from dsm_core.config import check_config  # noqa: PLC0415 - brings attrs

    sections = Sections()
    problems = check_config(config, sections, offers=Offers(sections))
    wrong = [p for p in problems if not p.path.startswith(tuple(f"providers.{n}." for n in sections.broken))]
    for problem in () if as_json else wrong:
        click.echo(problem)
    for error in sections.broken.values():
        say("error", str(error))
    file = config or _found_file()
    if as_json:
        click.echo(_as_json(file, wrong))
    if wrong or sections.broken:
        ctx.exit(ExitCode.REFUSED)
    if as_json:
        return
    click.echo(f"{file}: fine" if file else "no configuration file: the defaults are fine")


for _command in (show, init, schema):
    config.add_command(_command)


def _found_file() -> Path | None:
    from dsm_core.config import find_config_file  # noqa: PLC0415 - brings attrs

    try:
        return find_config_file()
    except ConfigError:
        # A variable that names no file: that is among the mistakes.
        return None


def _as_json(file: Path | None, wrong: Sequence[Problem]) -> str:
    from attrs import asdict  # noqa: PLC0415 - the other form needs none

    told = {"file": None if file is None else str(file), "problems": [asdict(problem) for problem in wrong]}
    return json.dumps(told, indent=1)
