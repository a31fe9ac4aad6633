"""The series that a file's rows belong to: its schema and grid, and whether a provider knows it."""

from __future__ import annotations

from attrs import frozen

from dsm_core.config import ConfigSource
from dsm_core.errors import RequestError, UnsupportedChartTypeError, UnsupportedIntervalError
from dsm_core.fcp.finder import SeriesFinder
from dsm_core.model.grid import Grid
from dsm_core.model.names import ChartType, MarketType
from dsm_core.model.series import SeriesKey
from dsm_core.model.wording import listed_intervals
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.registry import default_registry
from dsm_core.plugins.schemas import schema_of
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["Pair", "Target", "target_of", "venue_symbol"]


@frozen
class Target:
    """A series that a provider serves.

    Parameters
    ----------
    key
        With every option, those that were left out too.
    schema
        Of its chart type.
    client_class
        Its first client.
    grid
        Where its bars open; None when unknown.
    """

    key: SeriesKey
    schema: ChartSchema
    client_class: type[DataClientInterface]
    grid: Grid | None


@frozen
class Pair:
    """An instrument as base and quote; ``settle`` is None on spot."""

    base: str
    quote: str
    settle: str | None = None

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}" + (f":{self.settle}" if self.settle else "")


def target_of(key: SeriesKey, config: ConfigSource = None) -> Target:
    """The series of a key, as its provider serves it.

    Parameters
    ----------
    key
        Options that it leaves out are the usual ones.
    config
        As for a manager; decides those, and what the clients are told.

    Raises
    ------
    RequestError, PluginError, ConfigError
        When no installed provider serves the market, chart type or interval, the symbol has not the
        market's form, or the configuration is wrong.
    """
    clients = _clients(key.provider, key.market_type, key.chart_type)
    clients[0].check_symbol(key.symbol)
    served = dict.fromkeys(interval for client in clients for interval in client.spec.intervals)
    if key.interval not in served and (key.interval or served):
        raise UnsupportedIntervalError(
            f"{key.market_type} {key.chart_type} has no interval {key.interval or ''!s}.",
            hint=f"It has: {listed_intervals(i for i in served if i is not None)}.",
        )
    if key.interval is None:
        return Target(key, schema_of(key), clients[0], None)
    series = SeriesFinder(config).series(key)
    return Target(series.key, series.schema, type(next(iter(series.clients.values()))), series.grid)


def venue_symbol(provider: str, market: MarketType, chart: ChartType, pair: Pair) -> str:
    """The venue's own name of a pair: both parts joined, or what the venue's form suggests.

    Raises
    ------
    RequestError
        When the market has no name of that form; name the series.
    """
    check = _clients(provider, market, chart)[0].check_symbol
    joined = f"{pair.base}{pair.quote}".upper()
    try:
        check(joined)
    except RequestError as error:
        suggested = error.details.get("suggestion")
        if not suggested:
            raise RequestError(
                f"{pair} is no symbol of {provider} {market}.", hint="Name the series with --series."
            ) from error
        check(suggested)
        return str(suggested)
    return joined


def _clients(provider: str, market: MarketType, chart: ChartType) -> list[type[DataClientInterface]]:
    found = default_registry.provider(provider)
    clients = list(found.clients_for(market, chart).values())
    if not clients:
        known = dict.fromkeys(f"{c.spec.market_type} {c.spec.chart_type}" for c in found.clients)
        raise UnsupportedChartTypeError(
            f"Provider {provider!r} has no {chart!s} of {market!s}.", hint=f"It has: {', '.join(known)}."
        )
    return clients
