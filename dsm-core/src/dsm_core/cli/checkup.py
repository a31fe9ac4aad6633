"""What ``dsm doctor`` finds without a network: plugins, configuration, credentials."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from dsm_core._version import __version__
from dsm_core.cli.plugin_commands import PluginGroup
from dsm_core.cli.sections import Offers, Sections
from dsm_core.config import DSMConfig, Secret, check_config, find_config_file
from dsm_core.config.described import keys_of
from dsm_core.config.loader import read_layers
from dsm_core.errors import ConfigError, PluginError
from dsm_core.plugins.discovery import check_installed
from dsm_core.plugins.observers import check_observers
from dsm_core.plugins.provider import Provider

__all__ = [
    "Check",
    "Status",
    "check_commands",
    "check_configuration",
    "check_credentials",
    "check_providers",
    "check_versions",
    "check_watchers",
    "readable_config",
]

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name
        What it is.
    status
        How it is.
    detail
        What was found.
    remedy
        What to do; None where nothing is to be done.
    """

    name: str
    status: Status
    detail: str
    remedy: str | None = None


def check_versions() -> Iterator[Check]:
    """Versions of this package and of Python, and what they run on."""
    yield Check("dsm-core", "ok", __version__)
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield Check("python", "ok", f"{platform.python_implementation()} {platform.python_version()}, {system}")


def check_providers() -> tuple[list[Check], list[Provider]]:
    """Import every installed provider, each in its own guard; those that are sound come with it."""
    checks, sound = [], []
    for found in check_installed():
        name = f"provider {found.name}"
        package = f"{found.distribution} {found.version}"
        if found.provider is None:
            told = found.problem or "it cannot be used"
            detail = told if package in told else f"{package}: {told}"
            checks.append(Check(name, "failed", detail, found.remedy))
            continue
        clients = len(found.provider.clients)
        checks.append(Check(name, "ok", f"{package}, {clients} client{'s' * (clients != 1)}"))
        sound.append(found.provider)
    if not checks:
        remedy = "Install a package that brings one; they are usually called dsm-<provider>."
        checks.append(Check("providers", "warning", "none is installed", remedy))
    return checks, sound


def check_watchers() -> Iterator[Check]:
    """Import every observer that other packages bring, each in its own guard."""
    for found, why in check_observers():
        name, package = f"observer {found.name}", f"{found.distribution} {found.version}"
        if why is None:
            yield Check(name, "ok", package)
        else:
            remedy = f"Upgrade or uninstall {found.distribution}; no call fails for it."
            yield Check(name, "failed", f"{package}: {why}", remedy)


def check_commands(group: click.Group, ctx: click.Context, above: str = "command") -> Iterator[Check]:
    """Import every command that other packages bring, each in its own guard."""
    for name in group.list_commands(ctx):
        told = f"{above} {name}"
        try:
            command = group.get_command(ctx, name)
        except PluginError as error:
            yield Check(told, "failed", error.message, error.hint)
            continue
        if isinstance(command, PluginGroup):
            yield from check_commands(command, ctx, told)
        elif name not in group.commands:
            yield Check(told, "ok", "it can be imported")


def check_configuration(file: Path | None) -> Iterator[Check]:
    """One check for each mistake, or one that there is none."""
    sections = Sections()
    problems = check_config(file, sections, offers=Offers(sections))
    # Of a broken provider nobody knows what its keys mean; that it is broken is told elsewhere.
    unknown = tuple(f"providers.{name}." for name in sections.broken)
    problems = [problem for problem in problems if not problem.path.startswith(unknown)]
    for problem in problems:
        yield Check("configuration", "failed", str(problem))
    if problems:
        return
    found = file or find_config_file()
    yield Check("configuration", "ok", "no file; every key has its default" if found is None else str(found))


def readable_config(file: Path | None) -> DSMConfig:
    """What can be made of the configuration, however wrong it is."""
    try:
        return read_layers(file, None, None).config
    except ConfigError:
        return DSMConfig()


def check_credentials(provider: Provider, config: DSMConfig) -> Check | None:
    """Whether a provider has the keys it needs; None where a mistake of its section was told already."""
    name = f"{provider.name} credentials"
    cls = provider.config
    if cls is None:
        return Check(name, "ok", "it needs none")
    try:
        problems = config.section(provider.name).check(cls)
    except PluginError as error:
        return Check(name, "failed", error.message, error.hint)
    if problems and provider.name in config.providers:
        return None
    if problems:
        missing = ", ".join(key.name for key in keys_of(cls) if key.required)
        remedy = (
            f"Write providers.{provider.name} into the configuration; `dsm config init -` shows its keys."
        )
        return Check(name, "warning", f"it is not configured and needs {missing}", remedy)
    return _check_secrets(name, provider, config.section(provider.name).structure(cls))


def _check_secrets(name: str, provider: Provider, settings: object) -> Check:
    keys = [key for key in keys_of(type(settings)) if _is_secret(key.kind)]
    values = {key.name: getattr(settings, key.field.name) for key in keys}
    empty = [key.name for key in keys if key.required and not values[key.name]]
    if empty:
        remedy = f"Give providers.{provider.name}.{empty[0]} a value, or set the variable it names."
        return Check(name, "failed", f"empty: {', '.join(empty)}", remedy)
    unset = [key.name for key in keys if not values[key.name]]
    if unset:
        return Check(name, "ok", f"not set, and optional: {', '.join(unset)}")
    return Check(name, "ok", f"set: {', '.join(values)}" if values else "it needs none")


def _is_secret(kind: object) -> bool:
    return kind is Secret or Secret in getattr(kind, "__args__", ())
