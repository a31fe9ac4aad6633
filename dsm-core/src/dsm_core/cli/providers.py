"""``dsm providers``: what is installed, as metadata tells it."""

from __future__ import annotations

import json

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import format_option

__all__ = ["providers"]


@click.command()
@format_option("table", "json", default="table")
def providers(form: str) -> None:
    """List the installed providers; none is imported."""
    from dsm_core.plugins.discovery import installed_providers  # noqa: PLC0415 - brings attrs and metadata

    found = installed_providers()
    if form == "json":
        keys = ("name", "distribution", "version", "module")
        click.echo(json.dumps([{key: getattr(p, key) for key in keys} for p in found], indent=1))
        return
    rows = [(p.name, p.distribution, p.version, p.module) for p in found]
    for line in grid_lines(("provider", "package", "version", "module"), rows) if rows else ():
        click.echo(line)
    if not found:
        say_note("No provider is installed; packages called dsm-<provider> bring them.")
