"""The providers of a process: installed ones, loaded when asked for, and those made at run time."""

from __future__ import annotations

import threading
from typing import Any

from attrs import evolve

from dsm_core.errors import PluginContractError, ProviderNotFoundError
from dsm_core.model.names import ChartType, DataSource, MarketType, OpenName
from dsm_core.plugins.discovery import LoadedPlugin, find_provider, installed_providers, load_plugin
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.provider import Provider, check_client_class

__all__ = ["DataProvider", "Registry", "default_registry"]


class Registry:
    """Providers by name; installed ones are imported at first use."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._loaded: dict[str, LoadedPlugin] = {}
        self._made: dict[str, Provider] = {}

    def names(self) -> tuple[str, ...]:
        """Names of every installed or registered provider, sorted; imports nothing."""
        return tuple(sorted({p.name for p in installed_providers()} | set(self._made)))

    def provider(self, name: str) -> Provider:
        """Description of a provider, with clients registered at run time.

        Raises
        ------
        ProviderNotFoundError, PluginError
            See :func:`~dsm_core.plugins.discovery.find_provider` and ``load_plugin``.
        """
        with self._lock:
            if name in self._made:
                return self._made[name]
            loaded: Provider = self._load(name).provider
            return loaded

    def observer(self, name: str) -> Any:
        """The provider's event hook, or None."""
        with self._lock:
            loaded = self._loaded.get(name)
            return loaded.observe if loaded else None

    def register(
        self,
        name: str,
        client_class: type[DataClientInterface],
        *,
        market_type: str,
        chart_type: str,
        source: str | None = None,
    ) -> None:
        """Add a client to a provider, or begin a provider with it.

        Raises
        ------
        RequestError
            When the name is ill-formed.
        PluginContractError
            When the class is no client, is declared for another place than its own ``spec`` says,
            or the provider has one for that place already.
        """
        name = DataProvider(name).value
        check_client_class(client_class, name)
        spec = client_class.spec
        said = (MarketType(market_type), ChartType(chart_type), DataSource(source or spec.source))
        if said != (spec.market_type, spec.chart_type, spec.source):
            raise PluginContractError(
                f"{client_class.__name__} serves {spec.chart_type} of {spec.market_type} "
                f"from {spec.source!s}.",
                hint=f"Register it as that, not as {' '.join(map(str, said))}.",
                provider=name,
            )
        with self._lock:
            try:
                known = self.provider(name)
            except ProviderNotFoundError:
                known = Provider(name=name, clients=(), sources=(str(spec.source),))
            if str(spec.source) in known.clients_for(spec.market_type, spec.chart_type):
                raise PluginContractError(
                    f"Provider {name!r} already serves {spec.chart_type} of {spec.market_type} "
                    f"from {spec.source!s}.",
                    hint="Register it as another source, or unregister the first.",
                    provider=name,
                )
            sources = known.sources if spec.source in known.sources else (*known.sources, str(spec.source))
            self._made[name] = evolve(known, clients=(*known.clients, client_class), sources=sources)

    def unregister(self, name: str) -> None:
        """Forget what was registered for a provider at run time."""
        with self._lock:
            self._made.pop(name, None)

    def _load(self, name: str) -> LoadedPlugin:
        if name not in self._loaded:
            self._loaded[name] = load_plugin(find_provider(name, installed_providers()))
        return self._loaded[name]


default_registry = Registry()


class _InstalledNames(type):
    """Makes installed providers attributes: ``DataProvider.BINANCE``."""

    def __getattr__(cls, attribute: str) -> DataProvider:
        if attribute.startswith("_") or not attribute.isupper():
            raise AttributeError(attribute)
        name = attribute.lower()
        if name in default_registry.names():
            return DataProvider(name)
        try:
            find_provider(name, installed_providers())
        except ProviderNotFoundError as error:
            raise AttributeError(str(error)) from error
        raise AttributeError(attribute)


class DataProvider(OpenName, metaclass=_InstalledNames):
    """Name of a provider; installed ones are attributes, ``DataProvider.BINANCE``."""

    __slots__ = ()
