"""What is refused before anything is looked at: intervals, sources, options and columns nobody has."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from dsm_core.config import AgreementConfig
from dsm_core.errors import (
    ConfigError,
    PluginError,
    ProviderNotFoundError,
    RequestError,
    UnsupportedChartTypeError,
    UnsupportedIntervalError,
)
from dsm_core.fcp.request import Request
from dsm_core.fcp.series import Series
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, DataSource, MarketType
from dsm_core.model.wording import listed_intervals
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.options import OptionKind, read_options
from dsm_core.plugins.provider import Provider
from dsm_core.plugins.registry import Registry
from dsm_core.schema.chart_type import CHART_TYPES

__all__ = [
    "check_columns",
    "check_source",
    "check_tolerances",
    "reading",
    "serving",
    "unserved",
    "usual_provider",
]


def usual_provider(names: tuple[str, ...], configured: str | None) -> str:
    """The provider of a call that names none: the configured one, else the only one there is.

    Raises
    ------
    ProviderNotFoundError
        When there is none, or the configured one is not among them.
    RequestError
        When there are several.
    """
    if configured and names and configured not in names:
        raise ProviderNotFoundError(
            f"The configuration's defaults.provider is {configured!r}, which is not among "
            f"the providers there are: {', '.join(names)}.",
            hint="Pass provider= one of them, or change defaults.provider.",
            provider=configured,
        )
    if configured or len(names) == 1:
        return configured or names[0]
    if not names:
        raise ProviderNotFoundError(
            "No provider is installed.",
            hint="They come as packages, usually called dsm-<provider>: pip install one.",
        )
    raise RequestError(
        "Several providers are installed and none was named.",
        hint=f"Pass provider= one of {', '.join(names)}, or set defaults.provider.",
    )


def check_tolerances(agreement: AgreementConfig, registry: Registry) -> None:
    """Refuse configured tolerances of columns that no chart type has; one that only some have is meant.

    Raises
    ------
    ConfigError
        Naming the column, and those that there are.
    """
    told = {n: f"agreement.{part}" for part in ("absolute", "relative") for n in getattr(agreement, part)}
    if not told.keys() - _numbers():
        return
    for name in registry.names():
        try:
            # Providers bring chart types of their own, once they are loaded.
            registry.provider(name)
        except PluginError:
            return
    known = _numbers()
    for column in told.keys() - known:
        close = get_close_matches(column, known, n=1)
        guess = f"Did you mean {close[0]!r}? " if close else ""
        raise ConfigError(
            f"{told[column]} names {column!r}, and no chart type has such a column of numbers.",
            hint=f"{guess}There are: {', '.join(sorted(known))}.",
            column=column,
        )


def _numbers() -> set[str]:
    """Columns that have a distance, of every chart type that is known by now."""
    columns = (column for schema in tuple(CHART_TYPES.values()) for column in schema.columns)
    return {column.name for column in columns if column.dtype in ("float64", "int64", "time")}


def unserved(provider: Provider, market: MarketType, chart: ChartType) -> UnsupportedChartTypeError:
    """The error of a chart type that the provider has no client for."""
    has = sorted({c.spec.chart_type for c in provider.clients if c.spec.market_type == market})
    close = get_close_matches(chart.value, has, n=1)
    guess = f"Did you mean {str(close[0])!r}? " if close else ""
    return UnsupportedChartTypeError(
        f"Provider {provider.name!r} has no {chart.value!r} of {market.value!r}.",
        hint=f"{guess}It has: {', '.join(has)}; `dsm providers` lists what is installed.",
        chart_type=chart.value,
        market_type=market.value,
    )


def serving(
    classes: Mapping[str, type[DataClientInterface]], request: Request
) -> Mapping[str, type[DataClientInterface]]:
    """The clients that have the interval; a source may have fewer than another."""
    served = {
        source: cls
        for source, cls in classes.items()
        if request.interval in cls.spec.intervals or not (request.interval or cls.spec.intervals)
    }
    if served:
        return served
    spec = next(iter(classes.values())).spec
    known = dict.fromkeys(i for cls in classes.values() for i in cls.spec.intervals)
    series = f"{spec.market_type} {spec.chart_type}"
    wrong = f"{series} has no bars of the interval {request.interval!s}."
    if request.interval is None:
        wrong = f"{series} needs an interval."
    elif request.interval == Interval.SECOND_1:
        wrong = f"{series} has no bars of 1s, which is what a call without an interval asks for."
    raise UnsupportedIntervalError(
        wrong,
        hint=f"Give one of: {listed_intervals(known)}." if known else "It has no interval; give none.",
        interval=None if request.interval is None else str(request.interval),
    )


def check_source(request: Request, served: tuple[str, ...]) -> None:
    """Refuse a source that the series does not have."""
    if request.source not in (DataSource.AUTO, DataSource.CACHE, *served):
        raise RequestError(
            f"There is no source {request.source.value!r}.",
            hint=f"Use one of auto, cache, {', '.join(served)}.",
            source=request.source.value,
        )


def reading(
    classes: Mapping[str, type[DataClientInterface]], request: Request, defaults: Mapping[str, Any]
) -> tuple[Mapping[str, type[DataClientInterface]], dict[str, Any]]:
    """The clients that read every option of the request, and the options' values.

    Options that it leaves out have their ``defaults``. A source that does not read a given one has rows
    of another variant, so it is not asked.

    Raises
    ------
    RequestError
        For an option that nobody reads, a value it does not take, or options that no one source reads
        together.
    """
    kinds: dict[str, OptionKind] = {}
    for cls in reversed(list(classes.values())):
        kinds |= cls.spec.options
    values = read_options({**defaults, **request.options}, kinds)
    given = request.options.keys()
    able = {source: cls for source, cls in classes.items() if given <= cls.spec.options.keys()}
    enforced = request.source.value
    if not able or (enforced in classes and enforced not in able):
        told = [f"{source} reads {', '.join(cls.spec.options) or 'none'}" for source, cls in classes.items()]
        who = f"Source {enforced!r} does not read" if able else "No source reads"
        raise RequestError(
            f"{who} the option{'s' * (len(given) > 1)} {' and '.join(map(repr, sorted(given)))}.",
            hint=f"{'; '.join(told)}.",
        )
    return able, values


def check_columns(request: Request, series: Series) -> None:
    """Refuse columns that the schema does not have, or that are named twice."""
    names = series.schema.column_names
    asked = request.columns or ()
    for column in asked:
        if column not in names:
            close = get_close_matches(str(column), names, n=1)
            guess = f"Did you mean {close[0]!r}? " if close else ""
            raise RequestError(
                f"{series.schema.name} has no column {column!r}.",
                hint=f"{guess}It has: {', '.join(names)}.",
                column=str(column),
            )
    if len(set(asked)) != len(asked):
        raise RequestError(f"columns={list(asked)} names one twice.", hint="Name each once.")
