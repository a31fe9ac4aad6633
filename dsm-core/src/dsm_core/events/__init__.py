"""What happens during a call, as typed values, and the bus that hands them to observers.

Progress, metrics and logs subscribe here; no other room calls them.
"""

from dsm_core.events.bus import EventBus
from dsm_core.events.cache import CacheHit, CacheWritten
from dsm_core.events.call import GapFound, Planned, SegmentDone, SourceSkipped
from dsm_core.events.event import Event
from dsm_core.events.request import RateLimitWait, RequestFinished, RequestSent, Retry
from dsm_core.events.scope import Scope, call_scope, current_scope, new_call, new_call_id, source_scope

__all__ = [
    "CacheHit",
    "CacheWritten",
    "Event",
    "EventBus",
    "GapFound",
    "Planned",
    "RateLimitWait",
    "RequestFinished",
    "RequestSent",
    "Retry",
    "Scope",
    "SegmentDone",
    "SourceSkipped",
    "call_scope",
    "current_scope",
    "new_call",
    "new_call_id",
    "source_scope",
]
