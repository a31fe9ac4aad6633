"""One action of a provider's login, in a session of its own; and the user's browser."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import webbrowser
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
from attrs import frozen

from dsm_core.config import DSMConfig, load_config
from dsm_core.errors import RequestError
from dsm_core.events import EventBus
from dsm_core.fcp.session import Session
from dsm_core.fcp.settings import Settings
from dsm_core.plugins import Authenticator, AuthStatus, ClientContext
from dsm_core.plugins.guard import guarding
from dsm_core.plugins.provider import Provider
from dsm_core.plugins.registry import default_registry

__all__ = ["Screen", "run_auth"]

Action = Callable[[Authenticator, ClientContext], Awaitable[AuthStatus]]


def run_auth(name: str, file: Path | None, action: Action) -> AuthStatus:
    """What an action of a provider's login gives.

    Raises
    ------
    RequestError
        The provider has no login.
    DSMError
        Whatever the action raises; a fault of its code is a ``ClientFailedError``.
    """
    provider = default_registry.provider(name)
    if provider.auth is None:
        raise RequestError(
            f"Provider {name!r} has no login.",
            hint=f"Whatever it needs stands in the configuration; `dsm providers {name}` lists its keys.",
            provider=name,
        )
    return asyncio.run(_run(provider, provider.auth, load_config(file), action))


async def _run(provider: Provider, auth: Authenticator, config: DSMConfig, action: Action) -> AuthStatus:
    session = Session(Settings(config=config, provider=provider.name, use_cache=False), EventBus())
    try:
        venue, market = session.market(provider.market_types[0])
        with guarding(type(auth), provider.name):
            status = await action(auth, venue.context(market))
            if not isinstance(status, AuthStatus):
                raise TypeError(f"it gave {type(status).__name__}, not an AuthStatus")
            return status
    finally:
        await session.aclose()


@frozen
class Screen:
    """Where addresses are shown.

    Parameters
    ----------
    wants_browser
        Whether one is opened too; None decides by whether a person with a desktop is there.
    """

    wants_browser: bool | None

    def show_url(self, url: str) -> None:
        """Print an address, and open it where a browser is wanted."""
        click.echo(url)
        if self.wants_browser if self.wants_browser is not None else _has_desktop():
            # One that runs in the terminal comes back when the user ends it.
            threading.Thread(target=webbrowser.open, args=(url,), name="dsm-browser", daemon=True).start()


def _has_desktop() -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return sys.platform in ("win32", "darwin") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
