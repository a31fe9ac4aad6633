"""What is wrong in a configuration, and where. Finding it is the other modules' work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from attrs import asdict, frozen

from dsm_core.errors import ConfigError

__all__ = ["KeyPath", "Problem", "config_error", "dotted", "in_order"]

KeyPath: TypeAlias = tuple[str | int, ...]


@frozen
class Problem:
    """One wrong key or value; ``str()`` gives ``dsm.yaml:9: providers.binance.sources: ...``.

    Parameters
    ----------
    file
        The file as a reader would name it; ``config`` for a mapping, ``environment`` for a variable.
    line
        Line in that file, from 1; ``None`` where there are no lines.
    path
        Key path such as ``providers.binance.sources[0]``, or the variable's name; empty for the whole file.
    message
        What is wrong and what would be right.
    """

    file: str
    line: int | None
    path: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.path, self.message) if part)


def dotted(path: KeyPath) -> str:
    """Key path as text: dots between names, brackets around places in a list."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            # A line break in a key must not break the rule of one line for each problem.
            name = key if key.isprintable() else ascii(key)
            text += f".{name}" if text else name
    return text


def config_error(problems: Iterable[Problem], hint: str | None = None) -> ConfigError:
    """One error for all the problems: a line each, and ``details["problems"]`` as plain dicts."""
    found = list(problems)
    return ConfigError("\n".join(map(str, found)), hint=hint, problems=[asdict(one) for one in found])


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """As a reader meets them: by line, then what has no line."""
    return sorted(problems, key=lambda problem: (problem.line is None, problem.line or 0))
