"""Public names of a package that are loaded when first used, so that importing it costs next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["loader"]


def loader(package: str, homes: Mapping[str, str], namespace: dict[str, Any]) -> Callable[[str], Any]:
    """A module's ``__getattr__``.

    Parameters
    ----------
    package
        The module's ``__name__``.
    homes
        Module below it, by the name that it defines.
    namespace
        The module's ``globals()``; a name that was loaded stays there.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        namespace[name] = getattr(import_module(f"{package}.{homes[name]}"), name)
        return namespace[name]

    return load
