"""The ``providers.tradestation`` section of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

from attrs import Attribute, field, frozen
from attrs.validators import deep_iterable, ge, in_, instance_of, le, min_len, optional

from dsm_core.config import Secret, endpoints_field, sources_field
from dsm_tradestation.addresses import hosts_in_clear

__all__ = ["BAR_STAMPS", "DEFAULT_ENDPOINTS", "SESSION_TEMPLATES", "TradeStationConfig"]

DEFAULT_ENDPOINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "api": ("https://api.tradestation.com",),
    "signin": ("https://signin.tradestation.com",),
}
_BarStamp = Literal["end", "start"]
_SessionTemplate = Literal["Default", "USEQPre", "USEQPost", "USEQPreAndPost", "USEQ24Hour"]
BAR_STAMPS: Final[tuple[str, ...]] = get_args(_BarStamp)
SESSION_TEMPLATES: Final[tuple[str, ...]] = get_args(_SessionTemplate)
_SCOPES: Final = ("openid", "offline_access", "MarketData")
_SOURCES: Final = ("rest",)


@frozen(kw_only=True)
class TradeStationConfig:
    """How TradeStation is reached, who asks, and how its bars are read.

    Parameters
    ----------
    sources
        Which sources are asked, in this order.
    endpoints
        URLs by endpoint key; those left out keep their default. A list is failed over.
    client_id
        The API key that TradeStation's Client Services gave you.
    client_secret
        Its secret; null for a key of the PKCE kind, which has none.
    refresh_token
        From an earlier login; null takes the one that `dsm auth tradestation login` stored.
    redirect_port
        Port of http://localhost to which the browser returns after a login; the key must have it registered.
    redirect_uri
        The whole address of the return, where it is not http://localhost and the port.
    scopes
        What a login asks for.
    token_store
        Where tokens are kept: `keyring`, `file`, `auto`, which is the keyring where one serves, or `memory`,
        which keeps them no longer than the process.
    token_dir
        Folder of that file; null takes `auth` in the user's config folder.
    bar_stamp
        What the venue's time of an intraday bar tells, its end or its start.
    session_template
        Which hours intraday bars of equities have; Default is the regular session.
    calendars
        Calendar of a symbol or a futures root, by its name in pandas_market_calendars, or "none".
    """

    sources: tuple[str, ...] = sources_field(_SOURCES)
    endpoints: Mapping[str, tuple[str, ...]] = endpoints_field(DEFAULT_ENDPOINTS)
    client_id: str | None = field(default=None, validator=optional(min_len(1)))
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    redirect_port: int = field(default=31022, validator=[ge(1), le(65535)])
    redirect_uri: str | None = None
    scopes: tuple[str, ...] = field(default=_SCOPES, validator=deep_iterable(instance_of(str), min_len(1)))
    token_store: Literal["auto", "keyring", "file", "memory"] = field(default="auto")
    token_dir: Path | None = None
    bar_stamp: _BarStamp = field(default="end", validator=in_(BAR_STAMPS))
    session_template: _SessionTemplate = field(default="Default", validator=in_(SESSION_TEMPLATES))
    calendars: Mapping[str, str] = field(factory=dict)

    @endpoints.validator
    def _check_endpoints(self, _: Attribute[Any], value: Mapping[str, tuple[str, ...]]) -> None:
        wrong = {key: hosts_in_clear(urls) for key, urls in value.items()}
        told = [
            f"{key} would send credentials unencrypted to {', '.join(hosts)}; "
            "write an address that begins with https://"
            for key, hosts in wrong.items()
            if hosts
        ]
        if told:
            raise ValueError("; ".join(told))

    @calendars.validator
    def _check_calendars(self, _: Attribute[Any], value: Mapping[str, str]) -> None:
        if not value:
            return
        from dsm_tradestation.calendars import fault_of  # noqa: PLC0415 - brings pandas

        faults = ((key, fault_of(name)) for key, name in value.items())
        told = [f"{key}: {fault}" for key, fault in faults if fault]
        if told:
            raise ValueError("; ".join(told))
