"""Binance for DSM: klines of spot, USDS-M and COIN-M from the public archive and REST."""

import logging

from dsm_binance._version import __version__
from dsm_binance.errors import VisionAPIError

__all__ = ["VisionAPIError", "__version__"]

logging.getLogger(__name__).addHandler(logging.NullHandler())
