"""From a document to an instance of a settings class, with every problem found on the way."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError

from dsm_core.config.document import Document
from dsm_core.config.kinds import container_hooks, path_hook, scalar_hooks
from dsm_core.config.masking import MASK, mask_url
from dsm_core.config.mistakes import Mistakes, did_you_mean, kind_of, show
from dsm_core.config.placeholders import Expanded, expand
from dsm_core.config.problem import KeyPath, Problem
from dsm_core.errors import PluginContractError

__all__ = ["fields_of", "structure"]

T = TypeVar("T")

_NOTHING: Final[Mapping[str, Any]] = {}


def structure(document: Document, cls: type[T], env: Mapping[str, str]) -> tuple[T | None, list[Problem]]:
    """Instance of `cls`, or ``None`` and all that hinders it.

    Parameters
    ----------
    document
        Data, not yet expanded.
    cls
        An attrs class. Keys are its arguments' names; a key without a default is required.
    env
        What placeholders are filled from.

    Raises
    ------
    PluginContractError
        `cls` is not an attrs class, or asks for a type that a file cannot give.
    """
    wanted: Any = cls
    if not attrs.has(wanted):
        raise PluginContractError(f"{cls!r} is not an attrs class.", hint="Decorate it with attrs.frozen.")
    expanded, problems = expand(document, env)
    taken = {problem.path for problem in problems}
    try:
        return _converter(document.folder).structure(expanded.data, cls), problems
    except Mistakes as mistakes:
        found = [document.problem(path, message) for path, message in mistakes.found]
        # A placeholder that could not be filled is one problem, not a second one for being empty.
        return None, problems + [problem for problem in found if problem.path not in taken]
    except StructureHandlerNotFoundError as error:
        raise _contract_error(cls, error) from error


def _contract_error(cls: type, error: Exception) -> PluginContractError:
    return PluginContractError(
        f"{cls.__qualname__} has a field whose type no configuration can give: {error}.",
        hint="Use str, int, float, bool, Path, Secret, Literal, or tuples, mappings and classes of them.",
    )


@lru_cache(maxsize=16)
def _converter(folder: Path) -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook_func(lambda kind: kind is Any or kind is object, _anything)
    for kind, hook in {**scalar_hooks(), Path: path_hook(folder)}.items():
        converter.register_structure_hook(kind, hook)
    for test, hook in container_hooks(converter.structure):
        converter.register_structure_hook_func(test, hook)
    converter.register_structure_hook_func(attrs.has, _ClassHook(converter))
    return converter


def _anything(value: Any, _: Any) -> Any:
    return str(value) if isinstance(value, Expanded) else value


class _ClassHook:
    """Builds attrs classes; unlike cattrs' own hook it asks every validator and knows which key failed."""

    def __init__(self, converter: Converter) -> None:
        self._converter = converter

    def __call__(self, value: Any, cls: Any) -> Any:
        if isinstance(value, cls):
            return value
        # A section whose keys are all commented out is null in YAML.
        data = _NOTHING if value is None else value
        if not isinstance(data, Mapping):
            raise Mistakes.one(f"expected a mapping of keys, got {kind_of(value)}")
        fields = fields_of(cls)
        found = _wrong_keys(data, fields)
        values: dict[str, Any] = {}
        for name in data.keys() & fields.keys():
            try:
                values[name] = self._converter.structure(data[name], _type_of(fields[name]))
            except (Mistakes, ValueError) as error:
                found += _mistakes(error, data[name]).below(name)
        found += _refused(cls, fields, values, data)
        if found:
            raise Mistakes(sorted(found, key=lambda mistake: _order(mistake[0], data)))
        return _build(cls, values)


def fields_of(cls: Any) -> dict[str, attrs.Attribute[Any]]:
    """Fields of a settings class by the key that stands for each, with their types resolved.

    Raises
    ------
    PluginContractError
        A type names what does not exist; the class's author must change it.
    """
    try:
        attrs.resolve_types(cls)
    except NameError as error:
        raise _contract_error(cls, error) from error
    return {field.alias or field.name: field for field in attrs.fields(cls) if field.init}


def _type_of(field: attrs.Attribute[Any]) -> Any:
    return Any if field.type is None else field.type


def _mistakes(error: Mistakes | ValueError, value: Any) -> Mistakes:
    """Mistakes of a failed field; a ValueError comes from cattrs' own hooks, of enumerations for one."""
    if isinstance(error, Mistakes):
        return error
    return Mistakes.one(f"{show(value)} is not one of the values it takes")


def _wrong_keys(
    data: Mapping[str, Any], fields: Mapping[str, attrs.Attribute[Any]]
) -> list[tuple[KeyPath, str]]:
    unknown = [((key,), f"unknown key{did_you_mean(key, fields)}") for key in data if key not in fields]
    required = (name for name, field in fields.items() if field.default is attrs.NOTHING and name not in data)
    return [*unknown, *(((name,), "is required and missing") for name in required)]


def _order(path: KeyPath, data: Mapping[str, Any]) -> int:
    """Place of a key in the file's order; missing ones come last."""
    return next((index for index, key in enumerate(data) if path and key == path[0]), len(data))


def _refused(
    cls: type, fields: Mapping[str, attrs.Attribute[Any]], values: Mapping[str, Any], data: Mapping[str, Any]
) -> list[tuple[KeyPath, str]]:
    """What the validators of single fields say, each asked on its own."""
    probe: Any = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(probe, fields[name].name, value)
    found: list[tuple[KeyPath, str]] = []
    for name, value in values.items():
        try:
            _validate(probe, fields[name], value)
        except Mistakes as mistakes:
            found += [(path, _hide(message, data[name])) for path, message in mistakes.below(name)]
        except (ValueError, TypeError) as error:
            found.append(((name,), _hide(_message(error), data[name])))
        except AttributeError:
            # It looks at a field that is not there yet; the constructor will ask it again.
            continue
    return found


def _validate(probe: Any, field: attrs.Attribute[Any], value: Any) -> None:
    converter: Any = field.converter
    if isinstance(converter, attrs.Converter):
        # It may want the finished instance; the constructor will run it.
        return
    converted = value if converter is None else converter(value)
    if field.validator is not None:
        field.validator(probe, field, converted)


def _hide(message: str, raw: Any) -> str:
    """Message of a validator without a value that came from the environment."""
    for text in sorted(_expanded(raw), key=len, reverse=True):
        # Validators of addresses show them without their user info.
        for shown in (text, mask_url(text)):
            message = message.replace(shown, MASK) if shown else message
    return message


def _expanded(raw: Any) -> set[str]:
    if isinstance(raw, Expanded):
        return {str(raw)}
    children = raw.values() if isinstance(raw, Mapping) else raw if isinstance(raw, list) else ()
    return {text for child in children for text in _expanded(child)}


def _build(cls: type, values: Mapping[str, Any]) -> Any:
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        raise Mistakes.one(_message(error)) from error


def _message(error: Exception) -> str:
    # attrs puts the attribute and the value after the text, and either may be long.
    return " ".join(str(error.args[0] if error.args else type(error).__name__).split())
