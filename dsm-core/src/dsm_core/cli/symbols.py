"""``dsm symbols``: every symbol of a market, those that are gone included."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dsm_core.cli.console import say_note
from dsm_core.cli.grid_text import grid_lines
from dsm_core.cli.options import cache_dir_option, config_option, debug_option

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["symbols"]

_SHOWN: Final = ("symbol", "base", "quote", "contract_type", "status", "listed_at", "delisted_at")
_TIMES: Final = ("listed_at", "delisted_at")


@click.command()
@click.argument("provider")
@click.option("--market", metavar="NAME", help="Market, such as spot, um or cm.")
@click.option(
    "--at", metavar="TIME", help="Only what traded then: 2022-06-01, 2022-06, 2022, or ISO with offset."
)
@click.option("--refresh", is_flag=True, help="Ask again although the cached list is younger than a day.")
@click.option("--json", "form", flag_value="json", help="A list of objects, for programs.")
@click.option("--csv", "form", flag_value="csv", help="Comma-separated values.")
@cache_dir_option
@config_option
@debug_option
def symbols(
    provider: str,
    *,
    market: str | None,
    at: str | None,
    refresh: bool,
    form: str | None,
    cache_dir: Path | None,
    config: Path | None,
) -> None:
    """List every symbol that PROVIDER has or had in a market."""
    from dsm_core.manager import DataSourceManager  # noqa: PLC0415 - brings pandas and Arrow

    with DataSourceManager(market, provider, cache_dir=cache_dir, config=config) as manager:
        frame = manager.symbols(at=at, refresh=refresh)
    if form == "json":
        click.echo(frame.to_json(orient="records", date_format="iso", date_unit="s", indent=1))
        return
    if form == "csv":
        click.echo(
            frame.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S+00:00", lineterminator="\n"), nl=False
        )
        return
    for line in grid_lines(_SHOWN, _cells(frame)) if len(frame) else ():
        click.echo(line)
    gone = int(frame["delisted_at"].notna().sum())
    say_note(f"{len(frame)} symbol{'s' * (len(frame) != 1)}, {gone} of them gone")


def _cells(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    shown = frame[list(_SHOWN)].copy()
    for name in _TIMES:
        shown[name] = shown[name].dt.strftime("%Y-%m-%d %H:%M")
    return [tuple(row) for row in shown.astype(object).where(shown.notna(), "").itertuples(index=False)]
