"""Clients made and registered at run time: what entry points do at install time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from dsm_core.manager import DataSourceManager
from dsm_core.model.interval import Interval
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.provider import Provider
from dsm_core.plugins.registry import default_registry

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BoundClient", "DataClientFactory"]


def _interval(value: str | None) -> Interval | None:
    return None if value is None else Interval(value)


@frozen(kw_only=True)
class BoundClient:
    """One client of one series, ready to fetch; it neither reads nor writes the cache."""

    provider: str
    market_type: str
    chart_type: str
    symbol: str
    interval: Interval | None = field(converter=_interval)
    source: str | None = None
    options: Mapping[str, Any] = field(factory=dict)
    config: Any = None

    def fetch(self, start_time: datetime, end_time: datetime) -> pd.DataFrame:
        """Frame of ``start_time <= index < end_time`` in the chart type's schema.

        Raises
        ------
        DSMError
            As :meth:`dsm_core.DataSourceManager.get_data`.
        """
        with DataSourceManager(
            self.market_type, self.provider, self.chart_type, use_cache=False, config=self.config
        ) as manager:
            return manager.get_data(
                self.symbol,
                start_time,
                end_time,
                self.interval,
                inclusive="left",
                enforce_source=self.source or "auto",
                options=self.options,
                on_gaps="ignore",
            )


class DataClientFactory:
    """Registers clients for this process, and makes one by name."""

    @staticmethod
    def register_client(
        *,
        provider: str,
        client_class: type[DataClientInterface],
        market_type: str | None = None,
        chart_type: str | None = None,
        source: str | None = None,
    ) -> None:
        """Add a client to a provider, or begin a provider with it.

        Parameters
        ----------
        provider
            Its name; it need not be installed.
        client_class
            The client.
        market_type, chart_type, source
            What it serves; may be left out, and must agree with the class's own ``spec``.

        Raises
        ------
        PluginContractError
            When they do not agree, the class is no client, its spec cannot be kept, or its place is
            taken.
        """
        default_registry.register(
            provider, client_class, market_type=market_type, chart_type=chart_type, source=source
        )

    @staticmethod
    def unregister(
        provider: str,
        *,
        market_type: str | None = None,
        chart_type: str | None = None,
        source: str | None = None,
    ) -> None:
        """Forget what was registered for a provider in this process.

        Parameters
        ----------
        provider
            Its name; one that is not registered is no error.
        market_type, chart_type, source
            Forget only the clients of these.
        """
        default_registry.unregister(provider, market_type=market_type, chart_type=chart_type, source=source)

    @staticmethod
    def registered(
        *,
        provider: str,
        client_class: type[DataClientInterface],
        market_type: str | None = None,
        chart_type: str | None = None,
        source: str | None = None,
    ) -> AbstractContextManager[Provider]:
        """Have a client registered for a ``with`` block; takes what :meth:`register_client` takes.

        When the block ends, the provider has what it had before, also after an error. Blocks may be
        nested, and run in several threads.
        """
        return default_registry.registered(
            provider, client_class, market_type=market_type, chart_type=chart_type, source=source
        )

    @staticmethod
    def create_data_client(
        *,
        provider: str,
        market_type: str,
        chart_type: str = "klines",
        symbol: str,
        interval: str | None = None,
        source: str | None = None,
        options: Mapping[str, Any] | None = None,
        config: Any = None,
    ) -> BoundClient:
        """A client of one series; without ``source`` the provider's sources are asked in order.

        Raises
        ------
        ProviderNotFoundError, PluginError
            When there is no such provider.
        """
        default_registry.provider(str(provider))
        return BoundClient(
            provider=str(provider),
            market_type=market_type,
            chart_type=chart_type,
            symbol=symbol,
            interval=interval,
            source=source,
            options=dict(options or {}),
            config=config,
        )
