"""``dsm completion``: the script that lets a shell complete ``dsm``."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from dsm_core.cli.console import say_note

__all__ = ["completion"]

_SHELLS: Final = {
    "bash": "dsm completion bash > ~/.dsm.bash; then put `. ~/.dsm.bash` into ~/.bashrc",
    "zsh": "dsm completion zsh > ~/.dsm.zsh; then put `. ~/.dsm.zsh` into ~/.zshrc",
    "fish": "dsm completion fish > ~/.config/fish/completions/dsm.fish",
}
_VARIABLE: Final = "_DSM_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(tuple(_SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    Stderr says where it goes.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    root = ctx.find_root()
    click.echo(kind(root.command, {}, root.info_name or "dsm", _VARIABLE).source())
    say_note(f"To install: {_SHELLS[shell]}")
