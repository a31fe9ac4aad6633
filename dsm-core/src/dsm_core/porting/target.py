"""The series that a file's rows belong to: its schema and grid, and whether a provider knows it."""

from __future__ import annotations

from attrs import frozen

from dsm_core.errors import RequestError, UnsupportedChartTypeError, UnsupportedIntervalError
from dsm_core.model.grid import Grid
from dsm_core.model.names import ChartType, MarketType
from dsm_core.model.series import SeriesKey
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.registry import default_registry
from dsm_core.plugins.schemas import schema_of
from dsm_core.schema.chart_type import ChartSchema

__all__ = ["Pair", "Target", "target_of", "venue_symbol"]


@frozen
class Target:
    """A series that a provider serves; ``client_class`` is its first client."""

    key: SeriesKey
    schema: ChartSchema
    client_class: type[DataClientInterface]

    @property
    def grid(self) -> Grid | None:
        """Where its bars open."""
        return None if self.key.interval is None else self.client_class.spec.grid(self.key.interval)


@frozen
class Pair:
    """An instrument as base and quote; ``settle`` is None on spot."""

    base: str
    quote: str
    settle: str | None = None

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}" + (f":{self.settle}" if self.settle else "")


def target_of(key: SeriesKey) -> Target:
    """The series of a key, as its provider serves it.

    Raises
    ------
    RequestError, PluginError
        When no installed provider serves the market, chart type or interval, or the symbol has not
        the market's form.
    """
    clients = _clients(key.provider, key.market_type, key.chart_type)
    clients[0].check_symbol(key.symbol)
    served = dict.fromkeys(interval for client in clients for interval in client.spec.intervals)
    if key.interval not in served and (key.interval or served):
        raise UnsupportedIntervalError(
            f"{key.market_type} {key.chart_type} has no interval {key.interval or ''!s}.",
            hint=f"It has: {', '.join(map(str, served))}.",
        )
    first = next(c for c in clients if key.interval in c.spec.intervals or not served)
    return Target(key, schema_of(key), first)


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
