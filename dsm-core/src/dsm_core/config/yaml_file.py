"""From a YAML file to a document: bytes, text, nodes, data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from dsm_core.config.document import MAX_DEPTH, MAX_VALUES, Document
from dsm_core.config.problem import KeyPath, Problem, config_error
from dsm_core.config.yaml_nodes import Node, compose
from dsm_core.errors import ConfigError

__all__ = ["MAX_BYTES", "read_yaml_file"]

MAX_BYTES: Final = 1 << 20


def read_yaml_file(path: Path, label: str) -> Document:
    """Document of a YAML file.

    Parameters
    ----------
    path
        The file, absolute.
    label
        How messages name it.

    Raises
    ------
    ConfigError
        The file cannot be read, is not UTF-8, not YAML, or not a mapping.
    """
    root, problems = compose(_read_text(path, label), label)
    flat = _Flattener(label)
    data = flat.flatten(root, ())
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise _refuse(label, "expected keys such as 'cache:' and 'providers:' at the top level", root.line)
    return Document(
        data=data,
        positions=flat.positions,
        label=label,
        folder=path.parent,
        file=path,
        problems=tuple(problems),
    )


def _refuse(label: str, message: str, line: int | None = None) -> ConfigError:
    return config_error([Problem(label, line, "", message)])


def _read_text(path: Path, label: str) -> str:
    try:
        if path.is_dir():
            raise _refuse(label, "is a folder; name the file in it")
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refuse(label, "there is no such file") from None
    except (OSError, ValueError) as error:
        # ValueError: the name holds a character that no file name may hold.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise _refuse(label, f"cannot be read: {reason}") from error
    if len(content) > MAX_BYTES:
        raise _refuse(label, f"is larger than {MAX_BYTES >> 20} MiB; a configuration is a few kilobytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        # Without the cause: its text holds the bytes, and they may be a secret's.
        raise _refuse(label, "is not UTF-8 text; save it as UTF-8", line) from None


class _Flattener:
    """Plain data and the line of every key path, from nodes that aliases may share."""

    def __init__(self, label: str) -> None:
        self.positions: dict[KeyPath, int] = {}
        self._label = label

    def flatten(self, node: Node, path: KeyPath) -> Any:
        self.positions[path] = node.line
        if len(self.positions) > MAX_VALUES or len(path) > MAX_DEPTH:
            raise _refuse(self._label, f"aliases expand to over {MAX_VALUES} values; write fewer", node.line)
        if isinstance(node.value, dict):
            return {key: self.flatten(child, (*path, key)) for key, child in node.value.items()}
        if isinstance(node.value, list):
            return [self.flatten(child, (*path, index)) for index, child in enumerate(node.value)]
        return node.value
