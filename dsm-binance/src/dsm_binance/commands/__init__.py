"""The commands that dsm-binance adds to ``dsm``; each imports what it runs when it is run."""

from dsm_binance.commands.demo import demo
from dsm_binance.commands.emulate import emulate
from dsm_binance.commands.import_vision import import_vision

__all__ = ["demo", "emulate", "import_vision"]
