"""From a YAML file to a document: bytes, text, nodes, data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from attrs import frozen

from dsm_core.config.document import MAX_DEPTH, MAX_VALUES, Document
from dsm_core.config.problem import KeyPath, Problem, config_error
from dsm_core.config.yaml_nodes import Node, compose
from dsm_core.errors import ConfigError

__all__ = ["CONFIGURATION", "MAX_BYTES", "FileForm", "read_yaml_file"]

MAX_BYTES: Final = 1 << 20


@frozen(kw_only=True)
class FileForm:
    """What a kind of file may be.

    Parameters
    ----------
    expected
        What stands at the top level, for the message when something else does.
    size
        What is usual, for the message when it is larger.
    max_bytes, max_values
        Far above what is usual, far below what would exhaust memory.
    """

    expected: str
    size: str
    max_bytes: int
    max_values: int


CONFIGURATION: Final = FileForm(
    expected="keys such as 'cache:' and 'providers:'",
    size="a configuration is a few kilobytes",
    max_bytes=MAX_BYTES,
    max_values=MAX_VALUES,
)


def read_yaml_file(path: Path, label: str, form: FileForm = CONFIGURATION) -> Document:
    """Document of a YAML file.

    Parameters
    ----------
    path
        The file, absolute.
    label
        How messages name it.
    form
        What kind of file it is.

    Raises
    ------
    ConfigError
        The file cannot be read, is not UTF-8, not YAML, or not a mapping.
    """
    root, problems = compose(_read_text(path, label, form), label, form.max_values)
    flat = _Flattener(label, form.max_values)
    data = flat.flatten(root, ())
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise _refuse(label, f"expected {form.expected} at the top level", root.line)
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


def _read_text(path: Path, label: str, form: FileForm) -> str:
    try:
        if path.is_dir():
            raise _refuse(label, "is a folder; name the file in it")
        with path.open("rb") as stream:
            content = stream.read(form.max_bytes + 1)
    except FileNotFoundError:
        raise _refuse(label, "there is no such file") from None
    except (OSError, ValueError) as error:
        # ValueError: the name holds a character that no file name may hold.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise _refuse(label, f"cannot be read: {reason}") from error
    if len(content) > form.max_bytes:
        raise _refuse(label, f"is larger than {form.max_bytes >> 20} MiB; {form.size}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        # Without the cause: its text holds the bytes, and they may be a secret's.
        raise _refuse(label, "is not UTF-8 text; save it as UTF-8", line) from None


class _Flattener:
    """Plain data and the line of every key path, from nodes that aliases may share."""

    def __init__(self, label: str, max_values: int) -> None:
        self.positions: dict[KeyPath, int] = {}
        self._label = label
        self._max_values = max_values

    def flatten(self, node: Node, path: KeyPath) -> Any:
        self.positions[path] = node.line
        if len(self.positions) > self._max_values or len(path) > MAX_DEPTH:
            message = f"aliases expand to over {self._max_values} values; write fewer"
            raise _refuse(self._label, message, node.line)
        if isinstance(node.value, dict):
            return {key: self.flatten(child, (*path, key)) for key, child in node.value.items()}
        if isinstance(node.value, list):
            return [self.flatten(child, (*path, index)) for index, child in enumerate(node.value)]
        return node.value
