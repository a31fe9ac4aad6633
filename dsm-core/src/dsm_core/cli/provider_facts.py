"""All about one provider: what it serves, from where, how far back, and what it can be told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dsm_core.cli.grid_text import grid_lines
from dsm_core.config.described import keys_of
from dsm_core.config.json_schema import as_json
from dsm_core.config.kinds import kind_name
from dsm_core.model.wording import listed_intervals
from dsm_core.plugins.discovery import find_provider, installed_providers
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.provider import Provider
from dsm_core.plugins.registry import default_registry
from dsm_core.plugins.spec import ClientSpec, Rolling, Since
from dsm_core.schema.chart_type import chart_schema

__all__ = ["fact_lines", "provider_facts"]


def provider_facts(name: str) -> dict[str, Any]:
    """Facts of an installed provider, as JSON has them; it is imported.

    Raises
    ------
    ProviderNotFoundError, PluginError
        There is none of that name, or it cannot be used.
    """
    found = find_provider(name, installed_providers())
    provider = default_registry.provider(name)
    return {
        "name": provider.name,
        "distribution": found.distribution,
        "version": found.version,
        "module": found.module,
        "api": provider.api,
        "sources": list(provider.sources),
        "markets": [str(market) for market in provider.market_types],
        "clients": [_client_facts(client) for client in _in_order(provider)],
        "limits": [
            {"pool": limit.pool, "capacity": limit.capacity, "window_s": limit.window_s}
            for limit in provider.limits
        ],
        "config": [] if provider.config is None else _key_facts(provider.config),
        "lists_symbols": provider.symbols is not None or provider.universe is not None,
        "has_clock": provider.server_time is not None,
    }


def _in_order(provider: Provider) -> list[type[DataClientInterface]]:
    order = {source: place for place, source in enumerate(provider.sources)}
    markets = list(provider.market_types)
    return sorted(
        provider.clients,
        key=lambda c: (str(c.spec.chart_type), markets.index(c.spec.market_type), order[str(c.spec.source)]),
    )


def _client_facts(client: type[DataClientInterface]) -> dict[str, Any]:
    spec = client.spec
    schema = chart_schema(spec.chart_type)
    has = spec.columns
    return {
        "market_type": str(spec.market_type),
        "chart_type": str(spec.chart_type),
        "kind": schema.kind,
        "source": str(spec.source),
        "intervals": [str(interval) for interval in spec.intervals],
        "history": _history(spec),
        "authoritative": spec.authoritative,
        "options": {name: _option(kind) for name, kind in sorted(spec.options.items())},
        "lacks": [] if has is None else [name for name in schema.column_names if name not in has],
        "page_rows": spec.page_rows,
        "pool": spec.pool,
    }


def _history(spec: ClientSpec) -> str:
    history = spec.history
    if isinstance(history, Since):
        return f"since {history.day.isoformat()}"
    if isinstance(history, Rolling):
        parts = [f"newest {history.rows} rows"] if history.rows is not None else []
        parts += [f"last {history.days:g} days"] if history.days is not None else []
        return ", ".join(parts)
    return "all"


def _option(kind: Any) -> str:
    return " | ".join(kind) if isinstance(kind, tuple) else kind_name(kind)


def _key_facts(cls: type, prefix: str = "") -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = []
    for key in keys_of(cls):
        if key.is_section:
            facts += _key_facts(key.kind, f"{prefix}{key.name}.")
            continue
        facts.append(
            {
                "key": f"{prefix}{key.name}",
                "type": kind_name(key.kind),
                "required": key.required,
                "default": as_json(key.default),
                "meaning": key.doc,
            }
        )
    return facts


def fact_lines(facts: dict[str, Any]) -> Iterator[str]:
    """Lines of text for a person."""
    yield f"{facts['name']}: {facts['distribution']} {facts['version']} ({facts['module']})"
    yield f"markets: {', '.join(facts['markets'])}"
    yield f"sources, in the order they are asked: {', '.join(facts['sources'])}"
    yield f"its clock can be read: {_yes(facts['has_clock'])}"
    yield f"it lists its symbols: {_yes(facts['lists_symbols'])}"
    yield ""
    header = ("chart type", "market", "source", "intervals", "history")
    yield from grid_lines(header, [_client_cells(client) for client in facts["clients"]])
    for part in (_variant_lines(facts["clients"]), _limit_lines(facts["limits"]), _key_lines(facts)):
        lines = list(part)
        yield from ["", *lines] if lines else ()


def _client_cells(client: dict[str, Any]) -> tuple[str, ...]:
    intervals = listed_intervals(client["intervals"], " ") or "-"
    return (client["chart_type"], client["market_type"], client["source"], intervals, client["history"])


def _variant_lines(clients: list[dict[str, Any]]) -> Iterator[str]:
    """Options, and columns that are null, of those that have any."""
    for client in clients:
        which = f"{client['chart_type']} of {client['market_type']} from {client['source']}"
        if client["options"]:
            told = ", ".join(f"{name} ({kind})" for name, kind in client["options"].items())
            yield f"{which} takes options: {told}"
        if client["lacks"]:
            yield f"{which} lacks columns: {', '.join(client['lacks'])}"


def _limit_lines(limits: list[dict[str, Any]]) -> list[str]:
    rows = [(limit["pool"], f"{limit['capacity']:,}", f"{limit['window_s']:g}") for limit in limits]
    return grid_lines(("limit", "units", "in seconds"), rows, right=frozenset({1, 2})) if rows else []


def _key_lines(facts: dict[str, Any]) -> list[str]:
    if not facts["config"]:
        return ["It has no configuration."]
    rows = [_key_cells(f"providers.{facts['name']}.", key) for key in facts["config"]]
    return grid_lines(("configuration", "takes", "default", "meaning"), rows)


def _key_cells(section: str, key: dict[str, Any]) -> tuple[str, ...]:
    name, default = section + key["key"], json.dumps(key["default"])
    if isinstance(key["default"], dict) and key["default"]:
        # Its keys say more than what stands behind them.
        name, default = f"{name}.{{{','.join(key['default'])}}}", "its own"
    return (name, key["type"], "required" if key["required"] else default, key["meaning"])


def _yes(value: bool) -> str:
    return "yes" if value else "no"
