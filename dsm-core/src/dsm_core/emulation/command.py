"""What ``dsm emulate VENUE`` does for any venue: serve until Ctrl-C, and print what points DSM at it."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

import click

from dsm_core.errors import ConfigError

__all__ = ["Venue", "check_emulator", "configuration_text", "serve"]

_LOOK_EVERY_S: Final = 0.1


class Venue(Protocol):
    """What can be served: opened, closed, and asked what came in."""

    @property
    def requests(self) -> Sequence[object]:
        """Every request so far."""

    def start(self) -> object:
        """Open the ports."""

    def stop(self) -> None:
        """Close them."""


def check_emulator(distribution: str) -> None:
    """Refuse to go on without the packages that an emulator needs.

    Parameters
    ----------
    distribution
        The provider's package, which declares the extra ``emulator``.

    Raises
    ------
    ConfigError
        Naming the extra to install.
    """
    if find_spec("aiohttp") is None:
        raise ConfigError(
            "The emulator needs aiohttp, which is not installed.",
            hint=f"Run: pip install '{distribution}[emulator]'",
        )


def serve(venue: Venue, configuration: Callable[[Path], str]) -> None:
    """Serve a venue until SIGINT or SIGTERM, with its configuration on standard output.

    Parameters
    ----------
    venue
        Not started yet.
    configuration
        Gives the YAML that points DSM at the running venue, with caches in the temporary folder it is given.

    Raises
    ------
    click.ClickException
        A port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="dsm-emulator-", ignore_cleanup_errors=True) as scratch:
        with _stop_signals() as stopped, _started(venue):
            click.echo(configuration(Path(scratch)))
            _warn_of_cache()
            click.echo("Serving until Ctrl-C.", err=True)
            while not stopped:
                time.sleep(_LOOK_EVERY_S)
        click.echo(f"Stopped after {len(venue.requests)} requests.", err=True)


def configuration_text(
    scratch: Path, provider: str, market_type: str, section: Mapping[str, Mapping[str, Any] | str]
) -> str:
    """Give the YAML of a provider's section, with caches in a folder of their own.

    Parameters
    ----------
    scratch
        Where cache and state go, for the prices are invented.
    provider, market_type
        The defaults.
    section
        The provider's settings, at most one level deep.
    """
    lines = [
        "cache:",
        f"  dir: {json.dumps(str(scratch / 'cache'))}",
        "http:",
        f"  state_dir: {json.dumps(str(scratch / 'state'))}",
        "defaults:",
        f"  provider: {provider}",
        f"  market_type: {market_type}",
        "providers:",
        f"  {provider}:",
    ]
    for key, value in section.items():
        # JSON's texts and lists are YAML's too.
        if isinstance(value, str):
            lines.append(f"    {key}: {json.dumps(value)}")
        else:
            lines.append(f"    {key}:")
            lines += [f"      {name}: {json.dumps(part)}" for name, part in value.items()]
    return "\n".join(lines)


@contextmanager
def _started(venue: Venue) -> Iterator[None]:
    try:
        venue.start()
    except OSError as error:
        raise click.ClickException(f"The port cannot be opened: {error.strerror or error}.") from error
    try:
        yield
    finally:
        venue.stop()


@contextmanager
def _stop_signals() -> Iterator[Sequence[int]]:
    """What SIGINT and SIGTERM were sent so far, also where a shell has set SIGINT to be ignored.

    They raise nothing: Ctrl-C is how this command ends, and may come while it starts or cleans up.
    """
    sent: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: sent.append(number)) for number in numbers]
    try:
        yield sent
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _warn_of_cache() -> None:
    if os.environ.get("DSM_CACHE_DIR"):
        click.echo(
            "warning: DSM_CACHE_DIR is set and wins over this file; unset it, or invented rows go there.",
            err=True,
        )
