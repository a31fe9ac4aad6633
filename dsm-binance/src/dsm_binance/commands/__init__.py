"""The commands that dsm-binance adds to ``dsm``; each imports what it runs when it is run."""

from dsm_binance.commands.demo import demo
from dsm_binance.commands.emulate import emulate

__all__ = ["demo", "emulate"]
