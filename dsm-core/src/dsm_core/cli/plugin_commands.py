"""Commands that other packages bring, through the entry-point group ``dsm.commands``.

Listing reads metadata only. A command is imported when it is run, inside a guard, so that a broken one
costs nobody else anything. A dot in an entry point's name makes a group: ``emulate.binance`` is
``dsm emulate binance``, and another package may add ``emulate.acme`` beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import click
from click.shell_completion import CompletionItem

from dsm_core.cli.console import say
from dsm_core.errors import PluginConflictError, PluginContractError, PluginLoadError

__all__ = ["GROUP", "FoundCommand", "PluginGroup", "installed_commands"]

GROUP: Final = "dsm.commands"


class FoundCommand(NamedTuple):
    """A command as its distribution's metadata tells it; ``path`` is ``("emulate", "binance")``."""

    path: tuple[str, ...]
    target: str
    package: str


def installed_commands() -> tuple[FoundCommand, ...]:
    """Every command that an installed distribution declares, by name; imports nothing."""
    from dsm_core.plugins.metadata import declared  # noqa: PLC0415 - core's own commands need no metadata

    found = {
        FoundCommand(tuple(d.name.split(".")), d.target, f"{d.distribution} {d.version}")
        for d in declared(GROUP)
    }
    return tuple(sorted(found))


class PluginGroup(click.Group):
    """A group that offers its own commands and, below them, those of other packages.

    Parameters
    ----------
    find
        Gives the commands of other packages; asked when one of them may be meant, and once.
    depth
        How many names of a found command's path lead here.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        find: Callable[[], Sequence[FoundCommand]] = installed_commands,
        depth: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(name, **settings)
        self._find = find
        self._depth = depth
        self._known: dict[str, list[FoundCommand]] | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of every command, core's own first; nothing is imported."""
        return [*sorted(self.commands), *self._plugins()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; one of another package is imported now.

        Raises
        ------
        PluginLoadError, PluginContractError, PluginConflictError
            When that package's command cannot be used; the message names the package.
        """
        own = self.commands.get(cmd_name)
        if own is not None:
            return own
        found = self._plugins().get(cmd_name)
        return None if found is None else self._command(cmd_name, found)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands into the help: core's with their text, others with their package."""
        own = [(name, self.commands[name].get_short_help_str(80)) for name in sorted(self.commands)]
        others = [(name, _origin(found)) for name, found in self._plugins().items()]
        for title, rows in (("Commands", own), ("Commands of installed packages", others)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        for name in self._hidden():
            say("warning", f"{_origin(self._by_name()[name])}: its command {name!r} is hidden by DSM's own.")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names that begin so; click's own way would import each command."""
        own = {name: command.get_short_help_str() for name, command in sorted(self.commands.items())}
        helps = own | {name: _origin(found) for name, found in self._plugins().items()}
        names = [CompletionItem(n, help=text) for n, text in helps.items() if n.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def _by_name(self) -> dict[str, list[FoundCommand]]:
        if self._known is None:
            self._known = {}
            for command in self._find():
                if len(command.path) > self._depth:
                    self._known.setdefault(command.path[self._depth], []).append(command)
        return self._known

    def _plugins(self) -> dict[str, list[FoundCommand]]:
        return {name: found for name, found in self._by_name().items() if name not in self.commands}

    def _hidden(self) -> list[str]:
        return [name for name, found in self._by_name().items() if self._is_taken(name, found)]

    def _is_taken(self, name: str, found: Sequence[FoundCommand]) -> bool:
        """Whether core's own command stands in the way; below a group that is open there is room."""
        own = self.commands.get(name)
        is_below = all(len(command.path) > self._depth + 1 for command in found)
        return own is not None and not (isinstance(own, PluginGroup) and is_below)

    def _command(self, name: str, found: list[FoundCommand]) -> click.Command:
        deeper = self._depth + 1
        leaves = [command for command in found if len(command.path) == deeper]
        if len(found) == len(leaves) == 1:
            return _load(leaves[0])
        if leaves:
            names = " and ".join(dict.fromkeys(command.package for command in found))
            raise PluginConflictError(
                f"The command {name!r} is claimed more than once: {names}.", hint="Uninstall one of them."
            )
        return PluginGroup(
            name,
            find=lambda: found,
            depth=deeper,
            no_args_is_help=False,
            help=f"Commands of {_origin(found)}.",
        )


def _origin(found: Sequence[FoundCommand]) -> str:
    return ", ".join(dict.fromkeys(command.package for command in found))


def _load(found: FoundCommand) -> click.Command:
    import importlib_metadata  # noqa: PLC0415 - see installed_commands

    entry = importlib_metadata.EntryPoint(name=".".join(found.path), value=found.target, group=GROUP)
    who = f"The command {' '.join(found.path)!r} of {found.package}"
    package = found.package.partition(" ")[0]
    try:
        command = entry.load()
    except (Exception, SystemExit) as error:
        raise PluginLoadError(
            f"{who} failed to load: {error!r}.", hint=f"Upgrade or uninstall {package}; others are not hurt."
        ) from error
    if not isinstance(command, click.Command):
        raise PluginContractError(
            f"{who} is {type(command).__name__}, no click command.", hint=f"Upgrade or uninstall {package}."
        )
    return command
