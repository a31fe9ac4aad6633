"""Log records and events as JSON, one object a line."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Final

from dsm_core.events import Event, current_scope
from dsm_core.masking import mask_text

__all__ = ["JsonFormatter", "fields_of"]

_EVENT: Final = re.compile(r"([a-z][a-z0-9_]*)(?: [a-z][a-z0-9_]*=.*)?", re.DOTALL)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What a record tells: ``event`` and its fields of an event, else ``event`` and ``message``.

    ``call_id`` is there in any case; 0 outside a call.
    """
    event = getattr(record, "dsm_event", None)
    if isinstance(event, Event):
        return event.as_dict()
    message = record.getMessage()
    named = _EVENT.fullmatch(message)
    return {
        "event": getattr(record, "dsm_kind", None) or (named[1] if named else "log"),
        "call_id": current_scope().call_id,
        "message": mask_text(message),
    }


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON.

    Each has ``time`` (ISO, UTC, microseconds), ``level``, ``logger``, ``event`` and ``call_id``; a
    record of an event has the event's fields, another one ``message``, and ``exception`` where there
    is a traceback.

    Examples
    --------
    >>> record = logging.LogRecord("dsm_core.net", logging.DEBUG, "", 0, "host_refused url=%s", ("u",), None)
    >>> record.created = 1718452830.5
    >>> print(JsonFormatter().format(record))  # doctest: +NORMALIZE_WHITESPACE
    {"time": "2024-06-15T12:00:30.500000+00:00", "level": "debug", "logger": "dsm_core.net",
    "event": "host_refused", "call_id": 0, "message": "host_refused url=u"}
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        # A field of a plugin's event may be called like one of these.
        told |= {name: value for name, value in fields_of(record).items() if name not in told}
        if record.exc_text or record.exc_info:
            trace = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
            told["exception"] = mask_text(trace)
        return json.dumps(told, ensure_ascii=False, default=str)
