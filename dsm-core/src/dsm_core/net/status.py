"""The one table from HTTP status, and from a failure of the transport, to an error of the tree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
from attrs import frozen

from dsm_core.errors import (
    AccessDeniedError,
    AuthenticationError,
    DataNotAvailableError,
    ProtocolChangedError,
    RateLimitError,
    RestAPIError,
    ServerError,
    SourceError,
    SourceTimeoutError,
)
from dsm_core.net.json_text import JsonError, loads
from dsm_core.net.urls import mask_text

__all__ = [
    "BODY_SHOWN",
    "DEFAULT_BAN_S",
    "MAX_BAN_S",
    "Rejection",
    "parse_http_date",
    "parse_reset",
    "parse_retry_after",
    "status_error",
    "transport_error",
]

BODY_SHOWN: Final = 500
MAX_BAN_S: Final = 3 * 86_400.0
"""Known bans last two minutes up to three days; no venue is believed beyond that."""
DEFAULT_BAN_S: Final = 120.0
_YEAR_2001_S: Final = 1e9

_BY_STATUS: Final[Mapping[int, type[SourceError]]] = {
    401: AuthenticationError,
    403: AccessDeniedError,
    404: DataNotAvailableError,
    418: RateLimitError,
    429: RateLimitError,
    451: AccessDeniedError,
}
_MEANING: Final[Mapping[type[SourceError], str]] = {
    AuthenticationError: "wants valid credentials",
    AccessDeniedError: "refuses this client",
    DataNotAvailableError: "does not have it",
    RateLimitError: "limits the rate",
    RestAPIError: "refused the request",
    ServerError: "failed",
}
_BANNED_UNTIL: Final = re.compile(r"banned until (\d{12,14})")


@frozen(kw_only=True)
class Rejection:
    """An answer that is not a success: what the table needs of it."""

    status: int
    headers: Mapping[str, str]
    body: str
    wall_s: float


def status_error(rejection: Rejection, **about: Any) -> SourceError:
    """Give the error that a status other than 2xx and 3xx stands for; ``about`` joins its details."""
    status = rejection.status
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else RestAPIError)
    # Some servers repeat the query that they refuse.
    body = mask_text(rejection.body)
    code, reason = _reason(body)
    details: dict[str, Any] = {"status": status, "code": code, "body": body[:BODY_SHOWN] or None}
    if kind is RateLimitError:
        details["banned"] = status == 418
    if kind in (RateLimitError, ServerError):
        details["retry_after_s"] = _wait_s(rejection)
    said = f": {reason}" if reason else ""
    return kind(f"The server {_MEANING[kind]} (HTTP {status}){said}", **(about | details))


def transport_error(error: Exception, **about: Any) -> SourceError:
    """Give the error for an exchange that httpx could not finish."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.DecodingError):
        return ServerError(f"The answer is damaged: {reason}", **about)
    if isinstance(error, httpx.LocalProtocolError):
        # Its text repeats the header that it complains of, which may be a credential.
        return ProtocolChangedError("The request cannot be sent: a header is ill-formed.", **about)
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return ProtocolChangedError(f"The request cannot be sent: {reason}", **about)
    if isinstance(error, httpx.TimeoutException):
        return SourceTimeoutError(f"No answer in time: {reason}", **about)
    return SourceTimeoutError(f"The connection broke: {reason}", **about)


def _reason(body: str) -> tuple[Any, str]:
    """Find the venue's own code and words in an error body, whatever they are called."""
    try:
        parsed = loads(body)
    except JsonError:
        return None, ""
    if not isinstance(parsed, dict):
        return None, ""
    fields = {str(name).lower(): value for name, value in parsed.items()}
    words = (fields.get(name) for name in ("msg", "message", "error"))
    return fields.get("code"), next((str(text)[:BODY_SHOWN] for text in words if text), "")


def _wait_s(rejection: Rejection) -> float | None:
    stated = parse_retry_after(rejection.headers.get("retry-after"), rejection.wall_s)
    if stated is None and rejection.status == 429:
        stated = parse_reset(rejection.headers.get("x-ratelimit-reset"), rejection.wall_s)
    if stated is not None or rejection.status != 418:
        return stated
    match = _BANNED_UNTIL.search(rejection.body)
    if match and (until_s := int(match[1]) / 1000 - rejection.wall_s) > 0:
        return min(until_s, MAX_BAN_S)
    return DEFAULT_BAN_S


def parse_retry_after(text: str | None, wall_s: float) -> float | None:
    """Give the seconds a ``Retry-After`` header asks for; None when it says nothing usable."""
    if text is None:
        return None
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text, re.ASCII):
        seconds = float(text)
    elif (moment := parse_http_date(text)) is not None:
        seconds = moment.timestamp() - wall_s
    else:
        return None
    return min(seconds, MAX_BAN_S) if seconds > 0 else None


def parse_reset(text: str | None, wall_s: float) -> float | None:
    """Give the seconds until the moment that an ``X-RateLimit-Reset`` header tells; None without one.

    Venues write seconds from now, or seconds or milliseconds since 1970: their sizes tell them apart.
    """
    if text is None or not re.fullmatch(r"\s*\d{1,16}(\.\d+)?\s*", text, re.ASCII):
        return None
    number = float(text)
    if number > _YEAR_2001_S * 1000:
        number /= 1000
    seconds = number - wall_s if number > _YEAR_2001_S else number
    return min(seconds, MAX_BAN_S) if seconds > 0 else None


def parse_http_date(text: str | None) -> datetime | None:
    """Give the aware UTC moment of an HTTP date; None when it is not one."""
    try:
        moment = parsedate_to_datetime(text or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        # Overflow: of a year, or an offset, of twenty digits.
        return None
