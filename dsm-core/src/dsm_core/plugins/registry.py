"""The providers of a process: installed ones, loaded when asked for, and those made at run time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve, frozen

from dsm_core.errors import PluginContractError
from dsm_core.model.names import ChartType, DataSource, MarketType, NameMeta, OpenName
from dsm_core.plugins.contract import check_chart_types, check_client_class
from dsm_core.plugins.discovery import InstalledProvider, find_provider, installed_providers, not_installed
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.observers import HookObserver, load_observers
from dsm_core.plugins.provider import Provider
from dsm_core.schema.chart_type import CHART_TYPES

if TYPE_CHECKING:
    from dsm_core.plugins.loading import LoadedPlugin

__all__ = ["DataProvider", "Registry", "default_registry"]


@frozen(eq=False)
class _Addition:
    """A client that was registered at run time; ``scoped`` ones end with their block."""

    client: type[DataClientInterface]
    scoped: bool = False


class Registry:
    """Providers by name; installed ones are imported at first use.

    Safe to use from many threads.

    Parameters
    ----------
    installed
        Gives what is installed; :meth:`of` makes a registry that sees no installed provider.
    observers
        Gives the packages that watch every manager; for :meth:`of` there are none.

    Examples
    --------
    >>> Registry.of().names()
    ()
    """

    def __init__(
        self,
        installed: Callable[[], Iterable[InstalledProvider]] = installed_providers,
        observers: Callable[[], Iterable[HookObserver]] = load_observers,
    ) -> None:
        self._installed = installed
        self.observers = observers
        self._lock = threading.RLock()
        self._loaded: dict[str, LoadedPlugin] = {}
        self._whole: dict[str, Provider] = {}
        self._added: dict[str, tuple[_Addition, ...]] = {}
        self._made: dict[str, Provider] = {}

    @classmethod
    def of(cls, *providers: Provider) -> Self:
        """A registry that knows these providers and nothing that is installed."""
        registry = cls(installed=tuple, observers=tuple)
        for provider in providers:
            registry.add(provider)
        return registry

    def names(self) -> tuple[str, ...]:
        """Names of every installed or registered provider, sorted; imports nothing."""
        with self._lock:
            made = {*self._whole, *self._added}
        return tuple(sorted({p.name for p in self._installed()} | made))

    def provider(self, name: str) -> Provider:
        """Description of a provider, with clients registered at run time.

        Raises
        ------
        ProviderNotFoundError, PluginError
            See :func:`~dsm_core.plugins.discovery.find_provider` and ``load_plugin``.
        """
        with self._lock:
            if name not in self._added:
                return self._whole[name] if name in self._whole else self._load(name).provider
            if name not in self._made:
                self._made[name] = self._joined(name, self._added[name])
            return self._made[name]

    def observer(self, name: str) -> HookObserver | None:
        """The provider's event hook, or None."""
        with self._lock:
            loaded = self._loaded.get(name)
            return HookObserver.of(loaded.observe) if loaded and loaded.observe else None

    def add(self, provider: Provider) -> None:
        """Add a whole provider.

        Raises
        ------
        PluginContractError
            When its name is taken, or a client's spec does not fit its chart type.
        """
        check_chart_types(provider.clients, provider.name, CHART_TYPES)
        with self._lock:
            if provider.name in self.names():
                raise PluginContractError(
                    f"There is a provider {provider.name!r} already.",
                    hint="Choose another name, or register the clients one by one.",
                    provider=provider.name,
                )
            self._whole[provider.name] = provider

    def register(
        self,
        name: str,
        client_class: type[DataClientInterface],
        *,
        market_type: str | None = None,
        chart_type: str | None = None,
        source: str | None = None,
    ) -> None:
        """Add a client to a provider, or begin a provider with it.

        Parameters
        ----------
        name
            The provider's; it need not be installed.
        client_class
            The client.
        market_type, chart_type, source
            What it serves, where that is to be said here; must agree with its ``spec``.

        Raises
        ------
        RequestError
            When the name is ill-formed.
        PluginContractError
            When the class is no client or its spec cannot be kept, it is declared for another place
            than its ``spec`` says, or the provider has one for that place already.
        """
        self._enter(name, client_class, (market_type, chart_type, source), scoped=False)

    def unregister(
        self,
        name: str,
        *,
        market_type: str | None = None,
        chart_type: str | None = None,
        source: str | None = None,
    ) -> None:
        """Forget what was registered at run time for a provider, or for one part of it.

        Parameters
        ----------
        name
            The provider's.
        market_type, chart_type, source
            Forget only clients of these; a provider given whole to :meth:`add` goes when all are left
            out. What is installed stays.
        """
        market = None if market_type is None else MarketType(market_type)
        chart = None if chart_type is None else ChartType(chart_type)
        origin = None if source is None else DataSource(source)

        def goes(addition: _Addition) -> bool:
            spec = addition.client.spec
            asked = ((market, spec.market_type), (chart, spec.chart_type), (origin, spec.source))
            return all(wanted in (None, has) for wanted, has in asked)

        with self._lock:
            self._keep(name, tuple(a for a in self._added.get(name, ()) if not goes(a)))
            if market is None and chart is None and origin is None:
                self._whole.pop(name, None)

    @contextmanager
    def registered(
        self,
        name: str,
        client_class: type[DataClientInterface],
        *,
        market_type: str | None = None,
        chart_type: str | None = None,
        source: str | None = None,
    ) -> Iterator[Provider]:
        """Have a client registered for a block; takes what :meth:`register` takes.

        When the block ends, the provider has what it had before, whatever was registered or
        unregistered for it meanwhile. Blocks of other threads keep their own clients.

        Yields
        ------
        Provider
            With the client.
        """
        with self._lock:
            before = tuple(a for a in self._added.get(name, ()) if not a.scoped)
            whole = self._whole.get(name)
            mine = self._enter(name, client_class, (market_type, chart_type, source), scoped=True)
        try:
            yield self.provider(name)
        finally:
            with self._lock:
                others = tuple(a for a in self._added.get(name, ()) if a.scoped and a is not mine)
                self._keep(name, (*before, *others))
                if whole is not None:
                    self._whole[name] = whole

    def _enter(
        self,
        name: str,
        client_class: type[DataClientInterface],
        said: tuple[str | None, str | None, str | None],
        *,
        scoped: bool,
    ) -> _Addition:
        name = DataProvider(name).value
        check_client_class(client_class, name)
        _check_said(client_class, name, said)
        check_chart_types([client_class], name, CHART_TYPES)
        addition = _Addition(client_class, scoped)
        with self._lock:
            additions = (*self._added.get(name, ()), addition)
            # Tried before it is kept, so that a refused client leaves no trace.
            made = self._joined(name, additions)
            self._keep(name, additions)
            self._made[name] = made
        return addition

    def _keep(self, name: str, additions: tuple[_Addition, ...]) -> None:
        self._made.pop(name, None)
        if additions:
            self._added[name] = additions
        else:
            self._added.pop(name, None)

    def _joined(self, name: str, additions: Iterable[_Addition]) -> Provider:
        clients = tuple(a.client for a in additions)
        new = tuple(dict.fromkeys(str(client.spec.source) for client in clients))
        if name not in self._whole and not any(p.name == name for p in self._installed()):
            return Provider(name=name, clients=clients, sources=new)
        known = self._whole[name] if name in self._whole else self._load(name).provider
        sources = (*known.sources, *(s for s in new if s not in known.sources))
        return evolve(known, clients=(*known.clients, *clients), sources=sources)

    def _load(self, name: str) -> LoadedPlugin:
        if name not in self._loaded:
            from dsm_core.plugins.loading import load_plugin  # noqa: PLC0415 - brings the plugin machinery

            installed = tuple(self._installed())
            if not any(p.name == name for p in installed):
                raise not_installed(name, self.names())
            self._loaded[name] = load_plugin(find_provider(name, installed))
        return self._loaded[name]


def _check_said(
    client: type[DataClientInterface], provider: str, said: tuple[str | None, str | None, str | None]
) -> None:
    spec = client.spec
    has = (spec.market_type, spec.chart_type, spec.source)
    kinds = (MarketType, ChartType, DataSource)
    named = tuple(
        kind(text) if text is not None else own for kind, text, own in zip(kinds, said, has, strict=True)
    )
    if named != has:
        raise PluginContractError(
            f"{client.__name__} serves {spec.chart_type} of {spec.market_type} from {spec.source!s}.",
            hint=f"Register it as that, not as {named[1]} of {named[0]} from {named[2]}.",
            provider=provider,
        )


default_registry = Registry()


class _ProviderMeta(NameMeta):
    """Makes installed providers attributes: ``DataProvider.BINANCE``."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_") or not attribute.isupper():
            return super().__getattr__(attribute)
        names = default_registry.names()
        if attribute.lower() in names:
            return self(attribute.lower())
        error = not_installed(attribute.lower(), names)
        raise AttributeError(str(error), name=attribute, obj=self) from error


class DataProvider(OpenName, metaclass=_ProviderMeta):
    """Name of a provider; installed ones are attributes, ``DataProvider.BINANCE``."""

    __slots__ = ()
