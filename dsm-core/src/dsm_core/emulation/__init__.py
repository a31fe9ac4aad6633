"""What emulated venues share: a clock, a loopback server, faults, a journal, limits and noise.

For authors of a provider who want its venue on their own machine; see ``docs/emulator.md``. The server needs
aiohttp, the extra ``dsm-core[emulator]``, so names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsm_core.lazy import loader

if TYPE_CHECKING:
    from dsm_core.emulation.clock import Clock, from_ms, to_ms
    from dsm_core.emulation.command import Venue, check_emulator, configuration_text, serve
    from dsm_core.emulation.delivery import send, spoil
    from dsm_core.emulation.faults import Fault, FaultBox
    from dsm_core.emulation.journal import Journal, RequestRecord
    from dsm_core.emulation.limits import RefillPool, Verdict, WeightPool
    from dsm_core.emulation.loopback import HOST, Loopback
    from dsm_core.emulation.replies import RefusalError, Reply, json_reply
    from dsm_core.emulation.store import Store
    from dsm_core.emulation.venue import Answering, EmulatedVenue

__all__ = [
    "HOST",
    "Answering",
    "Clock",
    "EmulatedVenue",
    "Fault",
    "FaultBox",
    "Journal",
    "Loopback",
    "RefillPool",
    "RefusalError",
    "Reply",
    "RequestRecord",
    "Store",
    "Venue",
    "Verdict",
    "WeightPool",
    "check_emulator",
    "configuration_text",
    "from_ms",
    "json_reply",
    "send",
    "serve",
    "spoil",
    "to_ms",
]

_HOMES = {
    "HOST": "loopback",
    "Answering": "venue",
    "Clock": "clock",
    "EmulatedVenue": "venue",
    "Fault": "faults",
    "FaultBox": "faults",
    "Journal": "journal",
    "Loopback": "loopback",
    "RefillPool": "limits",
    "RefusalError": "replies",
    "Reply": "replies",
    "RequestRecord": "journal",
    "Store": "store",
    "Venue": "command",
    "Verdict": "limits",
    "WeightPool": "limits",
    "check_emulator": "command",
    "configuration_text": "command",
    "from_ms": "clock",
    "json_reply": "replies",
    "send": "delivery",
    "serve": "command",
    "spoil": "delivery",
    "to_ms": "clock",
}

__getattr__ = loader(__name__, _HOMES, globals())


def __dir__() -> list[str]:
    return sorted(__all__)
