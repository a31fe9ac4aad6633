"""``dsm export`` and ``dsm import``: rows out of the cache into files, and from files into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.import_options import ImportArguments, import_options, run_import
from dsm_core.cli.options import cache_dir_option, config_option, debug_option, json_option
from dsm_core.cli.plugin_commands import FoundCommand, PluginGroup, installed_commands
from dsm_core.cli.store import opened_cache

if TYPE_CHECKING:
    from dsm_core.model.series import SeriesKey
    from dsm_core.porting import Exported

__all__ = ["export", "import_group"]

_FORMS: Final = ("parquet", "feather", "csv", "duckdb")
_UNITS: Final = ("s", "ms", "us", "ns", "iso")
_GROUP: Final = "import"
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_PLACE = click.Path(path_type=Path, exists=True)


def _glob_and_folder(_: click.Context, __: click.Parameter, words: Sequence[str]) -> tuple[str | None, Path]:
    if len(words) > 2:
        raise click.UsageError(f"{len(words)} names were given: at most a pattern and a folder.")
    return (words[0] if len(words) == 2 else None), Path(words[-1])


@click.command()
@click.argument("where", nargs=-1, required=True, callback=_glob_and_folder, metavar="[GLOB] DIR")
@click.option(
    "--to", "form", type=click.Choice(_FORMS), required=True,
    help="A file for each series, or one duckdb database.",
)  # fmt: skip
@click.option(
    "--force", is_flag=True, help="Into a folder that is not empty; replaces files of the same names."
)
@json_option
@cache_dir_option
@config_option
@debug_option
def export(
    where: tuple[str | None, Path],
    form: str,
    *,
    force: bool,
    as_json: bool,
    cache_dir: Path | None,
    config: Path | None,
) -> None:
    """Write cached series that GLOB means to files in DIR; all of them without GLOB.

    GLOB is compared with the symbol, and with provider/market/chart_type/symbol/interval.
    """
    from dsm_core.model.wording import size_text  # noqa: PLC0415 - brings attrs
    from dsm_core.porting import export as write  # noqa: PLC0415 - brings Arrow

    store, _ = opened_cache(cache_dir, config)
    pattern, folder = where
    try:
        done = write(store, pattern, form, folder, force=force)
    except OSError as error:
        raise click.FileError(str(folder), error.strerror or str(error)) from error
    if as_json:
        import json  # noqa: PLC0415 - one of the two forms

        click.echo(json.dumps(_facts(done), indent=1))
    else:
        for path in done.files:
            click.echo(path)
    size = size_text(done.size_bytes)
    rows = f"{done.rows} row{'s' * (done.rows != 1)}"
    say_note(f"{done.folder}: {len(done.series)} series, {rows}, {size}")


def _facts(done: Exported) -> dict[str, Any]:
    series = [{"series": str(s.key), "path": str(s.path), "rows": s.rows} for s in done.series]
    return {
        "folder": str(done.folder),
        "format": done.form,
        "rows": done.rows,
        "bytes": done.size_bytes,
        "series": series,
    }


def _commands_of_packages() -> list[FoundCommand]:
    return [command for command in installed_commands() if command.path[0] == _GROUP]


import_group = PluginGroup(
    _GROUP,
    find=_commands_of_packages,
    depth=1,
    no_args_is_help=False,
    help="Bring files of other programs into the cache.\n\nOnly ranges that it does not know are filled.",
)

_series_option = click.option(
    "--series", metavar="KEY", help="Whose bars they are: acme/spot/klines/BTCUSDT/1h."
)
_provider_option = click.option("--provider", metavar="NAME", help="One that `dsm providers` lists.")
_market_option = click.option("--market", metavar="NAME", help="Market, where the name does not tell it.")


def _mapping(_: click.Context, __: click.Parameter, text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and own.strip() for name, _, own in pairs):
        raise click.BadParameter("write pairs with commas between, such as open_time=ts,open=o")
    return {name.strip(): own.strip() for name, _, own in pairs}


@import_group.command("csv")
@click.argument("file", type=_FILE)
@_series_option
@click.option(
    "--columns",
    callback=_mapping,
    metavar="A=X,B=Y",
    help="The file's names of columns: open_time=ts,open=o; f0, f1, ... where it has no header.",
)
@click.option("--time-unit", type=click.Choice(_UNITS), help="How times are written; told by them.")
@click.option("--tz", metavar="ZONE", help="Zone of ISO times that name none, such as UTC.")
@import_options
@click.pass_context
def import_csv(
    ctx: click.Context,
    file: Path,
    series: str | None,
    columns: dict[str, str] | None,
    time_unit: str | None,
    tz: str | None,
    **given: Unpack[ImportArguments],
) -> None:
    """Import the bars of a CSV file."""
    from dsm_core.porting import import_csv as bring  # noqa: PLC0415 - brings Arrow

    key, force = _key(series), given["force"]
    run_import(
        ctx,
        given,
        lambda store, config, now: [
            bring(
                store, file, key,
                columns=columns, time_unit=time_unit, tz=tz, now=now, force=force, config=config,
            )
        ],
    )  # fmt: skip


@import_group.command("freqtrade")
@click.argument("place", type=_PLACE, metavar="FILE|DIR")
@_series_option
@_provider_option
@_market_option
@import_options
@click.pass_context
def import_freqtrade(
    ctx: click.Context,
    place: Path,
    series: str | None,
    provider: str | None,
    market: str | None,
    **given: Unpack[ImportArguments],
) -> None:
    """Import freqtrade's Feather and JSON files; their names tell pair, interval and market."""
    from dsm_core.porting import import_freqtrade as bring  # noqa: PLC0415 - brings Arrow

    key, force = _key(series), given["force"]
    run_import(
        ctx,
        given,
        lambda store, config, now: bring(
            store, place, key,
            provider=provider or config.defaults.provider, market=market, now=now, force=force, config=config,
        ),
    )  # fmt: skip


@import_group.command("ccxt")
@click.argument("file", type=_FILE)
@_series_option
@_provider_option
@_market_option
@import_options
@click.pass_context
def import_ccxt(
    ctx: click.Context,
    file: Path,
    series: str | None,
    provider: str | None,
    market: str | None,
    **given: Unpack[ImportArguments],
) -> None:
    """Import a JSON list of [ms, open, high, low, close, volume], as ccxt's fetch_ohlcv gives."""
    from dsm_core.porting import import_ccxt as bring  # noqa: PLC0415 - brings Arrow

    key, force = _key(series), given["force"]
    run_import(
        ctx,
        given,
        lambda store, config, now: [
            bring(
                store, file, key, provider=provider or config.defaults.provider,
                market=market or config.defaults.market_type, now=now, force=force, config=config,
            )
        ],
    )  # fmt: skip


def _key(series: str | None) -> SeriesKey | None:
    from dsm_core.model.series import SeriesKey  # noqa: PLC0415 - brings attrs

    return None if series is None else SeriesKey.parse(series)
