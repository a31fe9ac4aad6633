"""A Binance that runs on this machine: archive, listing and REST on 127.0.0.1."""

from dsm_binance.emulator.faults import Fault
from dsm_binance.emulator.instruments import Listing, Outage
from dsm_binance.emulator.journal import RequestRecord
from dsm_binance.emulator.recorded import RECORDED
from dsm_binance.emulator.server import Emulator
from dsm_core.emulation import Clock

__all__ = ["Emulator", "Listing", "Outage", "Fault", "RequestRecord", "Clock", "RECORDED"]
