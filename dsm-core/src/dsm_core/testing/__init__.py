"""The conformance kit: what a provider's author runs, and what it is made of.

Needs pytest, and hypothesis for :mod:`dsm_core.testing.strategies`: ``pip install dsm-core[testing]``.
"""

from dsm_core.testing.bars import Bars, Moment, Row
from dsm_core.testing.case import CASES, Case
from dsm_core.testing.factories import (
    checksum_of,
    fake_distribution,
    invented_bars,
    klines_table,
    zip_of,
)
from dsm_core.testing.messages import Fault, Request, Response
from dsm_core.testing.server import LoopbackServer
from dsm_core.testing.suite import ClientSuite

__all__ = [
    "CASES",
    "Bars",
    "Case",
    "ClientSuite",
    "Fault",
    "LoopbackServer",
    "Moment",
    "Request",
    "Response",
    "Row",
    "checksum_of",
    "fake_distribution",
    "invented_bars",
    "klines_table",
    "zip_of",
]
