"""A TradeStation that runs on this machine: sign-in, bars and symbols on 127.0.0.1."""

from dsm_core.emulation import Clock
from dsm_tradestation.emulator.faults import Fault
from dsm_tradestation.emulator.journal import RequestRecord
from dsm_tradestation.emulator.listings import DEFAULT_LISTINGS, Listing
from dsm_tradestation.emulator.manners import Manners
from dsm_tradestation.emulator.oauth import SignIn
from dsm_tradestation.emulator.server import CLIENT_ID, TradeStationEmulator

__all__ = [
    "TradeStationEmulator",
    "Listing",
    "Manners",
    "Fault",
    "SignIn",
    "RequestRecord",
    "Clock",
    "CLIENT_ID",
    "DEFAULT_LISTINGS",
]
