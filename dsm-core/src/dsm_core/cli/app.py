"""The root command: what all commands share, and how any of them ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click

from dsm_core._version import __version__
from dsm_core.cli.audit import audit
from dsm_core.cli.auth import auth
from dsm_core.cli.cache import cache
from dsm_core.cli.chart_types import chart_types
from dsm_core.cli.completion import completion
from dsm_core.cli.config import config
from dsm_core.cli.console import colour_choice, say
from dsm_core.cli.coverage import coverage
from dsm_core.cli.doctor import doctor
from dsm_core.cli.failure import ExitCode, report, report_usage, silence_stdout, warnings_as_lines
from dsm_core.cli.get import explain, get
from dsm_core.cli.lock import lock, reproduce, verify
from dsm_core.cli.logs import logs_end
from dsm_core.cli.new_provider import new_provider
from dsm_core.cli.options import Debug, debug_option
from dsm_core.cli.plugin_commands import PluginGroup
from dsm_core.cli.porting import export, import_group
from dsm_core.cli.providers import providers
from dsm_core.cli.refresh import refresh
from dsm_core.cli.symbols import symbols
from dsm_core.cli.update import prefetch, update
from dsm_core.errors import DSMError

__all__ = ["dsm", "main"]


class _Root(PluginGroup):
    """Turns whatever a command raises into lines on stderr and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **settings: Any,
    ) -> Any:
        # Without its standalone mode click gives the code of an early exit, else what invoke gives.
        run = partial(super().main, args, prog_name, complete_var, standalone_mode=False, **settings)
        if not standalone_mode:
            return run()
        with logs_end(), warnings_as_lines():
            sys.exit(_guarded(run))

    def invoke(self, ctx: click.Context) -> None:
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            silence_stdout()
            ctx.exit(ExitCode.BROKEN_PIPE)


def _guarded(run: Callable[..., Any]) -> int:
    debug = Debug()
    try:
        return run(obj=debug, color=colour_choice()) or ExitCode.OK
    except DSMError as error:
        return report(error, debug=debug.on)
    except click.ClickException as error:
        return report_usage(error)
    except click.Abort:
        say("error", "interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:
        # Standard output on a full disk, for one.
        silence_stdout()
        say("error", f"cannot write: {error.strerror or error}")
        return ExitCode.OTHER


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from dsm_core.plugins.discovery import installed_providers  # noqa: PLC0415 - brings attrs

    click.echo(f"dsm-core {__version__}")
    for found in installed_providers():
        click.echo(f"{found.distribution} {found.version} (provider {found.name})")
    ctx.exit()


@click.group(
    "dsm",
    cls=_Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Versions of the core and of each installed provider.",
)  # fmt: skip
@debug_option
@click.pass_context
def dsm(ctx: click.Context) -> None:
    """Complete, verified market data from cache, archive and REST.

    Data goes to stdout, everything else to stderr.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _command in (
    get,
    explain,
    export,
    import_group,
    providers,
    chart_types,
    config,
    cache,
    update,
    prefetch,
    refresh,
    symbols,
    coverage,
    audit,
    lock,
    verify,
    reproduce,
    auth,
    doctor,
    new_provider,
    completion,
):
    dsm.add_command(_command)


def main() -> None:
    """Run ``dsm`` with the process's arguments, and exit."""
    dsm.main(prog_name="dsm")
