"""From YAML text to nodes with lines.

The parser's events are composed here rather than by the library: its own composers do not bound nesting, do
not report every duplicate key at once, and read scalars by rules that YAML 1.2 does not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from attrs import evolve, frozen
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from dsm_core.config.document import MAX_DEPTH, MAX_VALUES
from dsm_core.config.problem import KeyPath, Problem, config_error, dotted
from dsm_core.config.scalars import Scalar, read_scalar

__all__ = ["Node", "NodeValue", "compose"]

NodeValue: TypeAlias = "Scalar | dict[str, Node] | list[Node]"

_TAG: Final = "tag:yaml.org,2002:"
_TEXT_TAGS: Final = frozenset({"!", f"{_TAG}str"})
_OTHER_TAGS: Final = frozenset(_TAG + name for name in ("null", "bool", "int", "float", "map", "seq"))
_MERGE: Final = "<<"


@frozen
class Node:
    """A value and the line where it, or the key that leads to it, stands."""

    value: NodeValue
    line: int


def compose(text: str, label: str, max_values: int = MAX_VALUES) -> tuple[Node, list[Problem]]:
    """Root node of a YAML text, and the problems that do not hinder reading on.

    Parameters
    ----------
    text
        The whole file.
    label
        How messages name it.
    max_values
        How many scalars, lists and mappings it may hold.

    Raises
    ------
    ConfigError
        The text is not YAML, has several documents, or is nested too deep.
    """
    composer = _Composer(text, label, max_values)
    try:
        return composer.compose(), composer.problems
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        # Without the cause: its text quotes the file, secrets included.
        raise config_error([Problem(label, line, "", f"not YAML: {_one_line(error)}")]) from None
    except YAMLError as error:
        reason = getattr(error, "reason", "unreadable")
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise config_error([Problem(label, line, "", f"not YAML: {reason}")]) from None


def _one_line(error: MarkedYAMLError) -> str:
    parts = (part for part in (error.context, error.problem) if part)
    return " ".join(", ".join(parts).split())


class _Composer:
    def __init__(self, text: str, label: str, max_values: int) -> None:
        self.problems: list[Problem] = []
        self._label = label
        self._max_values = max_values
        self._anchors: dict[str, Node] = {}
        self._events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
        self._event: Any = None
        self._count = 0

    def compose(self) -> Node:
        self._next()
        event = self._next()
        if isinstance(event, StreamEndEvent):
            return Node(None, 1)
        root = self._node(self._next(), ())
        event = self._next()
        while isinstance(event, DocumentEndEvent):
            event = self._next()
        if isinstance(event, DocumentStartEvent):
            self._stop(event, (), "a second document starts here ('---'); keep one")
        return root

    def _next(self) -> Any:
        try:
            self._event = next(self._events)
        except (OverflowError, ValueError):
            # The scanner hands the number of an escape to chr() unchecked.
            self._stop(
                self._event, (), r"not YAML: an escape after here, such as \U00110000, is no character"
            )
        return self._event

    def _node(self, event: Any, path: KeyPath) -> Node:
        self._count += 1
        if self._count > self._max_values:
            self._stop(event, (), f"more than {self._max_values} values")
        if len(path) > MAX_DEPTH:
            self._stop(event, path[:3], f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        node = Node(self._value(event, path), _line(event))
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _value(self, event: Any, path: KeyPath) -> NodeValue:
        tag = None if event.tag is None else str(event.tag)
        if tag is not None and tag not in _TEXT_TAGS | _OTHER_TAGS:
            self._note(event, path, f"the tag {tag} is not taken; remove it")
        if isinstance(event, ScalarEvent):
            text = str(event.value)
            return text if event.style is not None or tag in _TEXT_TAGS else read_scalar(text)
        if isinstance(event, SequenceStartEvent):
            return self._items(path)
        if isinstance(event, MappingStartEvent):
            return self._entries(path)
        raise AssertionError(f"unknown event {type(event).__name__}")

    def _items(self, path: KeyPath) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _entries(self, path: KeyPath) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        merged: list[Node] = []
        while not isinstance(event := self._next(), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                self._note(event, path, "a key must be text")
                self._node(event, path)
                self._node(self._next(), path)
                continue
            key = str(event.value)
            value = self._node(self._next(), (*path, key))
            if key == _MERGE and event.style is None:
                merged += self._merged(event, value, path)
            elif key in entries:
                self._note(event, (*path, key), f"given twice, first on line {entries[key].line}; keep one")
            else:
                entries[key] = evolve(value, line=_line(event))
        return _merge(entries, merged)

    def _merged(self, event: Any, value: Node, path: KeyPath) -> list[Node]:
        sources = value.value if isinstance(value.value, list) else [value]
        if all(isinstance(source.value, dict) for source in sources):
            return sources
        self._note(event, (*path, _MERGE), "takes a mapping or a list of mappings")
        return []

    def _alias(self, event: Any, path: KeyPath) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._note(event, path, f"*{event.anchor} has no anchor &{event.anchor} that ends before it")
            return Node(None, _line(event))
        return evolve(node, line=_line(event))

    def _problem(self, event: Any, path: KeyPath, message: str) -> Problem:
        return Problem(self._label, _line(event), dotted(path), message)

    def _note(self, event: Any, path: KeyPath, message: str) -> None:
        self.problems.append(self._problem(event, path, message))

    def _stop(self, event: Any, path: KeyPath, message: str) -> None:
        raise config_error([*self.problems, self._problem(event, path, message)])


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _merge(entries: dict[str, Node], sources: list[Node]) -> dict[str, Node]:
    """Entries of a mapping and of what `<<` brings in; its own win, then those of the earlier source."""
    for source in sources:
        if isinstance(source.value, dict):
            for key, node in source.value.items():
                entries.setdefault(key, node)
    return entries
