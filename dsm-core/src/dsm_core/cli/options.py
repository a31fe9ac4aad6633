"""Arguments that several commands take, and how they become a call's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar

import click

from dsm_core.cli.logs import log_options

__all__ = [
    "Debug",
    "RangeArguments",
    "SeriesArguments",
    "cache_dir_option",
    "check_range",
    "config_option",
    "debug_option",
    "format_option",
    "held_cache_option",
    "jobs_option",
    "json_option",
    "list_option",
    "range_call",
    "series_arguments",
    "series_options",
]

Wrapped = TypeVar("Wrapped", bound=Callable[..., Any])
_JSON: Final = "dsm_core.cli.json"


@dataclass
class Debug:
    """Whether errors come with a traceback."""

    on: bool = False


class RangeArguments(TypedDict):
    """What :func:`series_options` hands to a command."""

    interval: str | None
    last: str | int | None
    start: str | None
    end: str | None
    market: str | None
    provider: str | None
    chart_type: str | None
    cache_dir: Path | None
    config: Path | None


class SeriesArguments(RangeArguments):
    """What :func:`series_arguments` hands to a command."""

    symbol: str
    source: str
    columns: tuple[str, ...] | None
    options: dict[str, str]
    no_cache: bool


def _set_debug(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    debug = ctx.find_object(Debug)
    if wanted and debug is not None:
        debug.on = True


_debug = click.option(
    "--debug", is_flag=True, is_eager=True, expose_value=False, callback=_set_debug,
    help="Show a traceback with an error.",
)  # fmt: skip


def debug_option(command: Wrapped) -> Wrapped:
    """Give a command ``--debug``, and the options of logging."""
    return _debug(log_options(command))


config_option = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE",
    help="Configuration file, in place of $DSM_CONFIG, ./dsm.yaml and the user's own.",
)  # fmt: skip


def _cache_dir(*, must_exist: bool) -> Callable[[Wrapped], Wrapped]:
    return click.option(
        "--cache-dir", type=click.Path(path_type=Path, file_okay=False, exists=must_exist), metavar="DIR",
        help="Folder of the cache, in place of $DSM_CACHE_DIR and the configuration's.",
    )  # fmt: skip


cache_dir_option = _cache_dir(must_exist=False)

# Whoever names a folder to look at or to clean means one that is there: a slip is no empty cache.
held_cache_option = _cache_dir(must_exist=True)

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")

jobs_option = click.option(
    "--jobs", type=click.IntRange(1, 256), default=8, show_default=True, metavar="N",
    help="How many series at a time.",
)  # fmt: skip

list_option = click.option(
    "--list", "list_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="YAML file that names the series.",
)  # fmt: skip


def format_option(*names: str, default: str | None = None, text: str = "") -> Callable[[Wrapped], Wrapped]:
    """Option ``--format`` of one of ``names``, and ``--json`` for short."""

    def decorate(command: Wrapped) -> Wrapped:
        command = click.option("--json", is_flag=True, is_eager=True, expose_value=False, callback=_note_json,
                               help="The same as --format json.")(command)  # fmt: skip
        return click.option(
            "--format", "form", type=click.Choice(names), default=default, show_default=default is not None,
            callback=_form, help=text or "Form of the output.",
        )(command)  # fmt: skip

    return decorate


def _note_json(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    ctx.meta[_JSON] = wanted


def _form(ctx: click.Context, parameter: click.Parameter, form: str | None) -> str | None:
    if not ctx.meta.get(_JSON):
        return form
    given = ctx.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
    if given and form != "json":
        raise click.UsageError(f"--json and --format {form} exclude each other.", ctx)
    return "json"


def _split_columns(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise click.BadParameter("give names with commas between, such as open,close")
    return names


def _pairs(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise click.BadParameter(f"{text!r} is no NAME=VALUE, such as adjusted=true")
        if name in pairs:
            raise click.BadParameter(f"{name!r} is given twice")
        pairs[name] = value
    return pairs


def _bars_or_span(_: click.Context, __: click.Parameter, text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else text


_KEY = (
    click.option("--market", metavar="NAME", help="Market, such as spot, um or cm."),
    click.option("--provider", metavar="NAME", help="One that `dsm providers` lists."),
    click.option(
        "--chart-type",
        metavar="NAME",
        help="One that `dsm chart-types` lists, such as funding_rate; klines when left out.",
    ),
)
_RANGE = (
    click.option("--last", callback=_bars_or_span, metavar="SPAN|BARS",
                 help="Up to --end or now: a span such as 7d, or a number of bars."),
    click.option("--start", metavar="TIME",
                 help="First open: 2024, 2024-01, 2024-01-31, or ISO with offset, 2024-01-31T12:00+00:00."),
    click.option("--end", metavar="TIME", help="Last open, inclusive; now when left out."),
)  # fmt: skip
_ROWS = (
    click.option("--source", default="auto", show_default=True, metavar="NAME",
                 help="Only rows of one source, or `cache` for no request at all."),
    click.option("--columns", callback=_split_columns, metavar="A,B", help="Which columns, in that order."),
    click.option("--option", "options", callback=_pairs, multiple=True, metavar="NAME=VALUE",
                 help="An option of the client, which `dsm providers NAME` tells; may be repeated."),
)  # fmt: skip
_PLACES = (cache_dir_option, config_option)
_NO_CACHE = click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")


def _arguments(*, required: bool) -> tuple[Callable[[Any], Any], ...]:
    # What is no bars, funding rates for one, has no interval.
    return click.argument("symbol", required=required), click.argument("interval", required=False)


def _with(command: Wrapped, decorators: tuple[Callable[[Any], Any], ...]) -> Wrapped:
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def series_arguments(command: Wrapped) -> Wrapped:
    """Give a command the arguments that name a series and a range: those of :class:`SeriesArguments`."""
    places = (*_PLACES, _NO_CACHE, debug_option)
    return _with(command, (*_arguments(required=True), *_RANGE, *_KEY, *_ROWS, *places))


def series_options(command: Wrapped) -> Wrapped:
    """Give a command the same, with no word of rows, and all of it optional."""
    return _with(command, (*_arguments(required=False), *_RANGE, *_KEY, *_PLACES, debug_option))


def check_range(last: str | int | None, start: str | None, chart_type: str | None = None) -> None:
    """Refuse a command line that names no range, or two.

    Documents need none; which chart types are documents is not known here, so where one is named
    the call itself refuses.

    Raises
    ------
    click.UsageError
        Naming the options.
    """
    if last is None and start is None and chart_type is None:
        raise click.UsageError("Say which bars: --last 7d, or --start and --end.")
    if last is not None and start is not None:
        raise click.UsageError("--last and --start exclude each other.")


def range_call(symbol: str | None, asked: RangeArguments) -> dict[str, Any]:
    """Keywords of a call that say which bars."""
    return {
        "symbol": symbol,
        "start_time": asked["start"],
        "end_time": asked["end"],
        "interval": asked["interval"],
        "last": asked["last"],
    }
