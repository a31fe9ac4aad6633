"""Which providers are installed, as metadata tells it, and what is wrong with them.

Listing reads metadata only and imports nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import importlib_metadata
from attrs import evolve, frozen

from dsm_core.errors import PluginConflictError, PluginError, ProviderNotFoundError
from dsm_core.plugins.metadata import declared

if TYPE_CHECKING:
    from dsm_core.plugins.provider import Provider

__all__ = [
    "GROUP",
    "Finding",
    "InstalledProvider",
    "check_installed",
    "find_provider",
    "installed_providers",
    "not_installed",
]

GROUP: Final = "dsm.providers"


@frozen(kw_only=True)
class InstalledProvider:
    """A provider as its distribution's metadata tells it; nothing was imported."""

    name: str
    module: str
    distribution: str
    version: str


@frozen(kw_only=True)
class Finding:
    """An installed provider that was loaded for a look, or why it cannot be.

    Parameters
    ----------
    name, distribution, version
        Which provider, and what brings it.
    problem, remedy
        What is wrong and what to do; None for a sound one.
    error
        The error that using it would raise.
    provider
        Its description, when it is sound.
    """

    name: str
    distribution: str
    version: str
    problem: str | None = None
    remedy: str | None = None
    error: PluginError | None = None
    provider: Provider | None = None

    @property
    def is_sound(self) -> bool:
        """Whether it can be used."""
        return self.error is None


def installed_providers(
    distributions: Iterable[importlib_metadata.Distribution] | None = None,
) -> tuple[InstalledProvider, ...]:
    """Every provider that an installed distribution declares, by name; imports nothing.

    A name that several distributions claim comes once for each.
    """
    found = (
        InstalledProvider(name=d.name, module=d.target, distribution=d.distribution, version=d.version)
        for d in declared(GROUP, distributions)
    )
    return tuple(sorted(found, key=lambda p: (p.name, p.distribution)))


def find_provider(name: str, installed: Iterable[InstalledProvider]) -> InstalledProvider:
    """The one installed provider of that name.

    Raises
    ------
    ProviderNotFoundError
        When there is none; the message lists what is installed and what to do.
    PluginConflictError
        When two distributions claim the name; uninstall one.
    """
    by_name = defaultdict(list)
    for provider in installed:
        by_name[provider.name].append(provider)
    claims = by_name.get(name, [])
    if not claims:
        raise not_installed(name, by_name)
    if len(claims) > 1:
        raise _conflict(claims)
    return claims[0]


def not_installed(name: str, known: Iterable[str]) -> ProviderNotFoundError:
    """The error of a provider that nobody brings; ``known`` are those that somebody does."""
    names = sorted(known)
    close = get_close_matches(name.lower(), names, n=3)
    # No package is named for a name that was typed: somebody might have registered it.
    hint = (
        f"Did you mean {' or '.join(map(repr, close))}?"
        if close
        else "A provider comes as a package, usually called dsm-<provider>: look whether there is one from "
        "somebody you trust, and pip install it."
    )
    return ProviderNotFoundError(
        f"No installed package provides {name!r}; installed: {', '.join(names) or 'none'}.",
        hint=hint,
        provider=name,
    )


def _conflict(claims: Iterable[InstalledProvider]) -> PluginConflictError:
    claims = list(claims)
    name = claims[0].name
    which = " and ".join(f"{c.distribution} {c.version}" for c in claims)
    others = " or ".join(f"pip uninstall {c.distribution}" for c in claims)
    return PluginConflictError(
        f"{len(claims)} distributions provide {name!r}: {which}.",
        hint=f"Keep one of them: {others}.",
        provider=name,
    )


def check_installed(installed: Iterable[InstalledProvider] | None = None) -> tuple[Finding, ...]:
    """Load every installed provider, each in its own guard, and tell what is wrong with it.

    Parameters
    ----------
    installed
        Which; all when left out.

    Returns
    -------
    tuple of Finding
        By name; one for each distribution where several claim a name.
    """
    every = installed_providers() if installed is None else tuple(installed)
    return tuple(_look_at(found, every) for found in every)


def _look_at(found: InstalledProvider, every: Iterable[InstalledProvider]) -> Finding:
    from dsm_core.plugins.loading import load_plugin  # noqa: PLC0415 - listing must not pay for loading

    sound = Finding(name=found.name, distribution=found.distribution, version=found.version)
    try:
        find_provider(found.name, every)
        loaded = load_plugin(found)
    except PluginError as error:
        return evolve(sound, problem=error.message, remedy=error.hint, error=error)
    return evolve(sound, provider=loaded.provider)
