"""Importing a provider and reading its hooks, inside a guard: a broken one costs nobody else anything."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final

import importlib_metadata
import pluggy
from attrs import frozen

from dsm_core.errors import DSMError, PluginConflictError, PluginContractError, PluginLoadError
from dsm_core.plugins import hookspecs
from dsm_core.plugins.blame import place_of, told
from dsm_core.plugins.contract import check_chart_types
from dsm_core.plugins.discovery import GROUP, InstalledProvider
from dsm_core.plugins.provider import PLUGIN_API, Provider
from dsm_core.schema.chart_type import CHART_TYPES, ChartSchema, register_chart_type

__all__ = ["LoadedPlugin", "load_plugin"]

_HOOKS: Final = ("dsm_provider", "dsm_chart_types", "dsm_observe")


@frozen
class LoadedPlugin:
    """An imported plugin: its provider description and its event hook, if any."""

    provider: Provider
    observe: Any


def load_plugin(found: InstalledProvider) -> LoadedPlugin:
    """Import a provider's module and read its hooks.

    Raises
    ------
    PluginLoadError
        When the import fails; raised from the plugin's own error.
    PluginContractError
        When a hook is misspelt, missing or returns the wrong thing, a client's spec cannot be kept,
        or the API version differs.
    PluginConflictError
        When it brings a chart type that somebody else has.
    """
    module = _import(found)
    _check_spelling(module, found)
    manager = pluggy.PluginManager("dsm")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=found.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise _broken(found, str(error).strip().replace("\n", " "), None, error) from error
    provider = _read_provider(manager, found)
    schemas = _read_chart_types(manager, found)
    try:
        check_chart_types(provider.clients, found.name, {**CHART_TYPES, **{s.name: s for s in schemas}})
    except PluginContractError as error:
        raise _broken(found, error.message.rstrip("."), error.hint, error) from error
    for schema in schemas:
        register_chart_type(schema, by=found.name)
    observe = manager.hook.dsm_observe
    return LoadedPlugin(provider, observe if observe.get_hookimpls() else None)


def _who(found: InstalledProvider) -> str:
    return f"{found.distribution} {found.version} (provider {found.name!r})"


def _remedy(found: InstalledProvider) -> str:
    return f"pip install -U {found.distribution}, or uninstall it; other providers are not hurt."


def _broken(
    found: InstalledProvider, what: str, hint: str | None, cause: BaseException | None = None
) -> PluginContractError:
    remedy = _remedy(found)
    details = cause.details if isinstance(cause, DSMError) else {}
    return PluginContractError(
        f"{_who(found)}: {what}.",
        hint=f"{hint} Else: {remedy}" if hint else f"Run {remedy}",
        **{**details, "provider": found.name, "distribution": found.distribution},
    )


def _import(found: InstalledProvider) -> Any:
    # A package installed a moment ago may not be in the import system's listing of its folder.
    importlib.invalidate_caches()
    entry = importlib_metadata.EntryPoint(name=found.name, value=found.module, group=GROUP)
    try:
        return entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        outdated = isinstance(error, ImportError) and str(error.name or "").startswith("dsm_core")
        raise PluginLoadError(
            f"{_who(found)} failed to import: {told(error)}{place_of(error)}.",
            hint=f"{'Upgrade dsm-core, or run' if outdated else 'Run'} {_remedy(found)}",
            provider=found.name,
            distribution=found.distribution,
        ) from error


def _check_spelling(module: Any, found: InstalledProvider) -> None:
    """Refuse hooks that nobody would ever call."""
    for name in dir(module):
        value = inspect.getattr_static(module, name)
        marked = getattr(value, "dsm_impl", None) is not None
        if marked and name not in _HOOKS:
            close = get_close_matches(name, _HOOKS, n=1)
            guess = f"Did you mean {close[0]}?" if close else f"The hooks are {', '.join(_HOOKS)}."
            raise _broken(found, f"{name}() is marked @hookimpl, but there is no such hook", guess)
        if marked or not inspect.isfunction(value):
            continue
        close = [name] if name in _HOOKS else get_close_matches(name, _HOOKS, n=1, cutoff=0.85)
        if close and name.startswith("dsm_"):
            guess = f"Write @hookimpl (from dsm_core.plugins) above def {close[0]}(...)."
            raise _broken(found, f"{name}() is not marked @hookimpl, so it is never called", guess)


def _call(manager: pluggy.PluginManager, hook: str, found: InstalledProvider) -> Any:
    """What the plugin's implementation gives; pluggy itself would drop a None."""
    (implementation,) = getattr(manager.hook, hook).get_hookimpls()
    try:
        given = implementation.function()
    except KeyboardInterrupt:
        raise
    except PluginContractError as error:
        raise _broken(found, f"{hook}(): {error.message.rstrip('.')}", error.hint, error) from error
    except BaseException as error:
        newer = isinstance(error, TypeError) and "Provider" in str(error)
        hint = (
            f"It may be written for another dsm-core than plugin API {PLUGIN_API}: upgrade dsm-core."
            if newer
            else None
        )
        raise _broken(found, f"{hook}() raised {told(error)}{place_of(error)}", hint, error) from error
    if inspect.iscoroutine(given):
        given.close()
        raise _broken(found, f"{hook}() is a coroutine", f"Write def {hook}(), without async.")
    return given


def _read_provider(manager: pluggy.PluginManager, found: InstalledProvider) -> Provider:
    if not manager.hook.dsm_provider.get_hookimpls():
        raise _broken(
            found, f"{found.module} has no dsm_provider() hook", "Write one that returns a Provider."
        )
    provider = _call(manager, "dsm_provider", found)
    if not isinstance(provider, Provider):
        what = repr(provider) if isinstance(provider, type) else type(provider).__name__
        raise _broken(found, f"dsm_provider() returned {what}", "Return a Provider(...).")
    if provider.api != PLUGIN_API:
        raise _other_api(found, provider.api)
    if provider.name != found.name:
        hint = f"Name the entry point and the Provider alike: {found.name!r} or {provider.name!r}."
        raise _broken(found, f"its Provider calls itself {provider.name!r}", hint)
    return provider


def _other_api(found: InstalledProvider, api: Any) -> PluginContractError:
    newer = isinstance(api, int) and api > PLUGIN_API
    package = "dsm-core" if newer else found.distribution
    return PluginContractError(
        f"{_who(found)} was written for plugin API {api!r}; this dsm-core speaks {PLUGIN_API}.",
        hint=f"It is too {'new' if newer else 'old'}: pip install -U {package}, "
        f"or uninstall {found.distribution}.",
        provider=found.name,
        distribution=found.distribution,
        api=api,
    )


def _read_chart_types(manager: pluggy.PluginManager, found: InstalledProvider) -> list[ChartSchema]:
    if not manager.hook.dsm_chart_types.get_hookimpls():
        return []
    given = _call(manager, "dsm_chart_types", found)
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise _broken(
            found, f"dsm_chart_types() returned {type(given).__name__}", "Return a list of ChartSchema."
        )
    schemas = list(given)
    for schema in schemas:
        if not isinstance(schema, ChartSchema):
            raise _broken(found, f"dsm_chart_types() gives {schema!r}", "Return a list of ChartSchema.")
        known = CHART_TYPES.get(schema.name, schema)
        if known != schema:
            raise PluginConflictError(
                f"{_who(found)}: the chart type {schema.name!r} is taken, with other columns.",
                hint="Choose another name, or use the schema that is there.",
                provider=found.name,
                distribution=found.distribution,
                chart_type=schema.name,
            )
    return schemas
