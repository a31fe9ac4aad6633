"""The commands that dsm-tradestation adds to ``dsm``; each imports what it runs when it is run."""

from dsm_tradestation.commands.emulate import emulate

__all__ = ["emulate"]
