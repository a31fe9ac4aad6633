"""``dsm auth PROVIDER login|status|logout``: who asks, where a provider wants to know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsm_core.cli.console import say, say_note
from dsm_core.cli.failure import ExitCode
from dsm_core.cli.options import config_option, debug_option, json_option

if TYPE_CHECKING:
    from dsm_core.plugins import AuthStatus

__all__ = ["auth"]


class _Providers(click.Group):
    """A group of actions for each installed provider; listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from dsm_core.plugins.discovery import installed_providers  # noqa: PLC0415 - brings attrs and metadata

        return sorted({found.name for found in installed_providers()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """The actions of a provider.

        Raises
        ------
        PluginError
            No installed package provides it, or two do.
        """
        from dsm_core.plugins.discovery import find_provider, installed_providers  # noqa: PLC0415 - see above

        find_provider(cmd_name, installed_providers())
        return _actions(cmd_name)


def _actions(provider: str) -> click.Group:
    return click.Group(
        provider,
        commands={command.name or "": command for command in (_login, _status, _logout)},
        no_args_is_help=False,
        help=f"Log in to {provider}, see how things stand, log out.",
    )


@click.group("auth", cls=_Providers, no_args_is_help=False, subcommand_metavar="PROVIDER login|status|logout")
def auth() -> None:
    """Log in to a provider, see how things stand, log out."""


@click.command("login")
@click.option(
    "--browser/--no-browser", "wants_browser", default=None,
    help="Open a browser, or only print the address. By default one is opened on a desktop.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N",
    help="Listen on this port for the answer, in place of the configured one; the venue must know it.",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(1), default=300.0, show_default=True, metavar="SECONDS",
    help="How long to wait for the answer.",
)  # fmt: skip
@config_option
@debug_option
@click.pass_context
def _login(
    ctx: click.Context,
    *,
    wants_browser: bool | None,
    port: int | None,
    timeout_s: float,
    config: Path | None,
) -> None:
    """Print an address, wait for its answer, and keep what that gives."""
    from dsm_core.cli.auth_run import Screen, run_auth  # noqa: PLC0415 - brings the HTTP room
    from dsm_core.plugins import LoginRequest  # noqa: PLC0415 - see above

    screen = Screen(wants_browser)
    request = LoginRequest(tell=say_note, show_url=screen.show_url, port=port, timeout_s=timeout_s)
    status = run_auth(_provider(ctx), config, lambda auth, context: auth.login(context, request))
    _finish(ctx, status)


@click.command("status")
@json_option
@config_option
@debug_option
@click.pass_context
def _status(ctx: click.Context, *, as_json: bool, config: Path | None) -> None:
    """Tell how things stand; sends no request. The exit code is 0 when requests can be made, else 1."""
    from dsm_core.cli.auth_run import run_auth  # noqa: PLC0415 - brings the HTTP room

    status = run_auth(_provider(ctx), config, lambda auth, context: auth.status(context))
    if as_json:
        click.echo(json.dumps({"provider": _provider(ctx), **_facts(status)}, indent=1))
        ctx.exit(ExitCode.OK if status.is_ready else ExitCode.OTHER)
    _finish(ctx, status)


@click.command("logout")
@click.option("--revoke", is_flag=True, help="Ask the venue, too, to refuse what was kept from now on.")
@config_option
@debug_option
@click.pass_context
def _logout(ctx: click.Context, *, revoke: bool, config: Path | None) -> None:
    """Forget what a login gave."""
    from dsm_core.cli.auth_run import run_auth  # noqa: PLC0415 - brings the HTTP room

    status = run_auth(_provider(ctx), config, lambda auth, context: auth.logout(context, revoke=revoke))
    _show(_provider(ctx), status)


def _provider(ctx: click.Context) -> str:
    assert ctx.parent is not None
    return str(ctx.parent.info_name)


def _finish(ctx: click.Context, status: AuthStatus) -> None:
    _show(_provider(ctx), status)
    if not status.is_ready:
        ctx.exit(ExitCode.OTHER)


def _show(provider: str, status: AuthStatus) -> None:
    click.echo(f"{provider}: {status.state.replace('_', ' ')}")
    until = None if status.valid_until is None else f"{status.valid_until:%Y-%m-%d %H:%M:%S %Z}"
    for name, value in (("account", status.account), ("kept in", status.kept_in), ("access until", until)):
        if value is not None:
            click.echo(f"  {name:<12}  {value}")
    for note in status.notes:
        say_note(note)
    if status.remedy is not None:
        say("hint", status.remedy)


def _facts(status: AuthStatus) -> dict[str, object]:
    return {
        "state": status.state,
        "account": status.account,
        "kept_in": status.kept_in,
        "valid_until": None if status.valid_until is None else status.valid_until.isoformat(),
        "notes": list(status.notes),
        "remedy": status.remedy,
    }
