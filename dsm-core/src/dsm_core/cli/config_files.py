"""``dsm config init`` and ``dsm config schema``: a file to begin with, and what lets an editor help."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dsm_core.cli.console import say, say_note
from dsm_core.cli.options import debug_option
from dsm_core.cli.sections import Sections
from dsm_core.cli.sink import opened_sink
from dsm_core.errors import ConfigError

__all__ = ["init", "schema"]


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default=Path("dsm.yaml"))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@debug_option
def init(path: Path, force: bool) -> None:
    """Write a commented file with every key of DSM and of the installed providers.

    PATH is ./dsm.yaml when left out; `-` is stdout. Every key is commented out and shows its default, so the
    file changes nothing until it is edited.
    """
    from dsm_core.config import config_template  # noqa: PLC0415 - brings attrs

    is_file = path != Path("-")
    if is_file and path.exists() and not force:
        raise ConfigError(f"{path} is there already.", hint="Name another file, or replace it with --force.")
    text = config_template(_sections().whole())
    _write(text, path if is_file else None)


@click.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write to a file in place of stdout.",
)  # fmt: skip
@debug_option
def schema(output: Path | None) -> None:
    """Print the file's JSON Schema (2020-12), with the installed providers' keys.

    An editor with a YAML language server completes and checks a file whose first line is
    `# yaml-language-server: $schema=FILE`.
    """
    from dsm_core.config import json_schema  # noqa: PLC0415 - brings attrs

    sections = _sections()
    told = json_schema(sections.whole())
    known = told["properties"]["providers"]["properties"]
    for name in sections.broken:
        # Nobody knows its keys, so an editor had better not mark them.
        known[name] = {"description": f"The keys of {name} are unknown: it is broken."}
    _write(json.dumps(told, indent=2) + "\n", output)


def _sections() -> Sections:
    """Those of the installed providers; of broken ones it is said that they are left out."""
    sections = Sections()
    sections.whole()
    for error in sections.broken.values():
        say("warning", f"left out: {error}")
    return sections


def _write(text: str, path: Path | None) -> None:
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from error
    with opened_sink(path) as sink:
        sink.write(text.encode())
    if path is not None:
        say_note(f"Written to {path}.")
