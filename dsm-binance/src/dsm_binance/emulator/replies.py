"""Answers before they become HTTP: status, body and headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from dsm_core import emulation
from dsm_core.emulation import RefusalError, Reply

__all__ = ["JSON", "XML", "BadRequestError", "api_error", "bad_request", "json_reply", "no_such_key"]

JSON: Final = "application/json;charset=UTF-8"
XML: Final = "application/xml"


class BadRequestError(RefusalError):
    """What a REST endpoint refuses, as the reply it gives."""


def json_reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Give a value as the venue writes JSON: no spaces, UTF-8 as it is."""
    return emulation.json_reply(value, status, headers, JSON)


def api_error(code: int, msg: str, status: int = 400, headers: Mapping[str, str] | None = None) -> Reply:
    """Give the venue's error body."""
    return json_reply({"code": code, "msg": msg}, status, headers)


def bad_request(code: int, msg: str) -> BadRequestError:
    """Give the exception that stops a REST endpoint with HTTP 400."""
    return BadRequestError(api_error(code, msg))


def no_such_key(key: str) -> Reply:
    """Give S3's answer for an object that is not there."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
        f"<Message>The specified key does not exist.</Message><Key>{escape(key)}</Key>"
        "<RequestId>EMULATED00000000</RequestId><HostId>ZW11bGF0ZWQ=</HostId></Error>"
    )
    return Reply(404, body.encode(), XML)
