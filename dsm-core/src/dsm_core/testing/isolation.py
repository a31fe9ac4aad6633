"""A manager of one provider alone: its own registry, cache, limits and clock, nothing from the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from ssl import SSLContext
from types import ModuleType
from typing import Any

import httpx
from attrs import evolve

from dsm_core.aio import AsyncDataSourceManager
from dsm_core.config import CacheConfig, DefaultsConfig, DSMConfig, HttpConfig, ProviderSection, Secret
from dsm_core.errors import PluginContractError
from dsm_core.fcp.session import Session
from dsm_core.net import Http, HttpSettings
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.provider import Provider
from dsm_core.plugins.registry import Registry
from dsm_core.schema.chart_type import register_chart_type
from dsm_core.testing.clock import SkippingClock

__all__ = ["IsolatedManager", "endpoint_keys", "lone_registry", "make_config", "provider_of", "secret_texts"]


def provider_of(given: Any) -> Provider:
    """The provider that a suite names: itself, or a plugin module, whose chart types are registered.

    Raises
    ------
    PluginContractError
        When it is neither.
    """
    if isinstance(given, ModuleType):
        for schema in getattr(given, "dsm_chart_types", list)():
            register_chart_type(schema)
        given = given.dsm_provider() if hasattr(given, "dsm_provider") else given
    if not isinstance(given, Provider):
        raise PluginContractError(
            f"provider = {given!r} is no provider.",
            hint="Give a Provider, or the module with dsm_provider().",
        )
    return given


def lone_registry(provider: Provider, client: type[DataClientInterface]) -> Registry:
    """Knows one provider with one client, and nothing that is installed."""
    # The venue's clock and lists are other requests than those under test.
    return Registry.of(evolve(provider, clients=(client,), server_time=None, symbols=None, universe=None))


def endpoint_keys(provider: Provider, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of the addresses that the provider's configuration has."""
    if provider.config is None:
        return ()
    section = ProviderSection(name=provider.name, raw=config)
    return tuple(getattr(section.structure(provider.config), "endpoints", None) or ())


def secret_texts(provider: Provider, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Texts that the provider's configuration holds as ``Secret``."""
    if provider.config is None:
        return ()
    given = ProviderSection(name=provider.name, raw=config).structure(provider.config)
    values = [getattr(given, name, None) for name in getattr(type(given), "__annotations__", {})]
    return tuple(value.reveal() for value in values if isinstance(value, Secret))


def make_config(provider: Provider, raw: Mapping[str, Any], folder: Path, **http: Any) -> DSMConfig:
    """The configuration of an isolated manager; the machine's own is not read."""
    return DSMConfig(
        cache=CacheConfig(dir=folder / "cache"),
        defaults=DefaultsConfig(provider=provider.name, deadline_s=60.0, max_wait_s=120.0),
        http=HttpConfig(**{"retry_count": 3, "state_dir": folder / "limits", **http}),
        providers={provider.name: ProviderSection(name=provider.name, raw=raw)},
    )


@cache
def _certificates() -> SSLContext:
    """Read once: a case makes many managers, and reading takes longer than a question."""
    return httpx.create_ssl_context()


class _IsolatedSession(Session):
    def __init__(self, *given: Any, clock: SkippingClock) -> None:
        self._clock = clock
        super().__init__(*given)

    def _make_http(self, settings: HttpSettings) -> Http:
        clock = self._clock
        return Http(
            settings,
            self.bus,
            transport=httpx.AsyncHTTPTransport(verify=_certificates()),
            monotonic=clock.monotonic,
            wall=clock.wall,
            sleep=clock.sleep,
        )


class IsolatedManager(AsyncDataSourceManager):
    """A manager over one client.

    Parameters
    ----------
    registry
        Knows the provider.
    config
        See :func:`make_config`.
    clock
        Passes the waits.
    now
        The venue's time.
    """

    def __init__(
        self,
        registry: Registry,
        config: DSMConfig,
        clock: SkippingClock,
        now: Callable[[], datetime],
        **given: Any,
    ) -> None:
        self._skipping = clock
        super().__init__(config=config, clock=now, registry=registry, **given)

    @property
    def session(self) -> Session:
        """What its calls share."""
        return self._session

    def _start(self) -> None:
        self._session = _IsolatedSession(self._settings, self._bus, self._registry, clock=self._skipping)
