"""What a settings class says of its keys: names, types, defaults, and one line of meaning."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs
from attrs import frozen

__all__ = ["Key", "keys_of", "summary_of"]

_DOC: Final = "doc"
_USUAL_DOC: Final = "usual_doc"
_SCHEMA: Final = "schema"
_NAMES: Final = re.compile(r"\w+(, \w+)*")


@frozen(kw_only=True)
class Key:
    """One key of a settings class.

    Parameters
    ----------
    name
        As it is written in a file.
    kind
        Its type.
    doc
        What it means, in a sentence or two; empty where the class does not say.
    required
        Whether it has no default.
    default
        What holds where it is left out; None for a required one.
    schema
        What the field's metadata adds to its JSON Schema.
    field
        The attrs field.
    """

    name: str
    kind: Any
    doc: str
    required: bool
    default: Any
    schema: Mapping[str, Any]
    field: attrs.Attribute[Any]

    @property
    def is_section(self) -> bool:
        """Whether it is a settings class of its own, with keys below it."""
        return attrs.has(self.kind)


def keys_of(cls: type) -> tuple[Key, ...]:
    """Keys of a settings class, in the order of its fields.

    The meaning is what the field's metadata has under ``doc``, else what the NumPy docstring of the class
    says of the parameter.

    Raises
    ------
    PluginContractError
        A field's type cannot be resolved; its author must change it.
    """
    from dsm_core.config.structure import fields_of  # noqa: PLC0415 - imports cattrs

    told = _parameters(inspect.getdoc(cls) or "")
    return tuple(
        Key(
            name=name,
            kind=Any if field.type is None else field.type,
            doc=str(field.metadata.get(_DOC) or told.get(name) or field.metadata.get(_USUAL_DOC, "")),
            required=field.default is attrs.NOTHING,
            default=_default(field),
            schema=field.metadata.get(_SCHEMA) or {},
            field=field,
        )
        for name, field in fields_of(cls).items()
    )


def summary_of(cls: type) -> str:
    """First line of a class's own docstring; empty without one."""
    return (inspect.cleandoc(cls.__doc__ or "").splitlines() or [""])[0]


def _default(field: attrs.Attribute[Any]) -> Any:
    default: Any = field.default
    if default is attrs.NOTHING:
        return None
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        if default.takes_self:
            # It wants the finished instance, and a required key may be missing for that.
            return None
        default = default.factory()
    converter: Any = field.converter
    return default if converter is None or isinstance(converter, attrs.Converter) else converter(default)


def _parameters(doc: str) -> dict[str, str]:
    """Text of each parameter in a NumPy docstring."""
    lines = iter(doc.partition("Parameters\n----------\n")[2].splitlines())
    told: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if set(line) == {"-"}:
            # The line before was the next heading.
            break
        if line[:1].isspace():
            current.append(line.strip())
        elif line and _NAMES.fullmatch(line.partition(" :")[0]):
            current = []
            told.update(dict.fromkeys(line.partition(" :")[0].split(", "), current))
    # What Python calls None is null in a file.
    plain = {name: " ".join(text).replace("``None``", "null") for name, text in told.items()}
    return {name: text.replace("``", "") for name, text in plain.items()}
