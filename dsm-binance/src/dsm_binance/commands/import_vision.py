"""``dsm import vision``: the command line; :mod:`dsm_binance.vision_import` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from dsm_core.cli.import_options import ImportArguments, import_options, run_import

__all__ = ["import_vision"]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option("--market", metavar="NAME", help="spot, um or cm, where the folders do not tell it.")
@import_options
@click.pass_context
def import_vision(
    ctx: click.Context, folder: Path, market: str | None, **given: Unpack[ImportArguments]
) -> None:
    """Import the zips of Binance's public archive that lie in DIR and below: bars and funding rates.

    Those with a CHECKSUM beside are verified; a mismatch is refused.
    """
    from dsm_binance.vision_import import import_archive  # noqa: PLC0415 - brings Arrow

    run_import(
        ctx,
        given,
        lambda store, _, now: import_archive(store, folder, market=market, now=now, force=given["force"]),
    )
