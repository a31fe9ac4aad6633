"""``dsm demo``: the command line; :mod:`dsm_binance.commands.demo_run` does the work."""

from __future__ import annotations

import click

from dsm_core.emulation.command import check_emulator

__all__ = ["demo"]


@click.command()
@click.pass_context
def demo(ctx: click.Context) -> None:
    """Show what DSM does, on this machine and without network.

    Gets klines from a local Binance that had an outage and whose archive ends yesterday, then the same
    again from the cache. Exits with 1 unless the second call sends no request and gives the same rows.
    """
    check_emulator("dsm-binance")
    from dsm_binance.commands.demo_run import run_demo  # noqa: PLC0415 - brings pandas, Arrow and aiohttp

    if not run_demo():
        ctx.exit(1)
