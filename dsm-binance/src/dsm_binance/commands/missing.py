"""What to do when the emulator's extra is not installed."""

from __future__ import annotations

from importlib.util import find_spec

from dsm_core.errors import ConfigError

__all__ = ["check_emulator"]


def check_emulator() -> None:
    """Refuse to go on without the packages that the emulator needs.

    Raises
    ------
    ConfigError
        Naming the extra to install.
    """
    if find_spec("aiohttp") is None:
        raise ConfigError(
            "The emulator needs aiohttp, which is not installed.",
            hint="Run: pip install 'dsm-binance[emulator]'",
        )
