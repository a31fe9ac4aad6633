"""JSON Schema of the configuration file, so that editors complete it and mark mistakes as one types.

It says what `check_config` says, but for what no schema can: whether a variable is set, and validators that
are code. ``${NAME}`` is allowed wherever text or a number is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import attrs

from dsm_core.config.described import Key, keys_of, summary_of
from dsm_core.config.secret import Secret
from dsm_core.config.top_level import TopLevel

__all__ = ["SCHEMA_DIALECT", "as_json", "json_schema"]

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_PLACEHOLDER: Final = {"type": "string", "pattern": r"\$\{"}
_TYPES: Final[Mapping[Any, dict[str, Any]]] = {
    bool: {"anyOf": [{"type": "boolean"}, _PLACEHOLDER]},
    int: {"anyOf": [{"type": "integer"}, _PLACEHOLDER]},
    float: {"anyOf": [{"type": "number"}, _PLACEHOLDER]},
    str: {"type": "string"},
    Path: {"type": "string", "minLength": 1},
    Secret: {"type": "string", "writeOnly": True},
    type(None): {"type": "null"},
}
# attrs' own validators, as far as they are bounds.
_BOUNDS: Final = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}


def json_schema(sections: Mapping[str, type | None]) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a configuration file.

    Parameters
    ----------
    sections
        Settings class by name of each installed provider; ``None`` for one without settings. A key's
        field may say more of itself under ``schema`` in its metadata: what stands there is laid over what
        its type gives.

    Raises
    ------
    PluginContractError
        A settings class has a field whose type cannot be resolved.
    """
    providers = {name: _section(cls, f"Settings of {name}.") for name, cls in sorted(sections.items())}
    schema = _section(TopLevel, "The configuration of DSM.")
    if sections:
        named = {"anyOf": [{"enum": [*sorted(sections), None]}, _PLACEHOLDER]}
        schema["properties"]["defaults"]["properties"]["provider"] |= named
    schema["properties"]["providers"] |= {
        "type": ["object", "null"],
        "properties": providers,
        "additionalProperties": False,
    }
    return {"$schema": SCHEMA_DIALECT, "title": "dsm.yaml", **schema}


def _section(cls: type | None, otherwise: str) -> dict[str, Any]:
    keys = () if cls is None else keys_of(cls)
    required = [key.name for key in keys if key.required]
    told = "" if cls is None else summary_of(cls)
    return {
        "description": told or otherwise,
        # A section whose keys are all commented out is null in YAML.
        "type": "object" if required else ["object", "null"],
        "properties": {key.name: _property(key) for key in keys},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _property(key: Key) -> dict[str, Any]:
    schema = _of_type(key.kind) | _of_validator(key.field.validator) | dict(key.schema)
    if key.doc and not key.is_section:
        schema["description"] = key.doc
    if not key.required and not key.is_section and not _holds_secret(key.kind):
        default = as_json(key.default)
        if default is not None or _takes_null(key.kind):
            schema["default"] = default
    return schema


def as_json(value: Any) -> Any:
    """A default as JSON has it; what has no such form is None."""
    if isinstance(value, Enum):
        return as_json(value.value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): as_json(item) for name, item in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [as_json(item) for item in value]
    return None


def _of_type(kind: Any) -> dict[str, Any]:
    origin = get_origin(kind)
    if origin is Annotated:
        return _of_type(get_args(kind)[0])
    if origin in (Union, UnionType):
        return {"anyOf": [_of_type(member) for member in get_args(kind)]}
    if attrs.has(kind):
        return _section(kind, "")
    options = get_args(kind) if origin is Literal else _members(kind)
    if options:
        return _one_of(options)
    return dict(_TYPES[kind]) if kind in _TYPES else _of_container(kind)


def _members(kind: Any) -> list[Any]:
    is_enum = isinstance(kind, type) and issubclass(kind, Enum)
    return [member.value for member in kind] if is_enum else []


def _one_of(values: Any) -> dict[str, Any]:
    return {"anyOf": [{"enum": list(values)}, _PLACEHOLDER]}


def _of_container(kind: Any) -> dict[str, Any]:
    from dsm_core.config.kinds import is_list, is_mapping  # noqa: PLC0415 - brings difflib

    members = get_args(kind)
    if is_mapping(kind):
        return {"type": "object", "additionalProperties": _of_type(members[1]) if members else True}
    if not is_list(kind):
        return _of_type(kind.__supertype__) if hasattr(kind, "__supertype__") else {}
    if get_origin(kind) is tuple and members and members[-1] is not Ellipsis:
        count = {"minItems": len(members), "maxItems": len(members)}
        return {"type": "array", "prefixItems": [_of_type(member) for member in members], **count}
    several = {"type": "array", "items": _of_type(members[0]) if members else {}}
    # A lone text is a tuple of texts with one member.
    return {"anyOf": [{"type": "string"}, several]} if kind == tuple[str, ...] else several


def _of_validator(validator: Any) -> dict[str, Any]:
    """What attrs' own validators mean; others are asked by a check only."""
    if validator is None:
        return {}
    schema: dict[str, Any] = {}
    for part in getattr(validator, "_validators", ()):
        schema |= _of_validator(part)
    schema |= _of_validator(getattr(validator, "validator", None))
    compare = _BOUNDS.get(getattr(validator, "compare_op", ""))
    if compare is not None:
        schema[compare] = validator.bound
    if type(validator).__name__ == "_InValidator":
        schema |= _one_of(
            [option.value if isinstance(option, Enum) else option for option in validator.options]
        )
    return schema


def _holds_secret(kind: Any) -> bool:
    return kind is Secret or any(_holds_secret(part) for part in get_args(kind))


def _takes_null(kind: Any) -> bool:
    return kind is Any or kind is type(None) or type(None) in get_args(kind)
