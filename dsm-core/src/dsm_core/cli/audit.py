"""``dsm audit``: the command line; :mod:`dsm_core.cli.audit_run` does the work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar, Unpack

import click

from dsm_core.cli.options import RangeArguments, check_range, format_option, series_options

__all__ = ["AuditArguments", "audit"]

T = TypeVar("T")
_FORMATS: Final = ("table", "csv", "json", "parquet")
_SUFFIXES: Final = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".txt": "table"}
_STDOUT: Final = Path("-")
# Click keeps the lines of a paragraph that begins with a backspace.
_ENDING: Final = """\b
Exit codes:
  0  what could be compared agrees
  1  something differs
  2  the command line is wrong
  3  nothing differs, but a source failed, or there was nothing to compare
  4  refused: no second source, an unknown symbol, column or option
  5  no source gave a row, and one failed
"""


class AuditArguments(RangeArguments):
    """What the command line of an audit says."""

    symbol: str | None
    sources: tuple[str, ...] | None
    columns: tuple[str, ...] | None
    options: dict[str, str]
    relative: dict[str, float]
    absolute: dict[str, float]
    no_cache: bool


def _names(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise click.BadParameter("give names with commas between")
    return names


def _pairs(
    read: Callable[[str], T], form: str
) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], dict[str, T]]:
    """Callback of an option ``NAME=VALUE`` that may be repeated."""

    def callback(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, T]:
        pairs: dict[str, T] = {}
        for text in texts:
            name, _equals, value = text.partition("=")
            try:
                if not name or not value or name in pairs:
                    raise ValueError(text)
                pairs[name] = read(value)
            except ValueError:
                raise click.BadParameter(f"{text!r} is no {form}, each name once") from None
        return pairs

    return callback


@click.command(epilog=_ENDING)
@series_options
@click.option(
    "--sources", callback=_names, metavar="A,B", help="Which ones; all of the series when left out."
)
@click.option("--columns", callback=_names, metavar="A,B", help="Compare only these.")
@click.option(
    "--relative", multiple=True, callback=_pairs(float, "COLUMN=FRACTION"), metavar="COLUMN=FRACTION",
    help="How far values may lie apart, as a fraction, such as volume=1e-6; may be repeated.",
)  # fmt: skip
@click.option(
    "--absolute", multiple=True, callback=_pairs(float, "COLUMN=NUMBER"), metavar="COLUMN=NUMBER",
    help="The same in the column's unit, such as close=0.01.",
)  # fmt: skip
@click.option(
    "--option", "options", multiple=True, callback=_pairs(str, "NAME=VALUE"), metavar="NAME=VALUE",
    help="An option of the client; may be repeated.",
)  # fmt: skip
@click.option("--no-cache", is_flag=True, help="Fetch all of it anew, what is cached too.")
@format_option(*_FORMATS, text="Form of what differs; told from FILE's suffix, else table.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE",
    help="Write what differs to FILE, which appears when it is whole.",
)  # fmt: skip
@click.pass_context
def audit(ctx: click.Context, form: str | None, output: Path | None, **asked: Unpack[AuditArguments]) -> None:
    """Compare what the sources of a series tell of one range, row by row.

    Each source is asked alone; rows of it that are cached are not fetched again, and nothing is cached.
    """
    if asked["symbol"] is None:
        raise click.UsageError("Say which series: SYMBOL INTERVAL.")
    check_range(asked["last"], asked["start"])
    output = None if output == _STDOUT else output
    form = form or _form_of(output)
    if form == "parquet" and output is None:
        raise click.UsageError("--format parquet needs -o FILE.")
    from dsm_core.cli.audit_run import run_audit  # noqa: PLC0415 - brings pandas and Arrow

    ctx.exit(run_audit(asked, form=form, output=output))


def _form_of(output: Path | None) -> str:
    if output is None:
        return "table"
    form = _SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise click.UsageError(f"{output.name!r} does not tell the format; add --format.")
    return form
