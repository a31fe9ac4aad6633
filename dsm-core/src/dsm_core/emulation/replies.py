"""Answers before they become HTTP: status, body and headers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["RefusalError", "Reply", "json_reply", "retry_after"]


@dataclass(frozen=True)
class Reply:
    """One answer, whole."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusalError(Exception):
    """What an endpoint refuses, as the reply it gives; whoever called the endpoint sends that."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode())
        self.reply = reply


def json_reply(
    value: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> Reply:
    """Give a value as JSON without spaces, UTF-8 as it is."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return Reply(status, body, content_type, headers or {})


def retry_after(seconds: float | None) -> dict[str, str]:
    """Give the header ``Retry-After``, in whole seconds as HTTP has it; ``None`` and ``inf`` leave it out."""
    if seconds is None or math.isinf(seconds):
        return {}
    return {"Retry-After": str(math.ceil(seconds))}
