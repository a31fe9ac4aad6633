"""One hook for each kind of value a settings class may ask for; strict, and with a message for people."""

from __future__ import annotations

import os
import types
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence, Set
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin

from dsm_core.config.mistakes import Mistakes, did_you_mean, kind_of, show
from dsm_core.config.placeholders import Expanded
from dsm_core.config.scalars import read_scalar
from dsm_core.config.secret import Secret

__all__ = ["Hook", "container_hooks", "is_list", "is_mapping", "kind_name", "path_hook", "scalar_hooks"]

Hook = Callable[[Any, Any], Any]

_NAMES: Final[dict[Any, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    Secret: "text",
    type(None): "null",
}
_UNIONS: Final = frozenset({Union, types.UnionType})


def scalar_hooks() -> dict[type, Hook]:
    """Hooks of the types without parts; they are asked for subclasses too, such as ``StrEnum``."""
    plain: dict[type, Hook] = {int: _int, float: _float, str: _text}
    exact: dict[type, Hook] = {bool: _bool, Secret: _secret, type(None): _none}
    return {**{kind: _Subclassed(kind, hook) for kind, hook in plain.items()}, **exact}


def container_hooks(structure: Hook) -> list[tuple[Callable[[Any], bool], Hook]]:
    """Hooks of the types with parts, which they hand to `structure`; each with the test of its types."""
    return [
        (lambda kind: get_origin(kind) is Literal, _literal),
        (lambda kind: isinstance(kind, type) and issubclass(kind, Enum), _enum),
        (lambda kind: get_origin(kind) in _UNIONS, _Union(structure)),
        (is_list, _List(structure)),
        (is_mapping, _Mapping(structure)),
    ]


def path_hook(folder: Path) -> Hook:
    """Hook of paths: ``~`` is the home folder, relative ones start at `folder`."""

    def _path(value: Any, _: Any) -> Path:
        text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
        if not isinstance(text, str):
            raise _wrong(Path, value)
        if not text or "\0" in text:
            raise Mistakes.one("a path must not be empty" if not text else "a path holds no NUL character")
        try:
            return folder / Path(text).expanduser()
        except RuntimeError:
            raise Mistakes.one("the home folder that '~' stands for is unknown; write it out") from None

    return _path


def _wrong(kind: Any, value: Any, remedy: str = "") -> Mistakes:
    shown = kind_of(value) if _holds_secret(kind) else show(value)
    return Mistakes.one(f"expected {kind_name(kind)}, got {shown}{remedy}")


def _holds_secret(kind: Any) -> bool:
    return kind is Secret or any(_holds_secret(part) for part in get_args(kind))


def kind_name(kind: Any) -> str:
    """What a type asks for, in the words of messages: ``a whole number or null``."""
    if get_origin(kind) in _UNIONS:
        return " or ".join(map(kind_name, get_args(kind)))
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, get_args(kind)))
    if is_list(kind):
        return "a list"
    return _NAMES.get(kind, "a mapping")


def is_list(kind: Any) -> bool:
    """Whether a type is a tuple, a list or a set of something."""
    return _bare(kind) in _LISTS


def is_mapping(kind: Any) -> bool:
    """Whether a type is a mapping of something."""
    return _bare(kind) in _MAPPINGS


def _bare(kind: Any) -> Any:
    return get_origin(kind) or kind


def _plain(value: Any) -> Any:
    return read_scalar(value) if isinstance(value, Expanded) else value


def _bool(value: Any, _: Any) -> bool:
    plain = _plain(value)
    if isinstance(plain, bool):
        return plain
    raise _wrong(bool, value)


def _int(value: Any, _: Any) -> int:
    plain = _plain(value)
    if isinstance(plain, int) and not isinstance(plain, bool):
        return int(plain)
    raise _wrong(int, value)


def _float(value: Any, _: Any) -> float:
    plain = _plain(value)
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        try:
            return float(plain)
        except OverflowError:
            pass
    raise _wrong(float, value)


