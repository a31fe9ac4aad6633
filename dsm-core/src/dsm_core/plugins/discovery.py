"""Which providers are installed, and how one is loaded.

Listing reads metadata only. A provider is imported when first asked for, inside a guard, so that
a broken one costs nobody else anything.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final

import importlib_metadata
from attrs import frozen

from dsm_core.errors import (
    PluginConflictError,
    PluginContractError,
    PluginLoadError,
    ProviderNotFoundError,
)

__all__ = [
    "GROUP",
    "InstalledProvider",
    "LoadedPlugin",
    "find_provider",
    "installed_providers",
    "load_plugin",
]

_log = logging.getLogger(__name__)

GROUP: Final = "dsm.providers"


@frozen(kw_only=True)
class InstalledProvider:
    """A provider as its distribution's metadata tells it; nothing was imported."""

    name: str
    module: str
    distribution: str
    version: str


@frozen
class LoadedPlugin:
    """An imported plugin: its provider description and its event hook, if any."""

    provider: Any
    observe: Any


def installed_providers(
    distributions: Iterable[importlib_metadata.Distribution] | None = None,
) -> tuple[InstalledProvider, ...]:
    """Every provider that an installed distribution declares, by name; imports nothing."""
    found: dict[tuple[str, str], InstalledProvider] = {}
    for dist in importlib_metadata.Distribution.discover() if distributions is None else distributions:
        for entry in dist.entry_points.select(group=GROUP):
            provider = _described(dist, entry)
            if provider is not None:
                # An editable install and its build folder can both be on the path; Python takes the first.
                found.setdefault((provider.name, provider.distribution), provider)
    return tuple(sorted(found.values(), key=lambda p: (p.name, p.distribution)))


def _described(
    dist: importlib_metadata.Distribution, entry: importlib_metadata.EntryPoint
) -> InstalledProvider | None:
    try:
        return InstalledProvider(
            name=entry.name, module=entry.value, distribution=dist.metadata["Name"], version=dist.version
        )
    except (OSError, KeyError, TypeError):
        # An uninstall that was cut short leaves a folder without metadata behind.
        _log.debug("provider_ignored name=%s reason=no_metadata", entry.name)
        return None


def find_provider(name: str, installed: Iterable[InstalledProvider]) -> InstalledProvider:
    """The one installed provider of that name.

    Raises
    ------
    ProviderNotFoundError
        When there is none; the message lists what is installed and what to install.
    PluginConflictError
        When two distributions claim the name; uninstall one.
    """
    by_name = defaultdict(list)
    for provider in installed:
        by_name[provider.name].append(provider)
    claims = by_name.get(name, [])
    if not claims:
        known = ", ".join(sorted(by_name)) or "none"
        close = get_close_matches(name, by_name, n=1)
        # No package is named for a slip of the pen: somebody might have registered it.
        hint = f"Did you mean {close[0]!r}?" if close else f"Run: pip install dsm-{name.replace('_', '-')}"
        raise ProviderNotFoundError(
            f"No installed package provides {name!r}; installed: {known}.",
            hint=hint,
            provider=name,
        )
    if len(claims) > 1:
        names = " and ".join(f"{c.distribution} {c.version}" for c in claims)
        raise PluginConflictError(
            f"Two distributions provide {name!r}: {names}.", hint="Uninstall one of them.", provider=name
        )
    return claims[0]


def load_plugin(found: InstalledProvider) -> LoadedPlugin:
    """Import a provider's module and read its hooks.

    Raises
    ------
    PluginLoadError
        When the import fails; raised from the plugin's own error.
    PluginContractError
        When a hook is misspelt, missing or returns the wrong thing, or the API version differs.
    """
    import pluggy  # noqa: PLC0415 - listing providers must not pay for the plugin machinery

    from dsm_core.plugins import hookspecs  # noqa: PLC0415

    who = f"{found.distribution} {found.version} (provider {found.name!r})"
    hint = f"Upgrade or uninstall {found.distribution}."
    entry = importlib_metadata.EntryPoint(name=found.name, value=found.module, group=GROUP)
    try:
        module = entry.load()
    except (Exception, SystemExit) as error:
        raise PluginLoadError(
            f"{who} failed to import: {error!r}.", hint=hint, provider=found.name
        ) from error
    manager = pluggy.PluginManager("dsm")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=found.name)
        manager.check_pending()
        providers = manager.hook.dsm_provider()
        chart_types = [schema for schemas in manager.hook.dsm_chart_types() for schema in schemas]
    except Exception as error:
        raise PluginContractError(f"{who}: {error}.", hint=hint, provider=found.name) from error
    wrong = _wrong_provider(providers, found) or _wrong_chart_type(chart_types)
    if wrong:
        raise PluginContractError(f"{who} {wrong}.", hint=hint, provider=found.name)
    _register(chart_types, who, found.name)
    return LoadedPlugin(
        providers[0], manager.hook.dsm_observe if manager.hook.dsm_observe.get_hookimpls() else None
    )


def _wrong_provider(providers: list[Any], found: InstalledProvider) -> str | None:
    from dsm_core.plugins.provider import PLUGIN_API, Provider  # noqa: PLC0415

    if len(providers) != 1 or not isinstance(providers[0], Provider):
        return "has no dsm_provider() hook that returns a Provider"
    provider = providers[0]
    if provider.api != PLUGIN_API:
        return f"was written for plugin API {provider.api}; this dsm-core speaks {PLUGIN_API}"
    return None if provider.name == found.name else f"calls itself {provider.name!r}"


def _wrong_chart_type(chart_types: list[Any]) -> str | None:
    from dsm_core.schema.chart_type import ChartSchema  # noqa: PLC0415

    wrong = next((c for c in chart_types if not isinstance(c, ChartSchema)), None)
    return None if wrong is None else f"has a dsm_chart_types() hook that gives {wrong!r}, no ChartSchema"


def _register(chart_types: list[Any], who: str, name: str) -> None:
    from dsm_core.schema.chart_type import register_chart_type  # noqa: PLC0415

    for schema in chart_types:
        try:
            register_chart_type(schema)
        except PluginConflictError as error:
            raise PluginConflictError(
                f"{who}: {error.message}", hint=error.hint, provider=name, **error.details
            ) from error
