"""The `DSM_*` variables: the layer between a call's arguments and the file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from dsm_core.config.byte_size import parse_bytes
from dsm_core.config.model import ON_GAPS, DSMConfig
from dsm_core.config.problem import Problem

__all__ = ["LABEL", "apply_environment", "misspelt_variables", "read_variable", "variables_by_key"]

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


def _read_count(text: str) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    raise ValueError("is not a whole number, 0 or more; set one such as 5")


def _read_size(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return int(text)
    raise ValueError("is not a whole number above 0; set one such as 8")


def _read_bytes(text: str) -> int | None:
    if text.lower() in {"none", "null"}:
        return None
    try:
        return parse_bytes(text)
    except ValueError:
        raise ValueError("is not a size; set one such as 20GB, or none for no limit") from None


def _read_on_gaps(text: str) -> str:
    if text in ON_GAPS:
        return text
    raise ValueError(f"is not one of {', '.join(ON_GAPS)}")


def _read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


# Variable, section (none for the top level), field, and what makes a value of the text.
_VARIABLES: Final[tuple[tuple[str, str | None, str, Callable[[str], Any]], ...]] = (
    ("DSM_CACHE_DIR", "cache", "dir", str),
    ("DSM_CACHE_ENABLED", "cache", "enabled", _read_switch),
    ("DSM_CACHE_MAX_SIZE", "cache", "max_size", _read_bytes),
    ("DSM_OFFLINE", None, "offline", _read_switch),
    ("DSM_PROVIDER", "defaults", "provider", str),
    ("DSM_MARKET_TYPE", "defaults", "market_type", str),
    ("DSM_CHART_TYPE", "defaults", "chart_type", str),
    ("DSM_DEADLINE_S", "defaults", "deadline_s", _read_limit),
    ("DSM_MAX_WAIT_S", "defaults", "max_wait_s", _read_wait),
    ("DSM_ON_GAPS", "defaults", "on_gaps", _read_on_gaps),
    ("DSM_RETRY_COUNT", "http", "retry_count", _read_count),
    ("DSM_MAX_CONCURRENT", "http", "max_concurrent", _read_size),
    ("DSM_MAX_CONCURRENT_DOWNLOADS", "http", "max_concurrent_downloads", _read_size),
)
# Near enough to one of DSM's own to be a slip, and too far from those a user may have made.
_NEAR: Final = 0.9


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


def variables_by_key(env: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Name of the variable that is set for each key that one is set for."""
    return {
        (key,) if section is None else (section, key): name
        for name, section, key, _ in _VARIABLES
        if read_variable(env, name) is not None
    }


def misspelt_variables(env: Mapping[str, str], used: Collection[str]) -> list[Problem]:
    """A problem for each variable that is one of DSM's but for a slip.

    Parameters
    ----------
    env
        The environment.
    used
        Variables that the file refers to; they are no slips.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only a check asks

    known = ["DSM_CONFIG", *(name for name, *_ in _VARIABLES)]
    odd = [name for name in env if name.startswith("DSM_") and name not in {*known, *used}]
    close = {name: get_close_matches(name, known, n=1, cutoff=_NEAR) for name in sorted(odd)}
    return [
        Problem(LABEL, None, name, f"is no variable of DSM's (did you mean {near[0]!r}?)")
        for name, near in close.items()
        if near
    ]