def _text(value: Any, _: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    raise _wrong(str, value, "; put it in quotes" if isinstance(value, int | float) else "")


class _Subclassed:
    def __init__(self, base: type, hook: Hook) -> None:
        self._base = base
        self._hook = hook

    def __call__(self, value: Any, kind: Any) -> Any:
        made = self._hook(value, kind)
        return made if kind is self._base else _member(made, kind, value)


def _enum(value: Any, kind: Any) -> Any:
    return _member(value, kind, value)


def _member(value: Any, kind: Any, written: Any) -> Any:
    try:
        return kind(value)
    except (ValueError, TypeError):
        known = [member.value for member in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []
        hint = _closest(written, known)
        raise Mistakes.one(f"{show(written)} is not one of the values it takes{hint}") from None


def _closest(value: Any, known: Iterable[Any]) -> str:
    if not isinstance(value, str) or isinstance(value, Expanded):
        return ""
    return did_you_mean(value, [word for word in known if isinstance(word, str)])


def _secret(value: Any, _: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    raise Mistakes.one(f"expected text, got {kind_of(value)}; put it in quotes")


def _none(value: Any, _: Any) -> None:
    if _plain(value) is not None:
        raise _wrong(type(None), value)


def _literal(value: Any, kind: Any) -> Any:
    options = get_args(kind)
    for candidate in (value, _plain(value)):
        for option in options:
            # 1 == True, so the types must agree as well; text read from a file may be a subclass of str.
            agree = isinstance(candidate, bool) == isinstance(option, bool)
            if agree and isinstance(candidate, type(option)) and candidate == option:
                return option
    raise _wrong(kind, value, _closest(value, options))


class _Union:
    """The first member that takes the value; ``None`` only where the value is null."""

    def __init__(self, structure: Hook) -> None:
        self._structure = structure

    def __call__(self, value: Any, kind: Any) -> Any:
        members = [member for member in get_args(kind) if member is not type(None)]
        if len(members) < len(get_args(kind)) and self._is_null(value, members):
            return None
        failures = []
        for member in members:
            try:
                return self._structure(value, member)
            except Mistakes as mistakes:
                failures.append(mistakes)
        if len(failures) == 1:
            raise failures[0]
        raise _wrong(kind, value)

    @staticmethod
    def _is_null(value: Any, members: list[Any]) -> bool:
        if isinstance(value, Expanded) and not {str, Path, Secret}.isdisjoint(members):
            return False
        return _plain(value) is None


_LISTS: Final[dict[Any, Callable[[Iterable[Any]], Any]]] = {
    tuple: tuple,
    list: list,
    Sequence: tuple,
    MutableSequence: list,
    set: set,
    frozenset: frozenset,
    Set: frozenset,
}
_MAPPINGS: Final = frozenset({dict, Mapping, MutableMapping})


class _List:
    """Tuple, list or set; a lone text is a tuple of texts with one member."""

    def __init__(self, structure: Hook) -> None:
        self._structure = structure

    def __call__(self, value: Any, kind: Any) -> Any:
        if kind == tuple[str, ...] and isinstance(value, str):
            return (str.__str__(value),)
        if not isinstance(value, list | tuple | set | frozenset):
            raise _wrong(
                kind, value, "; put it in [brackets]" if isinstance(value, str | os.PathLike) else ""
            )
        items = list(value)
        made, found = [], []
        for index, (item, member) in enumerate(zip(items, self._members(kind, len(items)), strict=True)):
            try:
                made.append(self._structure(item, member))
            except Mistakes as mistakes:
                found += mistakes.below(index)
        if found:
            raise Mistakes(found)
        return self._build(made, kind)

    @staticmethod
    def _members(kind: Any, length: int) -> Sequence[Any]:
        args = get_args(kind)
        if _bare(kind) is not tuple or not args or args[-1] is Ellipsis:
            return [args[0] if args else Any] * length
        if len(args) != length:
            raise Mistakes.one(f"expected a list of {len(args)}, got {length}")
        return args

    @staticmethod
    def _build(made: list[Any], kind: Any) -> Any:
        try:
            return _LISTS[_bare(kind)](made)
        except TypeError:
            raise Mistakes.one("expected a list of single values") from None


class _Mapping:
    """Dict with every key and value structured."""

    def __init__(self, structure: Hook) -> None:
        self._structure = structure

    def __call__(self, value: Any, kind: Any) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(kind, value)
        key_kind, item_kind = get_args(kind) or (Any, Any)
        made, found = {}, []
        for key, item in value.items():
            try:
                made[self._key(key, key_kind)] = self._structure(item, item_kind)
            except Mistakes as mistakes:
                found += mistakes.below(key)
        if found:
            raise Mistakes(found)
        return made

    def _key(self, key: str, kind: Any) -> Any:
        if kind not in {bool, int, float}:
            return self._structure(key, kind)
        try:
            # Keys are text in the document; Expanded reads `1:` as a number where one is due.
            return self._structure(Expanded(key), kind)
        except Mistakes:
            raise Mistakes.one(f"a key here is {kind_name(kind)}") from None
