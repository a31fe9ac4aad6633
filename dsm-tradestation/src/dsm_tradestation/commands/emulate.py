"""``dsm emulate tradestation``: the emulator until Ctrl-C, and the configuration that points DSM at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsm_core.emulation.command import check_emulator, configuration_text, serve

if TYPE_CHECKING:
    from dsm_tradestation.emulator import TradeStationEmulator

__all__ = ["emulate"]


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65534), default=0,
    help="The API's port, the sign-in's is the next one; free ones by default.",
)  # fmt: skip
@click.option(
    "--data", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="Folder of recorded answers, served before anything generated; repeatable.",
)  # fmt: skip
@click.option(
    "--fault", "faults", multiple=True, metavar="SPEC",
    help="What goes wrong, KIND[:MATCH][:times=N|all][:after=N][:retry_after=S][:seconds=S]; repeatable.",
)  # fmt: skip
@click.option("--rotate", is_flag=True, help="Give a new refresh token at each refresh; the old one is dead.")
@click.option(
    "--expires-in", type=click.IntRange(1), default=1200, show_default=True, metavar="SECONDS",
    help="How long an access token lives.",
)  # fmt: skip
def emulate(port: int, data: Sequence[Path], faults: Sequence[str], rotate: bool, expires_in: int) -> None:
    """Run a local TradeStation until Ctrl-C.

    Prints the configuration that points DSM at it, with a login that works: save it, and name the file in
    DSM_CONFIG. Its cache is a temporary folder, as the prices are invented.
    """
    check_emulator("dsm-tradestation")
    venue = _venue(port, data, faults, rotate, expires_in)
    serve(
        venue,
        lambda scratch: configuration_text(scratch, "tradestation", "equities", venue.section),
    )


def _venue(
    port: int, data: Sequence[Path], faults: Sequence[str], rotate: bool, expires_in: int
) -> TradeStationEmulator:
    from dsm_tradestation.emulator import Fault, TradeStationEmulator  # noqa: PLC0415 - brings aiohttp

    try:
        found = [Fault.parse(text) for text in faults]
        return TradeStationEmulator(data, faults=found, port=port, rotation=rotate, expires_in=expires_in)
    except (ValueError, FileNotFoundError) as error:
        raise click.UsageError(str(error)) from error
