"""Plain configuration data with the place of every key; where it came from is no longer visible."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve, field, frozen

from dsm_core.config.problem import KeyPath, Problem, dotted

__all__ = ["MAX_DEPTH", "MAX_VALUES", "Document", "copy_mapping"]

# Far above any real configuration, far below what would take seconds or exhaust the stack.
MAX_DEPTH: Final = 50
MAX_VALUES: Final = 20_000

MAPPING_LABEL: Final = "config"


@frozen(kw_only=True)
class Document:
    """Data, and where it stands.

    Parameters
    ----------
    data
        Dicts with text keys, lists, and scalars.
    positions
        Line of each key path; empty when there is no file.
    label
        How messages name the file.
    folder
        What relative paths are relative to.
    prefix
        Where `data` stands in the whole configuration.
    file
        The file, absolute; ``None`` without one.
    problems
        What was wrong already while reading, but did not hinder it.
    """

    data: Any = field(repr=False)
    positions: Mapping[KeyPath, int] = field(factory=dict, repr=False)
    label: str = MAPPING_LABEL
    folder: Path = field(factory=Path)
    prefix: KeyPath = ()
    file: Path | None = None
    problems: tuple[Problem, ...] = ()

    def problem(self, path: KeyPath, message: str) -> Problem:
        """Problem at `path`, with the line of the nearest key that has one."""
        known = (self.positions.get(path[:end]) for end in range(len(path), -1, -1))
        line = next((line for line in known if line is not None), None)
        return Problem(self.label, line, dotted((*self.prefix, *path)), message)

    def part(self, *path: str) -> Document:
        """Document of the value at `path`."""
        data = self.data
        for key in path:
            data = data[key]
        depth = len(path)
        positions = {key[depth:]: line for key, line in self.positions.items() if key[:depth] == path}
        return evolve(self, data=data, positions=positions, prefix=(*self.prefix, *path))


def copy_mapping(source: Mapping[Any, Any], folder: Path) -> Document:
    """Document of a mapping made in Python.

    Its problems tell of keys that are not text, and of data that is nested too deep, too large, or contains
    itself.
    """
    copier = _Copier()
    document = Document(data=copier.copy(source, ()), folder=folder)
    problems = tuple(document.problem(path, message) for path, message in copier.wrong)
    return evolve(document, problems=problems)


class _Copier:
    """Copies containers, so that later changes by the caller reach nobody; other values stay as they are."""

    def __init__(self) -> None:
        self.wrong: list[tuple[KeyPath, str]] = []
        self._values = 0

    def copy(self, value: Any, path: KeyPath) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            if self._values == MAX_VALUES + 1:
                self.wrong.append(((), f"more than {MAX_VALUES} values"))
            return None
        if len(path) > MAX_DEPTH:
            self.wrong.append((path[:3], f"nested more than {MAX_DEPTH} levels deep"))
            return None
        if isinstance(value, Mapping):
            return self._copy_items(value, path)
        if isinstance(value, list | tuple):
            return [self.copy(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def _copy_items(self, value: Mapping[Any, Any], path: KeyPath) -> dict[str, Any]:
        copied = {}
        for key, item in value.items():
            if isinstance(key, str):
                text = str.__str__(key)
                copied[text] = self.copy(item, (*path, text))
            else:
                self.wrong.append((path, f"a key must be text, not {type(key).__name__}"))
        return copied
