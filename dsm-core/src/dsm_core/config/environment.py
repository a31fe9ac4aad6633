"""The `DSM_*` variables: the layer between a call's arguments and the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from dsm_core.config.model import DSMConfig
from dsm_core.config.problem import Problem

__all__ = ["LABEL", "apply_environment", "read_variable"]

LABEL: Final = "environment"

_ON: Final = frozenset({"1", "true", "yes", "on"})
_OFF: Final = frozenset({"0", "false", "no", "off"})


def read_variable(env: Mapping[str, str], name: str) -> str | None:
    """Value of a variable; an empty or blank one counts as absent."""
    return env.get(name, "").strip() or None


def _read_switch(text: str) -> bool:
    if text.lower() in _ON | _OFF:
        return text.lower() in _ON
    raise ValueError("is not a switch; set 1, true, yes or on, or 0, false, no or off")


def _read_wait(text: str) -> float:
    seconds = _read_number(text)
    if 0 <= seconds < float("inf"):
        return seconds
    raise ValueError("is not a number of seconds, 0 or more; set one such as 120")


def _read_limit(text: str) -> float | None:
    if text.lower() in {"none", "null"}:
        return None
    seconds = _read_number(text)
    if 0 < seconds < float("inf"):
        return seconds
    raise ValueError("is not a number of seconds above 0; set one such as 300, or none for no limit")


def _read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


# Variable, section (none for the top level), field, and what makes a value of the text.
_VARIABLES: Final[tuple[tuple[str, str | None, str, Callable[[str], Any]], ...]] = (
    ("DSM_CACHE_DIR", "cache", "dir", str),
    ("DSM_OFFLINE", None, "offline", _read_switch),
    ("DSM_PROVIDER", "defaults", "provider", str),
    ("DSM_MARKET_TYPE", "defaults", "market_type", str),
    ("DSM_DEADLINE_S", "defaults", "deadline_s", _read_limit),
    ("DSM_MAX_WAIT_S", "defaults", "max_wait_s", _read_wait),
)


def apply_environment(
    config: DSMConfig, env: Mapping[str, str], cwd: Path
) -> tuple[DSMConfig, list[Problem]]:
    """Configuration with the variables laid over it, and the problems of those that are wrong.

    Parameters
    ----------
    config
        What the file gives.
    env
        The environment.
    cwd
        What a relative ``DSM_CACHE_DIR`` is relative to.
    """
    problems = []
    for name, section, key, read in _VARIABLES:
        text = read_variable(env, name)
        if text is None:
            continue
        try:
            value = read(text) if key != "dir" else cwd / Path(text).expanduser()
        except (ValueError, RuntimeError) as error:
            problems.append(Problem(LABEL, None, name, f"{text!r} {error}"))
            continue
        changes: dict[str, Any] = {key: value}
        if section is not None:
            changes = {section: evolve(getattr(config, section), **changes)}
        config = evolve(config, **changes)
    return config, problems
