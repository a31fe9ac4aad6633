"""Arguments that several commands take, and how they become a call's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

__all__ = [
    "Debug",
    "SeriesArguments",
    "cache_dir_option",
    "config_option",
    "debug_option",
    "format_option",
    "series_arguments",
]

Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])


@dataclass
class Debug:
    """Whether errors come with a traceback."""

    on: bool = False


class SeriesArguments(TypedDict):
    """What :func:`series_arguments` hands to a command."""

    symbol: str
    interval: str
    last: str | int | None
    start: str | None
    end: str | None
    market: str | None
    provider: str | None
    chart_type: str | None
    source: str
    columns: tuple[str, ...] | None
    cache_dir: Path | None
    config: Path | None
    no_cache: bool


def _set_debug(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    debug = ctx.find_object(Debug)
    if wanted and debug is not None:
        debug.on = True


debug_option = click.option(
    "--debug", is_flag=True, is_eager=True, expose_value=False, callback=_set_debug,
    help="Show a traceback with an error.",
)  # fmt: skip

config_option = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE",
    help="Configuration file, in place of $DSM_CONFIG, ./dsm.yaml and the user's own.",
)  # fmt: skip

cache_dir_option = click.option(
    "--cache-dir", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder of the cache, in place of $DSM_CACHE_DIR and the configuration's.",
)  # fmt: skip


def format_option(*names: str, default: str | None = None, text: str = "") -> Callable[[Wrapped], Wrapped]:
    """Option ``--format`` of one of ``names``."""
    return click.option(
        "--format", "form", type=click.Choice(names), default=default, show_default=default is not None,
        help=text or "Form of the output.",
    )  # fmt: skip


def _split_columns(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise click.BadParameter("give names with commas between, such as open,close")
    return names


def _bars_or_span(_: click.Context, __: click.Parameter, text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else text


_SERIES = (
    click.argument("symbol"),
    click.argument("interval"),
    click.option("--last", callback=_bars_or_span, metavar="SPAN|BARS",
                 help="Up to --end or now: a span such as 7d, or a number of bars."),
    click.option("--start", metavar="TIME",
                 help="First open: 2024, 2024-01, 2024-01-31, or ISO with offset, 2024-01-31T12:00+00:00."),
    click.option("--end", metavar="TIME", help="Last open, inclusive; now when left out."),
    click.option("--market", metavar="NAME", help="Market, such as spot, um or cm."),
    click.option("--provider", metavar="NAME", help="One that `dsm providers` lists."),
    click.option("--chart-type", metavar="NAME", help="Kind of rows; klines when left out."),
    click.option("--source", default="auto", show_default=True, metavar="NAME",
                 help="Only rows of one source, or `cache` for no request at all."),
    click.option("--columns", callback=_split_columns, metavar="A,B", help="Which columns, in that order."),
    cache_dir_option,
    config_option,
    click.option("--no-cache", is_flag=True, help="Neither read nor write the cache."),
    debug_option,
)  # fmt: skip


def series_arguments(command: Wrapped) -> Wrapped:
    """Give a command the arguments that name a series and a range: those of :class:`SeriesArguments`."""
    for decorate in reversed(_SERIES):
        command = decorate(command)
    return command
