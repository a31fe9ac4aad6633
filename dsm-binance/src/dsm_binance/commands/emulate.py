"""``dsm emulate binance``: the emulator until Ctrl-C, and the configuration that points DSM at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsm_core.emulation.command import check_emulator, configuration_text, serve

if TYPE_CHECKING:
    from dsm_binance.emulator import Emulator

__all__ = ["emulate"]


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
    check_emulator("dsm-binance")
    venue = _venue(port, data, faults)
    serve(
        venue,
        lambda scratch: configuration_text(scratch, "binance", "spot", {"endpoints": venue.endpoints}),
    )


def _venue(port: int, data: Sequence[Path], faults: Sequence[str]) -> Emulator:
    from dsm_binance.emulator import Emulator, Fault  # noqa: PLC0415 - brings numpy and aiohttp

    try:
        return Emulator(data=data, faults=[Fault.parse(text) for text in faults], port=port)
    except (ValueError, FileNotFoundError) as error:
        raise click.UsageError(str(error)) from error
