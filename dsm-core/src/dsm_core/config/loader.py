"""Finding, reading and checking the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import evolve, field, frozen

from dsm_core.config.document import Document, copy_mapping
from dsm_core.config.environment import LABEL, apply_environment, read_variable, variables_by_key
from dsm_core.config.model import DSMConfig, ProviderSection
from dsm_core.config.placeholders import placeholder_names
from dsm_core.config.problem import Problem, config_error, in_order
from dsm_core.config.top_level import TopLevel

__all__ = ["ConfigSource", "Layers", "default_cache_dir", "find_config_file", "load_config", "read_layers"]

FILE_NAME: Final = "dsm.yaml"

ConfigSource: TypeAlias = "str | Path | Mapping[str, Any] | DSMConfig | None"


@frozen(kw_only=True)
class Layers:
    """A configuration, and what it was made of.

    Parameters
    ----------
    config
        The result; what could not be read has its default.
    problems
        What is wrong.
    document
        The file or mapping; None without one.
    variables
        Name of the ``DSM_*`` variable that decides a key, by key path.
    env
        The environment.
    """

    config: DSMConfig
    problems: list[Problem]
    document: Document | None
    variables: Mapping[tuple[str, ...], str]
    env: Mapping[str, str] = field(repr=False)


def load_config(
    source: ConfigSource = None, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> DSMConfig:
    """Configuration from a file, a mapping or the usual places, with the environment laid over it.

    Parameters
    ----------
    source
        A file; a mapping of the same form; a finished configuration; or ``None``, which looks for a file as
        `find_config_file` does and gives the defaults where there is none.
    env
        The environment; by default the process's own.
    cwd
        What relative paths outside a file are relative to; by default the working folder.

    Raises
    ------
    ConfigError
        The file cannot be read, or something in it or in a ``DSM_*`` variable is wrong. The message has a
        line for each problem and ``details["problems"]`` the same as dicts. Providers' sections are checked
        when the provider is used, or by `check_config`.
    """
    layers = read_layers(source, env, cwd)
    if layers.problems:
        raise config_error(layers.problems)
    return layers.config


def find_config_file(env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Path | None:
    """First that exists of ``$DSM_CONFIG``, ``./dsm.yaml`` and ``dsm.yaml`` in the user's config folder.

    Parameters
    ----------
    env
        The environment; by default the process's own.
    cwd
        Folder to look in; by default the working folder.

    Raises
    ------
    ConfigError
        ``$DSM_CONFIG`` names a file that does not exist; correct or unset the variable.
    """
    folder = _working_folder(cwd)
    named = read_variable(os.environ if env is None else env, "DSM_CONFIG")
    if named is not None:
        path = _absolute(named, folder)
        if os.path.exists(path):
            return path
        message = f"{named!r} does not exist; name an existing file or unset the variable"
        raise config_error([Problem(LABEL, None, "DSM_CONFIG", message)])
    from platformdirs import user_config_path  # noqa: PLC0415 - not needed where the file is named

    # os.path.exists says no where Path.exists raises, in a folder that may not be entered.
    places = (folder / FILE_NAME, user_config_path("dsm", appauthor=False) / FILE_NAME)
    return next((place for place in places if os.path.exists(place)), None)


def default_cache_dir(config: DSMConfig | None = None, env: Mapping[str, str] | None = None) -> Path:
    """Cache folder: ``$DSM_CACHE_DIR``, else the configuration's, else the platform's for the user.

    Parameters
    ----------
    config
        The configuration; ``None`` is one without a cache folder.
    env
        The environment; by default the process's own.
    """
    named = read_variable(os.environ if env is None else env, "DSM_CACHE_DIR")
    if named is not None:
        return _absolute(named, _working_folder(None))
    if config is not None and config.cache.dir is not None:
        return config.cache.dir
    from platformdirs import user_cache_path  # noqa: PLC0415 - not needed where the folder is named

    return user_cache_path("dsm", appauthor=False)


def read_layers(source: ConfigSource, env: Mapping[str, str] | None, cwd: Path | None) -> Layers:
    """What could be made of the source, what could not, and where each value came from.

    Raises
    ------
    ConfigError
        Nothing could be made of it: the file cannot be read, or is no mapping.
    """
    folder = _working_folder(cwd)
    environment = os.environ if env is None else env
    config, problems, document = _read(source, env, folder)
    config, more = apply_environment(config, environment, folder)
    return Layers(
        config=config,
        problems=[*problems, *more],
        document=document,
        variables=variables_by_key(environment),
        env=environment,
    )


_Read: TypeAlias = "tuple[DSMConfig, list[Problem], Document | None]"


def _read(source: Any, env: Mapping[str, str] | None, folder: Path) -> _Read:
    if isinstance(source, DSMConfig):
        return source, [], None
    if source is None:
        source = find_config_file(env, folder)
    if source is None:
        return DSMConfig(), [], None
    if isinstance(source, Mapping):
        return _build(copy_mapping(source, folder), env)
    if not isinstance(source, str | os.PathLike):
        message = f"a configuration is a path, a mapping or a DSMConfig, not {type(source).__name__}"
        raise config_error([Problem("config", None, "", message)])
    from dsm_core.config.yaml_file import read_yaml_file  # noqa: PLC0415 - imports ruamel.yaml

    path = _absolute(os.fspath(source), folder)
    return _build(read_yaml_file(path, _label(path, folder)), env)


def _build(document: Document, env: Mapping[str, str] | None) -> _Read:
    from dsm_core.config.structure import structure  # noqa: PLC0415 - imports cattrs

    sections, problems = _provider_sections(document, env)
    core_data = {key: value for key, value in document.data.items() if key != "providers"}
    environment = os.environ if env is None else env
    core, more = structure(evolve(document, data=core_data), TopLevel, environment)
    core = core or _rescued(document, core_data, environment)
    config = DSMConfig(
        cache=core.cache,
        defaults=core.defaults,
        agreement=core.agreement,
        http=core.http,
        offline=core.offline,
        providers=sections,
        source=document.file,
    )
    return config, in_order([*document.problems, *problems, *more]), document


def _rescued(document: Document, data: Mapping[str, Any], env: Mapping[str, str]) -> TopLevel:
    """Those keys of the top level that are right by themselves, for who goes on despite the others."""
    from dsm_core.config.structure import structure  # noqa: PLC0415 - imports cattrs

    parts = {key: structure(evolve(document, data={key: data[key]}), TopLevel, env)[0] for key in data}
    return TopLevel(**{key: getattr(part, key) for key, part in parts.items() if part is not None})


def _provider_sections(
    document: Document, env: Mapping[str, str] | None
) -> tuple[dict[str, ProviderSection], list[Problem]]:
    from dsm_core.config.mistakes import show  # noqa: PLC0415 - imports difflib

    providers = document.data.get("providers")
    if providers is None:
        return {}, []
    if not isinstance(providers, dict):
        message = f"expected a mapping of provider names, got {show(providers)}"
        return {}, [document.problem(("providers",), message)]
    sections, problems = {}, []
    for name, data in providers.items():
        if data is None or isinstance(data, dict):
            sections[name] = _section(document.part("providers", name), name, env)
        else:
            message = f"expected a mapping of keys, got {show(data)}"
            problems.append(document.problem(("providers", name), message))
    return sections, problems


def _section(part: Document, name: str, env: Mapping[str, str] | None) -> ProviderSection:
    raw = part.data or {}
    # Only what the section asks for: a copy of the whole environment would carry every other secret along.
    named = None if env is None else {key: env[key] for key in placeholder_names(raw) if key in env}
    return ProviderSection(
        name=name, raw=raw, positions=part.positions, file=part.label, folder=part.folder, env=named
    )


def _working_folder(cwd: Path | None) -> Path:
    return Path.cwd() if cwd is None else Path(cwd).absolute()


def _absolute(path: str, folder: Path) -> Path:
    try:
        return folder / Path(path).expanduser()
    except RuntimeError:
        message = f"the home folder in {path!r} is unknown; write it out"
        raise config_error([Problem(LABEL, None, "", message)]) from None


def _label(path: Path, folder: Path) -> str:
    """The file as a reader in the working folder names it."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
