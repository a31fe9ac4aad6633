"""``dsm providers``: what is installed, as metadata tells it; and all about one."""

from __future__ import annotations

import json

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import debug_option, format_option

__all__ = ["providers"]


@click.command()
@click.argument("name", required=False)
@format_option("table", "json", default="table")
@debug_option
def providers(name: str | None, form: str) -> None:
    """List the installed providers, or tell what one of them serves.

    The list is metadata and imports none; NAME is imported.
    """
    if name is not None:
        _describe(name, form)
        return
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
        say_note("No provider is installed. They come as packages, usually called dsm-<provider>.")


def _describe(name: str, form: str) -> None:
    from dsm_core.cli.provider_facts import fact_lines, provider_facts  # noqa: PLC0415 - brings the provider

    facts = provider_facts(name)
    if form == "json":
        click.echo(json.dumps(facts, indent=1))
        return
    for line in fact_lines(facts):
        click.echo(line)
