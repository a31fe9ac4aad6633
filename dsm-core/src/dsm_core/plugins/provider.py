"""A whole provider in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs
from attrs import field, frozen

from dsm_core.errors import PluginContractError, RequestError
from dsm_core.model.names import ChartType, MarketType, OpenName
from dsm_core.net import Limit
from dsm_core.plugins.auth import Authenticator
from dsm_core.plugins.context import ClientContext
from dsm_core.plugins.contract import check_client_class, check_places, check_pools
from dsm_core.plugins.interface import DataClientInterface

__all__ = ["PLUGIN_API", "Provider", "SymbolInfo"]

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


def _tuple(values: Any) -> Any:
    """Whatever can be gone through, as a tuple; one text is one name."""
    if isinstance(values, str):
        return (values,)
    return tuple(values) if isinstance(values, Iterable) else values


SymbolsFn = Callable[[ClientContext, MarketType], Awaitable[Sequence[SymbolInfo]]]
ServerTimeFn = Callable[[ClientContext, MarketType], Awaitable[int]]
CheckFn = Callable[[ClientContext], Awaitable[object]]


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
        Source names in the order of the protocol; when left out, those of the clients as they come.
    limits
        Rate limits of the venue's pools.
    symbols
        Coroutine that lists the symbols a market has today; cheap, for close matches.
    universe
        Coroutine that lists every symbol a market ever had, with first and last days.
    server_time
        Coroutine that gives the venue's clock in UTC nanoseconds.
    check
        Coroutine that tries the credentials, for ``dsm doctor``: it returns where they serve, with a
        text where its user should know something besides, and raises a
        :class:`~dsm_core.errors.DSMError` where they do not.
    auth
        How its user logs in, for ``dsm auth``; None where nobody logs in.

    Raises
    ------
    PluginContractError
        When a value is wrong: the message names it, and the client class where it is a class's.
    """

    name: str
    api: int = PLUGIN_API
    clients: tuple[type[DataClientInterface], ...] = field(converter=_tuple)
    config: type[Any] | None = None
    sources: tuple[str, ...] = field(converter=_tuple, default=())
    limits: tuple[Limit, ...] = field(converter=_tuple, default=())
    symbols: SymbolsFn | None = None
    universe: SymbolsFn | None = None
    server_time: ServerTimeFn | None = None
    check: CheckFn | None = None
    auth: Authenticator | None = None

    def __attrs_post_init__(self) -> None:
        if self.api != PLUGIN_API:
            # Whatever else seems wrong may be right in the version it was written for.
            return
        self._check_values()
        for client in self.clients:
            check_client_class(client, self.name)
        check_places(self.clients, self.name)
        check_pools(self.clients, self.name, (limit.pool for limit in self.limits))
        if not self.sources:
            found = dict.fromkeys(str(client.spec.source) for client in self.clients)
            object.__setattr__(self, "sources", tuple(found))
        self._check_sources()

    def _check_values(self) -> None:
        try:
            named = OpenName(self.name)
        except RequestError as error:
            raise PluginContractError(f"A Provider has the name {self.name!r}.", hint=error.hint) from error
        if named != self.name:
            raise self._error(f"has a name that is not {named.value!r}", "Write it in lower case.")
        if not isinstance(self.clients, tuple) or not self.clients:
            raise self._error(f"has clients={self.clients!r}", "List at least one client class.")
        if self.config is not None and not (isinstance(self.config, type) and attrs.has(self.config)):
            raise self._error(f"has config={self.config!r}", "Give a class decorated with attrs.frozen.")
        for limit in self.limits:
            if not isinstance(limit, Limit):
                raise self._error(f"has {limit!r} in limits", "Use dsm_core.net.Limit.")
        for name in ("symbols", "universe", "server_time", "check"):
            if getattr(self, name) is not None and not callable(getattr(self, name)):
                raise self._error(f"has {name}={getattr(self, name)!r}", "Give a coroutine function.")
        if self.auth is not None and not isinstance(self.auth, Authenticator):
            raise self._error(f"has auth={self.auth!r}", "Give an instance of a subclass of Authenticator.")

    def _check_sources(self) -> None:
        if not all(isinstance(s, str) for s in self.sources) or len(set(self.sources)) != len(self.sources):
            raise self._error(f"has sources={self.sources!r}", "Name each source once.")
        for client in self.clients:
            if client.spec.source not in self.sources:
                raise self._error(
                    f"has {client.__name__}, which serves {client.spec.source!s}, not in sources",
                    f"Add it to sources={self.sources!r}.",
                )

    def _error(self, what: str, hint: str) -> PluginContractError:
        return PluginContractError(f"Provider {self.name!r} {what}.", hint=hint, provider=self.name)

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
