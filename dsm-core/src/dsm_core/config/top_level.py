"""The keys that stand at the top of a configuration file."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from dsm_core.config.agreement import AgreementConfig
from dsm_core.config.model import CacheConfig, DefaultsConfig, HttpConfig

__all__ = ["TopLevel"]


@frozen
class TopLevel:
    """The configuration of DSM.

    Parameters
    ----------
    cache, defaults, agreement, http
        Sections of the core.
    offline
        Forbid every network request: the cache answers, and gaps say so.
    providers
        Sections of the providers, by name.
    """

    cache: CacheConfig = field(factory=CacheConfig)
    defaults: DefaultsConfig = field(factory=DefaultsConfig)
    agreement: AgreementConfig = field(factory=AgreementConfig)
    http: HttpConfig = field(factory=HttpConfig)
    offline: bool = False
    providers: Any = None
