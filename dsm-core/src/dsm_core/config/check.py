"""Everything wrong in a configuration: its keys, the providers' sections, and names nobody answers to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from dsm_core.config.environment import LABEL, misspelt_variables
from dsm_core.config.loader import ConfigSource, Layers, read_layers
from dsm_core.config.model import DSMConfig, ProviderSection
from dsm_core.config.placeholders import placeholder_names
from dsm_core.config.problem import Problem, in_order
from dsm_core.errors import ConfigError, PluginContractError, RequestError

__all__ = ["Offer", "check_config"]


@frozen(kw_only=True)
class Offer:
    """What a provider serves, for the check of ``defaults``.

    Parameters
    ----------
    market_types, chart_types
        Names in their usual form.
    """

    market_types: frozenset[str]
    chart_types: frozenset[str]


def check_config(
    config: ConfigSource,
    sections: Mapping[str, type | None],
    *,
    offers: Mapping[str, Offer | None] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> list[Problem]:
    """Everything wrong in a configuration, providers' sections included; empty when it is right.

    Parameters
    ----------
    config
        As for `load_config`.
    sections
        Settings class by name of each installed provider; ``None`` for one without settings.
    offers
        What each of them serves, ``None`` for one of which that is unknown. Without it the defaults of
        market and chart type are taken as they are.
    env, cwd
        As for `load_config`.
    """
    try:
        layers = read_layers(config, env, cwd)
    except ConfigError as error:
        return [Problem(**problem) for problem in error.details["problems"]]
    problems = list(layers.problems)
    for name, section in layers.config.providers.items():
        problems += _check_section(section, name, sections)
    problems += _Defaults(layers, sections, {} if offers is None else offers).problems()
    used = placeholder_names(None if layers.document is None else layers.document.data)
    problems += misspelt_variables(layers.env, used)
    return in_order(problems)


def _check_section(section: ProviderSection, name: str, sections: Mapping[str, type | None]) -> list[Problem]:
    from dsm_core.config.mistakes import did_you_mean  # noqa: PLC0415 - imports difflib

    if name in sections:
        try:
            return section.check(sections[name] or _NoSettings)
        except PluginContractError as error:
            # Its author's mistake; the section's other readers would meet it as well.
            message = str(error)
    else:
        message = f"no installed provider has this name{did_you_mean(name, sections)}"
    return [Problem(section.file, section.positions.get(()), f"providers.{name}", message)]


@frozen
class _NoSettings:
    """Settings class of a provider that has none."""


_Usual = Callable[[str], str]


def _usual_market(name: str) -> str:
    from dsm_core.model.names import MarketType  # noqa: PLC0415 - most configurations name none

    return str(MarketType(name))


def _usual_chart(name: str) -> str:
    from dsm_core.model.names import ChartType  # noqa: PLC0415 - most configurations name none

    return str(ChartType(name))


_KINDS: Final[tuple[tuple[str, str, _Usual], ...]] = (
    ("market_type", "market", _usual_market),
    ("chart_type", "chart type", _usual_chart),
)


@frozen
class _Defaults:
    """Whether somebody answers to the names under ``defaults``."""

    layers: Layers
    sections: Mapping[str, type | None]
    offers: Mapping[str, Offer | None]

    def problems(self) -> list[Problem]:
        named = self._value("provider")
        if named is not None and named not in self.sections:
            return [self._problem("provider", self._unknown(named))]
        asked = list(self.sections) if named is None else [named]
        found = []
        for key, word, usual in _KINDS:
            value = self._value(key)
            message = None if value is None else self._refusal(value, key, word, usual, asked)
            if message is not None:
                found.append(self._problem(key, message))
        return found

    def _value(self, key: str) -> str | None:
        config: DSMConfig = self.layers.config
        value: str | None = getattr(config.defaults, key)
        if value is not None or self.layers.document is None:
            return value
        # A mistake elsewhere hides the whole section; what is written can still be read.
        section = self.layers.document.data.get("defaults")
        written = section.get(key) if isinstance(section, Mapping) else None
        return written if isinstance(written, str) and not placeholder_names(written) else None

    def _refusal(self, value: str, key: str, word: str, usual: _Usual, asked: Iterable[str]) -> str | None:
        from dsm_core.config.mistakes import did_you_mean  # noqa: PLC0415 - imports difflib

        try:
            name = usual(value)
        except RequestError as error:
            return str(error)
        served: dict[str, frozenset[str]] = {}
        for provider in asked:
            offer = self.offers.get(provider)
            if offer is None:
                return None
            served[provider] = getattr(offer, f"{key}s")
        known = sorted(frozenset().union(*served.values()))
        if name in known or not served:
            return None
        have = f"{next(iter(served))} has" if len(served) == 1 else "installed providers have"
        return f"no {word} is called {value!r}{did_you_mean(value, known)}; {have} {', '.join(known)}"

    def _unknown(self, name: str) -> str:
        from dsm_core.config.mistakes import did_you_mean  # noqa: PLC0415 - imports difflib

        installed = ", ".join(sorted(self.sections)) or "none"
        hint = did_you_mean(name, self.sections)
        return f"no installed provider is called {name!r}{hint}; installed: {installed}"

    def _problem(self, key: str, message: str) -> Problem:
        variable = self.layers.variables.get(("defaults", key))
        if variable is not None:
            return Problem(LABEL, None, variable, message)
        if self.layers.document is None:
            return Problem("config", None, f"defaults.{key}", message)
        return self.layers.document.problem(("defaults", key), message)
