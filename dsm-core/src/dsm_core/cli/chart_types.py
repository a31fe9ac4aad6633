"""``dsm chart-types``: the kinds of rows there are, who declares them and who serves them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from dsm_core.cli.console import say, say_note
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import debug_option, format_option

if TYPE_CHECKING:
    from dsm_core.plugins.provider import Provider
    from dsm_core.schema import ChartSchema

__all__ = ["chart_types"]

_HEADER = ("chart type", "kind", "index", "columns", "lasts", "declared by", "served by")
_COLUMNS = ("column", "dtype", "unit", "several bars")


@click.command("chart-types")
@click.argument("name", required=False)
@format_option("table", "json", default="table")
@debug_option
def chart_types(name: str | None, form: str) -> None:
    """List the chart types, or the columns of one.

    A plugin tells its chart types when it is imported, so every installed provider is. One that is
    broken is named on stderr; the others are listed all the same.
    """
    from dsm_core.schema import CHART_TYPES  # noqa: PLC0415 - brings attrs

    providers = _loaded()
    schemas = [CHART_TYPES[known] for known in sorted(CHART_TYPES)]
    if name is not None:
        schemas = [schema for schema in schemas if schema.name == name]
        if not schemas:
            raise _unknown(name, sorted(CHART_TYPES))
    if form == "json":
        click.echo(json.dumps([_facts(schema, providers) for schema in schemas], indent=1))
        return
    for line in _listed(schemas, providers) if name is None else _described(schemas[0], providers):
        click.echo(line)
    told = ", ".join(provider.name for provider in providers) or "none"
    say_note(f"Providers that were loaded: {told}.")


def _loaded() -> list[Provider]:
    """Every sound provider; of the others the fault is told."""
    from dsm_core.plugins.discovery import check_installed  # noqa: PLC0415 - brings attrs and metadata

    found = []
    for finding in check_installed():
        if finding.provider is not None:
            found.append(finding.provider)
        else:
            say("warning", f"{finding.problem} {finding.remedy or ''}".strip())
    return found


def _unknown(name: str, known: Sequence[str]) -> click.BadParameter:
    close = get_close_matches(name, known, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return click.BadParameter(f"no loaded package declares {name!r}; {guess}there are {', '.join(known)}")


def _listed(schemas: Sequence[ChartSchema], providers: Sequence[Provider]) -> list[str]:
    rows = [
        (
            schema.name,
            schema.kind,
            schema.index,
            str(len(schema.columns)),
            _lasts(schema),
            _declared(schema),
            ", ".join(provider.name for provider in providers if _places(schema, provider)),
        )
        for schema in schemas
    ]
    return grid_lines(_HEADER, rows, right=frozenset({3}))


def _described(schema: ChartSchema, providers: Sequence[Provider]) -> Iterator[str]:
    from dsm_core.model.wording import listed_intervals  # noqa: PLC0415 - only where clients are loaded anyway

    lasts = f", a record lasts {_lasts(schema)}" if schema.ttl_s else ""
    yield f"{schema.name}: {schema.kind}{lasts}; declared by {_declared(schema)}"
    for provider in providers:
        for place in _places(schema, provider):
            intervals = listed_intervals(place["intervals"], " ")
            told = f"served by {provider.name}, {place['market_type']} from {place['source']}"
            yield f"{told}: {intervals}" if intervals else told
    if schema.notes:
        yield schema.notes
    yield ""
    index = (f"{schema.index} (index)", "time", "UTC", "")
    rows = [(_label(schema, c.name), c.dtype, c.unit, _joined(schema, c.agg)) for c in schema.columns]
    yield from grid_lines(_COLUMNS, [index, *rows])


def _label(schema: ChartSchema, column: str) -> str:
    return f"{column} (key)" if column in schema.key else column


def _joined(schema: ChartSchema, agg: str | None) -> str:
    return (agg or "not joined") if schema.kind == "bars" else ""


def _lasts(schema: ChartSchema) -> str:
    return "" if schema.ttl_s is None else f"{schema.ttl_s:g} s"


def _declared(schema: ChartSchema) -> str:
    from dsm_core.schema.chart_type import declared_by  # noqa: PLC0415 - brings attrs

    return declared_by(schema.name) or "this process"


def _places(schema: ChartSchema, provider: Provider) -> list[dict[str, Any]]:
    """Where a provider serves a chart type."""
    return [
        {
            "market_type": str(client.spec.market_type),
            "source": str(client.spec.source),
            "intervals": [str(interval) for interval in client.spec.intervals],
        }
        for client in provider.clients
        if client.spec.chart_type == schema.name
    ]


def _facts(schema: ChartSchema, providers: Sequence[Provider]) -> dict[str, Any]:
    return {
        "name": schema.name,
        "kind": schema.kind,
        "index": schema.index,
        "columns": [
            {
                "name": column.name,
                "dtype": column.dtype,
                "unit": column.unit,
                "agg": column.agg if schema.kind == "bars" else None,
                "required": column.required,
                "nullable": column.nullable or not column.required,
            }
            for column in schema.columns
        ],
        "key": list(schema.key),
        "ttl_s": schema.ttl_s,
        "notes": schema.notes,
        "declared_by": _declared(schema),
        "served_by": [
            {"provider": provider.name, **place}
            for provider in providers
            for place in _places(schema, provider)
        ],
    }
