"""``dsm lock``, ``dsm verify`` and ``dsm reproduce``: the command lines; ``lock_run`` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypedDict

import click

from dsm_core.cli.options import cache_dir_option, config_option, debug_option, json_option

__all__ = ["Places", "lock", "reproduce", "verify"]


class Places(TypedDict):
    """Where the cache and the configuration are."""

    cache_dir: Path | None
    config: Path | None


# Click keeps the lines of a paragraph that begins with a backspace.
_LIST: Final = """\b
LIST is a file of series and ranges, in the form of the lists of `dsm prefetch`:
  defaults: {provider: acme, market_type: spot, interval: 1h}
  series:
    - {symbol: BTCUSDT, start: 2024-01, end: 2024-03}
    - {symbol: ETHUSDT, start: 2024-01-15, end: 2024-01-20, interval: 1m}
"""
_STDOUT: Final = Path("-")
_ENDING: Final = """\b
Exit codes:
  0  the same bytes, all of them
  1  something differs
  2  the command line is wrong
  3  nothing differs, but rows that were locked are missing, so it cannot be told
  4  FILE is no lock file or contradicts itself, or a provider is not installed
  5  the sources failed, and there is no row
"""


@click.command(epilog=_LIST)
@click.argument("listed", metavar="LIST", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE",
    help="The lock file; LIST with the suffix .lock.json when left out. One that is there is replaced; "
    "- is stdout.",
)  # fmt: skip
@click.option("--values", is_flag=True, help="Keep the values too: a difference is told with both.")
@click.option("--allow-gaps", is_flag=True, help="Lock also what lacks rows that may be had later.")
@cache_dir_option
@config_option
@debug_option
@click.pass_context
def lock(
    ctx: click.Context,
    listed: Path,
    *,
    output: Path | None,
    values: bool,
    allow_gaps: bool,
    cache_dir: Path | None,
    config: Path | None,
) -> None:
    """Write down what the ranges of LIST hold: origins, versions, and hashes of the rows.

    What is missing is fetched. Nothing is written unless every range is there in full.
    """
    from dsm_core.cli.lock_run import write  # noqa: PLC0415 - brings pandas and Arrow

    target = output or listed.with_suffix(".lock.json")
    if output != _STDOUT and _is_same(target, listed):
        raise click.UsageError(f"{str(target)!r} is LIST itself, which would be lost; give another -o FILE.")
    places = Places(cache_dir=cache_dir, config=config)
    sink = None if output == _STDOUT else target
    ctx.exit(write(listed, sink, keeps_values=values, allows_gaps=allow_gaps, places=places))


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


@click.command(epilog=_ENDING)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@cache_dir_option
@config_option
@debug_option
@click.pass_context
def verify(
    ctx: click.Context, file: Path, *, as_json: bool, cache_dir: Path | None, config: Path | None
) -> None:
    """Whether today's cache gives what FILE locks; no request is sent."""
    from dsm_core.cli.lock_run import hold_against  # noqa: PLC0415 - brings pandas and Arrow

    places = Places(cache_dir=cache_dir, config=config)
    ctx.exit(hold_against(file, is_offline=True, as_json=as_json, places=places))


@click.command(epilog=_ENDING)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--offline", is_flag=True, help="Send no request: take what the cache holds.")
@json_option
@cache_dir_option
@config_option
@debug_option
@click.pass_context
def reproduce(
    ctx: click.Context,
    file: Path,
    *,
    offline: bool,
    as_json: bool,
    cache_dir: Path | None,
    config: Path | None,
) -> None:
    """Fetch what is missing of what FILE locks, and verify it."""
    from dsm_core.cli.lock_run import hold_against  # noqa: PLC0415 - brings pandas and Arrow

    places = Places(cache_dir=cache_dir, config=config)
    ctx.exit(hold_against(file, is_offline=offline, as_json=as_json, places=places))
