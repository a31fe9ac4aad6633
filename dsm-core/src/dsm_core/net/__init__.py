"""HTTP for providers: the one room that knows it."""

from dsm_core.net.deadline import Deadline, current_deadline, deadline_scope
from dsm_core.net.http import Http
from dsm_core.net.lane import AdaptiveLane
from dsm_core.net.replies import Download, JsonReply, TextReply
from dsm_core.net.session import HttpSession
from dsm_core.net.settings import HttpSettings, Limit

__all__ = [
    "AdaptiveLane",
    "Deadline",
    "Download",
    "Http",
    "HttpSession",
    "HttpSettings",
    "JsonReply",
    "Limit",
    "TextReply",
    "current_deadline",
    "deadline_scope",
]
