"""A whole provider in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import field, frozen

from dsm_core.errors import PluginContractError
from dsm_core.model.names import ChartType, MarketType
from dsm_core.net import Limit
from dsm_core.plugins.context import ClientContext
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.spec import ClientSpec

__all__ = ["PLUGIN_API", "Provider", "SymbolInfo", "check_client_class"]

PLUGIN_API: Final = 1


@frozen(kw_only=True)
class SymbolInfo:
    """What is known of one symbol; None where nobody says.

    Parameters
    ----------
    symbol, base, quote, contract_type, status
        In the venue's own words.
    listed_at, delisted_at
        First instant, inclusive, and end, exclusive, UTC.
    trades
        Whether the venue lists it as alive.
    sources
        Who told ``status``, ``listed_at``, ``delisted_at``.
    """

    symbol: str
    base: str | None = None
    quote: str | None = None
    contract_type: str | None = None
    status: str | None = None
    listed_at: datetime | None = None
    delisted_at: datetime | None = None
    trades: bool = True
    sources: Mapping[str, str] = field(factory=dict)


def _clients(values: Iterable[type[DataClientInterface]]) -> tuple[type[DataClientInterface], ...]:
    return tuple(values)


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def _limits(values: Iterable[Limit]) -> tuple[Limit, ...]:
    return tuple(values)


SymbolsFn = Callable[[ClientContext, MarketType], Awaitable[Sequence[SymbolInfo]]]
ServerTimeFn = Callable[[ClientContext, MarketType], Awaitable[int]]


def check_client_class(value: Any, provider: str) -> None:
    """Refuse what is no client class, or one that does not say what it serves.

    Raises
    ------
    PluginContractError
        Naming the provider and the class.
    """
    if not (isinstance(value, type) and issubclass(value, DataClientInterface)):
        what, hint = "is no client class", "Subclass DataClientInterface."
    elif not isinstance(getattr(value, "spec", None), ClientSpec):
        what, hint = "has no spec", "Set the class attribute spec to a ClientSpec."
    else:
        return
    raise PluginContractError(f"Provider {provider!r}: {value!r} {what}.", hint=hint, provider=provider)


@frozen(kw_only=True)
class Provider:
    """Everything core needs to know of a provider.

    Parameters
    ----------
    name
        As in the entry point.
    api
        Version of the plugin API it was written for.
    clients
        Client classes, one per market, chart type and source.
    config
        attrs class of its section of the configuration; its ``endpoints`` attribute maps endpoint
        keys to a tuple of URLs.
    sources
        Source names in the order of the protocol.
    limits
        Rate limits of the venue's pools.
    symbols
        Coroutine that lists the symbols a market has today; cheap, for close matches.
    universe
        Coroutine that lists every symbol a market ever had, with first and last days.
    server_time
        Coroutine that gives the venue's clock in UTC nanoseconds.
    """

    name: str
    api: int = PLUGIN_API
    clients: tuple[type[DataClientInterface], ...] = field(converter=_clients)
    config: type[Any] | None = None
    sources: tuple[str, ...] = field(converter=_names)
    limits: tuple[Limit, ...] = field(converter=_limits, default=())
    symbols: SymbolsFn | None = None
    universe: SymbolsFn | None = None
    server_time: ServerTimeFn | None = None

    def __attrs_post_init__(self) -> None:
        for client in self.clients:
            check_client_class(client, self.name)
            if client.spec.source not in self.sources:
                raise PluginContractError(
                    f"Provider {self.name!r}: {client.__name__} serves {client.spec.source!s}, "
                    "which sources lacks.",
                    hint=f"Add it to sources={self.sources!r}.",
                )

    @property
    def market_types(self) -> tuple[MarketType, ...]:
        """Markets with at least one client, in order of declaration."""
        return tuple(dict.fromkeys(c.spec.market_type for c in self.clients))

    def clients_for(
        self, market_type: MarketType, chart_type: ChartType
    ) -> Mapping[str, type[DataClientInterface]]:
        """Client classes by source, in the order of ``sources``."""
        found = {
            str(c.spec.source): c
            for c in self.clients
            if c.spec.market_type == market_type and c.spec.chart_type == chart_type
        }
        return {source: found[source] for source in self.sources if source in found}
