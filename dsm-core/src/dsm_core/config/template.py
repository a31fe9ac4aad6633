"""A configuration file to begin with: every key, commented out, with its meaning and default."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dsm_core.config.described import Key, keys_of, summary_of
from dsm_core.config.json_schema import as_json
from dsm_core.config.scalars import read_scalar
from dsm_core.config.secret import Secret
from dsm_core.config.top_level import TopLevel

__all__ = ["config_template"]

_WIDTH: Final = 110
_STEP: Final = "  "
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_HEAD: Final = """\
# yaml-language-server: $schema=dsm.schema.json
# The line above lets an editor complete this file; `dsm config schema -o dsm.schema.json` makes the schema.
# A commented key shows its default: remove the `# ` before it to change it. Required ones say so.
# ${NAME} stands for an environment variable, ${NAME:-text} gives a value for when it is not set.
"""


def config_template(sections: Mapping[str, type | None]) -> str:
    """Text of a commented configuration file that means the defaults.

    Parameters
    ----------
    sections
        Settings class by name of each installed provider; ``None`` for one without settings.

    Raises
    ------
    PluginContractError
        A settings class has a field whose type cannot be resolved.
    """
    lines = [_HEAD]
    for key in keys_of(TopLevel):
        if key.name != "providers":
            lines += [*_key_lines(key, "", ()), ""]
    lines += ["# The providers' own keys.", "providers:"]
    for name, cls in sorted(sections.items()):
        lines += ["", *_section_lines(name, cls, _STEP, (name,))]
    return "\n".join(lines) + "\n"


def _section_lines(name: str, cls: type | None, indent: str, path: tuple[str, ...]) -> Iterator[str]:
    if cls is None:
        yield f"{indent}# {name} has no keys."
        return
    keys = keys_of(cls)
    yield from _comment(summary_of(cls), indent)
    # An empty section says that the provider is wanted, so that what it must know is missed.
    yield f"{indent}# {name}:" if any(key.required for key in keys) else f"{indent}{name}:"
    for key in keys:
        yield from _key_lines(key, indent + _STEP, path)


def _key_lines(key: Key, indent: str, path: tuple[str, ...]) -> Iterator[str]:
    if key.is_section:
        yield from _section_lines(key.name, key.kind, indent, (*path, key.name))
        return
    from dsm_core.config.kinds import kind_name  # noqa: PLC0415 - brings difflib

    needed = "; required" if key.required else ""
    yield from _comment(f"{key.doc or 'Not described.'} [{kind_name(key.kind)}{needed}]", indent)
    default = as_json(key.default)
    if isinstance(default, dict) and default:
        yield f"{indent}# {key.name}:"
        yield from (
            f"{indent}# {_STEP}{_text(name)}: {_yaml(_lone(value))}" for name, value in default.items()
        )
    elif key.required or _is_secret(key.kind):
        yield f"{indent}# {key.name}: ${{{_variable((*path, key.name))}}}"
    else:
        yield f"{indent}# {key.name}: {_yaml(default)}"


def _comment(text: str, indent: str) -> list[str]:
    lead = f"{indent}# "
    return textwrap.wrap(text, _WIDTH, initial_indent=lead, subsequent_indent=lead, break_long_words=False)


def _variable(path: tuple[str, ...]) -> str:
    return re.sub(r"\W", "_", "_".join(path)).upper()


def _is_secret(kind: Any) -> bool:
    return kind is Secret or Secret in getattr(kind, "__args__", ())


def _lone(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _yaml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(name)}: {_yaml(item)}' for name, item in value.items())}}}"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    is_plain = _PLAIN.fullmatch(value) is not None and read_scalar(value) == value
    return value if is_plain else json.dumps(value.replace("${", "$${"))
