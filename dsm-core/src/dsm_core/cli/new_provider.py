"""``dsm new-provider``: a package to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.options import debug_option

__all__ = ["new_provider"]


@click.command("new-provider")
@click.argument("name")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", default=Path(),
    help="Where the package's folder goes; the working directory when left out.",
)  # fmt: skip
@debug_option
def new_provider(name: str, into: Path) -> None:
    """Write an installable package for the provider NAME.

    It goes to dsm-NAME in DIR, speaks to a made-up venue, and passes the conformance kit as it is. The names
    of its files are printed.
    """
    from dsm_core import scaffold  # noqa: PLC0415 - brings attrs and metadata

    try:
        written = scaffold.new_provider(name, into)
    except OSError as error:
        raise click.FileError(str(error.filename or into), error.strerror or str(error)) from error
    for path in written:
        click.echo(path)
    folder = written[0].parent
    say_note(f"Next: cd {folder} && pip install -e '.[test]' && pytest; its README.md goes on from there.")
