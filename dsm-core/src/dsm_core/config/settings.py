"""The configuration in force: each key's value, and which layer it came from. Credentials are masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import attrs
from attrs import frozen

from dsm_core.config.described import Key, keys_of
from dsm_core.config.document import Document
from dsm_core.config.json_schema import as_json
from dsm_core.config.loader import ConfigSource, Layers, default_cache_dir, read_layers
from dsm_core.config.masking import MASK, is_credential, mask_url
from dsm_core.config.model import DSMConfig, ProviderSection
from dsm_core.config.placeholders import placeholder_names
from dsm_core.config.problem import KeyPath, config_error, dotted
from dsm_core.config.secret import Secret
from dsm_core.config.top_level import TopLevel
from dsm_core.errors import ConfigError, DSMError, PluginContractError

__all__ = ["Layer", "Setting", "list_settings"]

Layer = Literal["argument", "environment", "file", "default"]

_PROVIDERS: Final = "providers"


@frozen(kw_only=True)
class Setting:
    """One key of the configuration in force.

    Parameters
    ----------
    path
        Key path such as ``http.retry_count``.
    value
        What holds, as JSON has it; ``***`` in place of a credential and of what a variable gave.
    layer
        Which layer decided it.
    place
        Where in that layer: ``dsm.yaml:3``, the variable's or the argument's name; empty for a default.
    """

    path: str
    value: Any
    layer: Layer
    place: str = ""


def list_settings(
    source: ConfigSource = None,
    sections: Mapping[str, type | None] | None = None,
    *,
    arguments: Mapping[str, tuple[str, Any]] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> tuple[tuple[Setting, ...], list[DSMError]]:
    """Every key of the configuration in force, and what is wrong with providers' sections.

    Parameters
    ----------
    source, env, cwd
        As for `load_config`.
    sections
        Settings class by name of each provider whose keys are wanted; ``None`` for one without settings.
    arguments
        What a call said, by key path: the argument's name and its value.

    Raises
    ------
    ConfigError
        The core's own part is wrong.
    """
    layers = read_layers(source, env, cwd)
    if layers.problems:
        raise config_error(layers.problems)
    core = _Lister(_origins(layers), layers.variables, dict(arguments or {}))
    settings = list(core.settings(_in_force(layers), TopLevel, ()))
    wrong: list[DSMError] = []
    for name, cls in sorted((sections or {}).items()):
        try:
            settings += [] if cls is None else _of_section(layers.config.section(name), cls)
        except (ConfigError, PluginContractError) as error:
            wrong.append(error)
    return tuple(settings), wrong


def _of_section(section: ProviderSection, cls: type) -> list[Setting]:
    values: Any = section.structure(cls)
    prefix = (_PROVIDERS, section.name)
    document = Document(data=section.raw, positions=section.positions, label=section.file, prefix=prefix)
    return list(_Lister(document, {}, {}).settings(values, cls, prefix))


def _in_force(layers: Layers) -> DSMConfig:
    """The configuration with the folder of the cache in place of none."""
    config = layers.config
    folder = default_cache_dir(config, layers.env)
    return attrs.evolve(config, cache=attrs.evolve(config.cache, dir=folder))


def _origins(layers: Layers) -> Document:
    return Document(data={}) if layers.document is None else layers.document


@frozen
class _Lister:
    """Walks a settings class beside what was written."""

    document: Document
    variables: Mapping[tuple[str, ...], str]
    arguments: Mapping[str, tuple[str, Any]]

    def settings(self, values: Any, cls: type, prefix: KeyPath) -> Iterator[Setting]:
        for key in keys_of(cls):
            path = (*prefix, key.name)
            if path == (_PROVIDERS,):
                continue
            value = getattr(values, key.field.name)
            if key.is_section:
                yield from self.settings(value, key.kind, path)
            elif isinstance(value, Mapping) and value:
                # Each entry may come from another layer: an address of one's own beside the usual ones.
                yield from (self._setting(key, (*path, str(name)), item) for name, item in value.items())
            else:
                yield self._setting(key, path, value)

    def _setting(self, key: Key, path: KeyPath, value: Any) -> Setting:
        told = dotted(path)
        if told in self.arguments:
            name, given = self.arguments[told]
            return Setting(path=told, value=as_json(given), layer="argument", place=name)
        variable = self.variables.get(tuple(map(str, path)))
        if variable is not None:
            shown = _shown(value, hidden=is_credential(str(path[-1])))
            return Setting(path=told, value=shown, layer="environment", place=variable)
        own = path[len(self.document.prefix) :]
        raw, is_written = _written(self.document.data, own)
        hidden = is_credential(key.name) or is_credential(str(path[-1])) or bool(placeholder_names(raw))
        shown = _shown(value, hidden=hidden)
        if not is_written:
            return Setting(path=told, value=shown, layer="default")
        return Setting(path=told, value=shown, layer="file", place=self._place(own))

    def _place(self, path: KeyPath) -> str:
        problem = self.document.problem(path, "")
        return problem.file if problem.line is None else f"{problem.file}:{problem.line}"


def _written(data: Any, path: KeyPath) -> tuple[Any, bool]:
    """What stands at a path, and whether anything does."""
    for key in path:
        if not isinstance(data, Mapping) or key not in data:
            return None, False
        data = data[key]
    return data, True


def _shown(value: Any, *, hidden: bool) -> Any:
    """A value as JSON has it, without what must not be seen."""
    if attrs.has(type(value)):
        value = attrs.asdict(value, recurse=False)
    if isinstance(value, Mapping):
        items = ((str(name), item) for name, item in value.items())
        return {name: _shown(item, hidden=hidden or is_credential(name)) for name, item in items}
    if isinstance(value, tuple | list | set | frozenset):
        return [_shown(item, hidden=hidden) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if hidden or isinstance(value, Secret):
        return MASK
    return mask_url(value) if isinstance(value, str) and "://" in value else as_json(value)
