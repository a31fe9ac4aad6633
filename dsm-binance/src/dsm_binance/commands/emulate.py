"""``dsm emulate binance``: the emulator until Ctrl-C, and the configuration that points DSM at it."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dsm_binance.commands.missing import check_emulator

if TYPE_CHECKING:
    from dsm_binance.emulator import Emulator

__all__ = ["emulate"]

_LOOK_EVERY_S: Final = 0.1


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; a free one by default.")
@click.option(
    "--data", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="Folder of recorded archive files, served byte for byte; repeatable.",
)  # fmt: skip
@click.option(
    "--fault", "faults", multiple=True, metavar="SPEC",
    help="What goes wrong, KIND[:MATCH][:times=N|all][:after=N][:retry_after=S][:seconds=S]; repeatable.",
)  # fmt: skip
def emulate(port: int, data: Sequence[Path], faults: Sequence[str]) -> None:
    """Run a local Binance until Ctrl-C.

    Prints the configuration that points DSM at it: save it, and name the file in DSM_CONFIG. Its cache
    is a temporary folder, as the prices are invented.
    """
    check_emulator()
    venue = _venue(port, data, faults)
    with tempfile.TemporaryDirectory(prefix="dsm-emulator-", ignore_cleanup_errors=True) as scratch:
        with _stop_signals() as stopped, _started(venue):
            click.echo(_yaml(venue.endpoints, Path(scratch)))
            _warn_of_cache()
            click.echo("Serving until Ctrl-C.", err=True)
            while not stopped:
                time.sleep(_LOOK_EVERY_S)
        click.echo(f"Stopped after {len(venue.requests)} requests.", err=True)


def _venue(port: int, data: Sequence[Path], faults: Sequence[str]) -> Emulator:
    from dsm_binance.emulator import Emulator, Fault  # noqa: PLC0415 - brings numpy and aiohttp

    try:
        return Emulator(data=data, faults=[Fault.parse(text) for text in faults], port=port)
    except (ValueError, FileNotFoundError) as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def _started(venue: Emulator) -> Iterator[None]:
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


def _yaml(endpoints: Mapping[str, Any], scratch: Path) -> str:
    # JSON's texts and lists are YAML's too.
    lines = [
        "cache:",
        f"  dir: {json.dumps(str(scratch / 'cache'))}",
        "http:",
        f"  state_dir: {json.dumps(str(scratch / 'state'))}",
        "defaults:",
        "  provider: binance",
        "  market_type: spot",
        "providers:",
        "  binance:",
        "    endpoints:",
    ]
    return "\n".join([*lines, *(f"      {key}: {json.dumps(urls)}" for key, urls in endpoints.items())])
