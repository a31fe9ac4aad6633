"""Packages that watch every manager of the process: found by metadata, loaded inside a guard.

A package declares an entry point in the group ``dsm.observers``, whose value is a module with a
``dsm_observe`` hook. One that fails is named in the log once and hurts nobody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

import importlib_metadata
from attrs import field, frozen

from dsm_core.events import Event
from dsm_core.plugins.blame import told
from dsm_core.plugins.metadata import declared

__all__ = [
    "GROUP",
    "HookObserver",
    "InstalledObserver",
    "check_observers",
    "installed_observers",
    "load_observers",
]

_log = logging.getLogger(__name__)

GROUP: Final = "dsm.observers"


@frozen(kw_only=True)
class InstalledObserver:
    """An observer as its distribution's metadata tells it; nothing was imported."""

    name: str
    module: str
    distribution: str
    version: str


@frozen
class HookObserver:
    """A plugin's ``dsm_observe`` as an observer; equal to another one of the same function."""

    hook: Callable[..., object] = field(eq=False, repr=False)
    function: Callable[..., object]

    @classmethod
    def of(cls, hook: Any) -> HookObserver:
        """The observer of a pluggy hook that one plugin implements."""
        return cls(hook, hook.get_hookimpls()[0].function)

    def __call__(self, event: Event) -> None:
        """Call the plugin's function."""
        self.hook(event=event)


def installed_observers(
    distributions: Iterable[importlib_metadata.Distribution] | None = None,
) -> tuple[InstalledObserver, ...]:
    """Every observer that an installed distribution declares, by name; imports nothing."""
    found = (
        InstalledObserver(name=d.name, module=d.target, distribution=d.distribution, version=d.version)
        for d in declared(GROUP, distributions)
    )
    return tuple(sorted(found, key=lambda one: (one.name, one.distribution)))


class _Loaded:
    """The observers of this process, loaded once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observers: tuple[HookObserver, ...] | None = None

    def get(self) -> tuple[HookObserver, ...]:
        with self._lock:
            if self._observers is None:
                loaded = (_load(found) for found in installed_observers())
                self._observers = tuple(one for one in loaded if one is not None)
            return self._observers


_loaded = _Loaded()


def load_observers() -> tuple[HookObserver, ...]:
    """The installed observers that can be loaded; metadata is read once a process."""
    return _loaded.get()


def check_observers() -> tuple[tuple[InstalledObserver, str | None], ...]:
    """Load every installed observer for a look; with each, why it cannot be used, or None."""
    return tuple((found, _try(found)[1]) for found in installed_observers())


def _load(found: InstalledObserver) -> HookObserver | None:
    observer, why = _try(found)
    if why is not None:
        _log.warning(
            "observer_not_loaded name=%s distribution=%s version=%s error=%r",
            found.name,
            found.distribution,
            found.version,
            why,
        )
    return observer


def _try(found: InstalledObserver) -> tuple[HookObserver | None, str | None]:
    """The observer, or why there is none."""
    import pluggy  # noqa: PLC0415 - where no observer is installed, nobody pays for the plugin machinery

    from dsm_core.plugins import hookspecs  # noqa: PLC0415

    entry = importlib_metadata.EntryPoint(name=found.name, value=found.module, group=GROUP)
    manager = pluggy.PluginManager("dsm")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(entry.load(), name=found.name)
        manager.check_pending()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return None, told(error)
    hook = manager.hook.dsm_observe
    return (HookObserver.of(hook), None) if hook.get_hookimpls() else (None, "it has no dsm_observe() hook")
