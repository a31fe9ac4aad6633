"""TradeStation for DSM: bars with exchange sessions, behind OAuth2."""

import logging

from dsm_tradestation._version import __version__

__all__ = ["__version__"]

logging.getLogger(__name__).addHandler(logging.NullHandler())
