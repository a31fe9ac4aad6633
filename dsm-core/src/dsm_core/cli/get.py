"""``dsm get`` and ``dsm explain``: the command lines; :mod:`dsm_core.cli.call` does the work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, Unpack

import click

from dsm_core.cli.options import SeriesArguments, check_range, format_option, series_arguments

__all__ = ["explain", "get"]

_FORMATS: Final = ("table", "csv", "json", "arrow", "parquet")
_BINARY: Final = ("arrow", "parquet")
_STDOUT: Final = Path("-")
_SUFFIXES: Final = {
    ".csv": "csv",
    ".json": "json",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".parquet": "parquet",
    ".txt": "table",
}
# Click keeps the lines of a paragraph that begins with a backspace.
_EXAMPLES: Final = """\b
Examples:
  dsm get BTCUSDT 1h --market spot --last 7d
  dsm get BTCUSDT 1m --market um --start 2024-01 --end 2024-03 -o btc.parquet
  dsm get BTCUSDT --chart-type funding_rate --market um --last 30d
"""


@click.command(epilog=_EXAMPLES)
@series_arguments
@format_option(*_FORMATS, text="Form of the rows; told from FILE's suffix, else table.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE",
    help="Write to FILE, which appears when it is whole; - is stdout, even a terminal.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Print nothing and exit with 3 when bars are missing.")
def get(form: str | None, output: Path | None, strict: bool, **asked: Unpack[SeriesArguments]) -> None:
    """Print the rows of SYMBOL at INTERVAL.

    What is no bars, such as funding_rate, has no INTERVAL; documents need no range either.
    """
    check_range(asked["last"], asked["start"], asked["chart_type"])
    form = form or _form_of(output)
    if form in _BINARY and output is None and sys.stdout.isatty():
        raise click.UsageError(f"--format {form} is not for a terminal; add -o FILE.")
    output = None if output == _STDOUT else output
    from dsm_core.cli.call import fetch  # noqa: PLC0415 - brings pandas and Arrow

    fetch(asked, form=form, output=output, strict=strict)


@click.command()
@series_arguments
@format_option("table", "json", default="table")
def explain(form: str, **asked: Unpack[SeriesArguments]) -> None:
    """Print what `dsm get` would ask of whom; nothing is fetched."""
    check_range(asked["last"], asked["start"], asked["chart_type"])
    from dsm_core.cli.call import show_plan  # noqa: PLC0415 - brings pandas and Arrow

    show_plan(asked, form=form)


def _form_of(output: Path | None) -> str:
    if output is None or output == _STDOUT:
        return "table"
    form = _SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise click.UsageError(f"{output.name!r} does not tell the format; add --format.")
    return form
