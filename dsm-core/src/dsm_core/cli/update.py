"""``dsm update`` and ``dsm prefetch``: the command lines; :mod:`dsm_core.cli.keep` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Unpack

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.options import (
    RangeArguments,
    cache_dir_option,
    check_range,
    config_option,
    debug_option,
    jobs_option,
    json_option,
    list_option,
    range_call,
    series_options,
)

if TYPE_CHECKING:
    from dsm_core.config import Wish

__all__ = ["prefetch", "update"]

# Click keeps the lines of a paragraph that begins with a backspace.
_LIST: Final = """\b
A list file:
  defaults: {provider: acme, market_type: spot, interval: 1h, start: 2024-01}
  series:
    - BTCUSDT
    - acme/spot/klines/ETHUSDT/1m
    - {symbol: SOLUSDT, interval: 15m, start: 2024-06-01, end: 2024-09}
"""


class _PrefetchArguments(RangeArguments):
    symbol: str | None


@click.command(epilog=_LIST)
@click.argument("glob", required=False)
@list_option
@jobs_option
@json_option
@cache_dir_option
@config_option
@debug_option
@click.pass_context
def update(
    ctx: click.Context,
    *,
    glob: str | None,
    list_file: Path | None,
    jobs: int,
    as_json: bool,
    cache_dir: Path | None,
    config: Path | None,
) -> None:
    """Extend held series to their last closed bar.

    GLOB means symbols or series keys, as in 'BTC*' or 'binance/spot/*'; without one, everything held.
    With --list the series that the file names, and those not held yet are fetched from their start.
    """
    if glob is not None and list_file is not None:
        raise click.UsageError("GLOB and --list exclude each other.")
    from dsm_core.cli.keep import ManagerArguments, update_held, update_list  # noqa: PLC0415 - brings Arrow
    from dsm_core.cli.lines import print_lines  # noqa: PLC0415

    made_with = ManagerArguments(
        market=None, provider=None, chart_type=None, cache_dir=cache_dir, config=config
    )
    if list_file is None:
        lines = update_held(made_with, glob, jobs)
    else:
        lines = update_list(made_with, _wishes(list_file), jobs)
    code = print_lines(lines, as_json=as_json)
    if not lines:
        say_note(
            "Nothing is held" + (f" that {glob!r} means." if glob else "; `dsm prefetch` begins a series.")
        )
    ctx.exit(code)


@click.command(epilog=_LIST)
@series_options
@list_option
@jobs_option
@json_option
@click.pass_context
def prefetch(
    ctx: click.Context,
    list_file: Path | None,
    jobs: int,
    as_json: bool,
    **asked: Unpack[_PrefetchArguments],
) -> None:
    """Bring a range, or all ranges of a list, into the cache.

    What is held is not fetched again, so a run that was cut short goes on where it stopped.
    """
    _check(asked, list_file)
    from dsm_core.cli import keep  # noqa: PLC0415 - brings Arrow
    from dsm_core.cli.lines import print_lines  # noqa: PLC0415

    made_with = keep.ManagerArguments(
        market=asked["market"],
        provider=asked["provider"],
        chart_type=asked["chart_type"],
        cache_dir=asked["cache_dir"],
        config=asked["config"],
    )
    if list_file is not None:
        lines = keep.prefetch_list(made_with, _wishes(list_file), jobs)
    else:
        lines = [keep.prefetch_one(made_with, range_call(asked["symbol"], asked))]
    ctx.exit(print_lines(lines, as_json=as_json))


def _check(asked: _PrefetchArguments, list_file: Path | None) -> None:
    if list_file is None:
        if asked["symbol"] is None:
            raise click.UsageError("Say what: SYMBOL INTERVAL and a range, or --list FILE.")
        check_range(asked["last"], asked["start"], asked["chart_type"])
        return
    for name in ("symbol", "last", "start", "end"):
        if asked.get(name) is not None:
            word = "SYMBOL" if name == "symbol" else f"--{name}"
            raise click.UsageError(f"{word} and --list exclude each other: the list tells series and ranges.")


def _wishes(path: Path) -> tuple[Wish, ...]:
    from dsm_core.config import load_list  # noqa: PLC0415 - brings attrs

    return load_list(path)
