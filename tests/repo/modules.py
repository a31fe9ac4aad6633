"""The modules of the packages, by name."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
PACKAGES = ("dsm_core", "dsm_binance", "dsm_tradestation")


def module_names(*, with_emulator: bool = True) -> list[str]:
    """Every importable module of the packages."""
    found = list(PACKAGES)
    for package in PACKAGES:
        path = import_module(package).__path__
        found += [
            m.name for m in pkgutil.walk_packages(path, f"{package}.") if not m.name.endswith("__main__")
        ]
    return sorted(n for n in found if with_emulator or ".emulator" not in n)


def public_definitions(module: ModuleType) -> set[str]:
    """Classes and functions defined in a module under a name without underscore."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isroutine(value))
        and getattr(value, "__module__", None) == module.__name__
        and getattr(value, "__name__", None) == name
    }
