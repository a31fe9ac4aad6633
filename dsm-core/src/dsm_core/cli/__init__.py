"""The command ``dsm``: what a shell sees of DSM. It parses, prints and exits; all else is other rooms' work.

Nothing here imports a table library before a command needs rows.
"""

from dsm_core.cli.app import main

__all__ = ["main"]
