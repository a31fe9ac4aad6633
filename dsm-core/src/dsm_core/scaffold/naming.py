"""What a new provider may be called, and the names that follow from it."""

from __future__ import annotations

import importlib.util
import re
from typing import Final, Self

import importlib_metadata
from attrs import frozen

from dsm_core.errors import PluginConflictError, RequestError
from dsm_core.plugins.discovery import installed_providers

__all__ = ["ProviderName", "check_free"]

# One underscore parts words, so that name and distribution can be told from each other.
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z", re.ASCII)
# Longer ones would not fit the lines of the templates.
_LONGEST: Final = 30


@frozen
class ProviderName:
    """A well-formed provider name; make one with :meth:`of`.

    Parameters
    ----------
    name
        As in ``provider="alpha_desk"`` and as the entry point's.
    """

    name: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a name.

        Raises
        ------
        RequestError
            When it cannot name a provider, a package and a module at once; the hint has one that can.
        """
        if not _NAME.match(text) or len(text) > _LONGEST:
            guess = _mended(text)
            raise RequestError(
                f"{text!r} cannot name a provider.",
                hint="A name is lower-case letters, digits and single underscores, begins with a letter and "
                f"has at most {_LONGEST} characters" + (f"; try {guess!r}." if guess else "."),
                name=text,
            )
        return cls(text)

    @property
    def distribution(self) -> str:
        """What is installed: ``dsm-alpha-desk``."""
        return f"dsm-{self.name.replace('_', '-')}"

    @property
    def module(self) -> str:
        """What is imported: ``dsm_alpha_desk``."""
        return f"dsm_{self.name}"

    @property
    def title(self) -> str:
        """What classes begin with: ``AlphaDesk``."""
        return "".join(word.capitalize() for word in self.name.split("_"))


def _mended(text: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", text.lower().removeprefix("dsm-")).strip("_")
    guess = words.lstrip("0123456789_")[:_LONGEST].rstrip("_")
    return guess if _NAME.match(guess) else ""


def check_free(name: ProviderName) -> None:
    """Refuse a name that would collide with something installed.

    Raises
    ------
    PluginConflictError
        Naming what has it.
    """
    for found in installed_providers():
        if found.name == name.name:
            raise _taken(name, f"{found.distribution} {found.version} provides {name.name!r} already")
    try:
        version = importlib_metadata.version(name.distribution)
    except importlib_metadata.PackageNotFoundError:
        pass
    else:
        raise _taken(name, f"{name.distribution} {version} is installed already")
    if importlib.util.find_spec(name.module) is not None:
        raise _taken(name, f"There is a module {name.module} already")


def _taken(name: ProviderName, what: str) -> PluginConflictError:
    return PluginConflictError(f"{what}.", hint="Choose another name, or uninstall it.", provider=name.name)
