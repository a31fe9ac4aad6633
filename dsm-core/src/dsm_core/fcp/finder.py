"""Series by their keys alone: what providers and configuration make of them; nobody is asked."""

from __future__ import annotations

from attrs import evolve

from dsm_core.config import ConfigSource, load_config
from dsm_core.errors import DSMError, ProviderNotFoundError
from dsm_core.events import EventBus
from dsm_core.fcp.series import Series
from dsm_core.fcp.session import Session
from dsm_core.fcp.settings import Settings
from dsm_core.fcp.upkeep import request_of
from dsm_core.model.grid import Grid
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange
from dsm_core.plugins.registry import Registry, default_registry

__all__ = ["SeriesFinder"]

_AN_INSTANT = TimeRange(0, 1)


class SeriesFinder:
    """Finds the series of a key: its clients, its grid, and the options that it has by default.

    Parameters
    ----------
    config
        As for a manager; the clients see their provider's section. Requests are switched off.
    registry
        Knows the providers.

    Raises
    ------
    ConfigError
        When the configuration is wrong.
    """

    def __init__(self, config: ConfigSource = None, registry: Registry = default_registry) -> None:
        loaded = evolve(load_config(config), offline=True)
        self._not_installed: set[str] = set()
        self._session = Session(Settings(config=loaded, use_cache=False), EventBus(), registry)

    def series(self, key: SeriesKey) -> Series:
        """The series; its key has every option, those that ``key`` leaves out too.

        Raises
        ------
        RequestError, PluginError, ConfigError
            When nobody serves it as the configuration is.
        """
        return self._session.open_call(request_of(key, _AN_INSTANT), keeps_rows=False).series

    def grid(self, key: SeriesKey) -> tuple[Grid | None, bool]:
        """Where the bars of a series open, and whether anybody could tell.

        Returns
        -------
        tuple
            None and True where its client says that its bars cannot be foretold; None and False where the
            provider is not installed, does not serve it any more, or fails.
        """
        if key.provider in self._not_installed:
            # Looking for it reads the metadata of every package.
            return None, False
        try:
            return self.series(key).grid, True
        except ProviderNotFoundError:
            self._not_installed.add(key.provider)
        except DSMError:
            pass
        return None, False
