"""`${NAME}` and `${NAME:-default}` in text values; `$${` stands for a plain `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from dsm_core.config.document import Document
from dsm_core.config.problem import KeyPath, Problem

__all__ = ["Expanded", "expand", "placeholder_names"]

_PLACEHOLDER: Final = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(:-(?P<default>[^}]*))?\}|\$\{")


class Expanded(str):
    """Text with a placeholder filled in.

    Where a number or a switch is due it is read as if it stood there unquoted. Messages do not repeat it: it
    may be a secret that went to the wrong key.
    """

    __slots__ = ()


def placeholder_names(value: Any) -> set[str]:
    """Names of the variables that `value` refers to, at any depth."""
    if isinstance(value, str):
        return {match["name"] for match in _PLACEHOLDER.finditer(value) if match["name"]}
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {name for child in children for name in placeholder_names(child)}


def expand(document: Document, env: Mapping[str, str]) -> tuple[Document, list[Problem]]:
    """Document with its placeholders filled in, and a problem for each that cannot be."""
    expander = _Expander(document, env)
    return evolve(document, data=expander.expand(document.data, ())), expander.problems


class _Expander:
    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._env = env

    def expand(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: self.expand(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.expand(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return self._fill(value, path)
        return value

    def _fill(self, text: str, path: KeyPath) -> str:
        filled = _PLACEHOLDER.sub(lambda match: self._replace(match, path), text)
        return Expanded(filled) if placeholder_names(text) else filled

    def _replace(self, match: re.Match[str], path: KeyPath) -> str:
        if match[0] == "$${":
            return "${"
        name = match["name"]
        if name is None:
            message = (
                "'${' starts no placeholder; write ${NAME} or ${NAME:-default}, or $${ for the text itself"
            )
            self.problems.append(self._document.problem(path, message))
            return ""
        # An empty variable is an unset one, as in a shell's ':-'.
        value = self._env.get(name) or match["default"]
        if value is None:
            message = f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
            self.problems.append(self._document.problem(path, message))
            return ""
        return value
