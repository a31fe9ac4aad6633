"""The venue's words: error titles and bodies of its API, of its older version, and of its sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dsm_core.emulation import RefusalError, Reply, json_reply

__all__ = ["MESSAGES", "TITLES", "api_error", "oauth_error", "refused", "v2_error"]

TITLES: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}
MESSAGES: Final = {
    400: "The request is invalid.",
    401: "The access token is missing, invalid or expired.",
    403: "Not entitled to data for this symbol",
    404: "Invalid symbol",
    429: "You have exceeded your quota of requests.",
    500: "An unexpected error occurred.",
    502: "The upstream service gave no valid answer.",
    503: "The service is not available at present.",
    504: "The upstream service did not answer in time.",
}


def api_error(status: int, message: str = "", headers: Mapping[str, str] | None = None) -> Reply:
    """Give the API's error body."""
    return json_reply({"Error": TITLES[status], "Message": message or MESSAGES[status]}, status, headers)


def v2_error(status: int, message: str = "", headers: Mapping[str, str] | None = None) -> Reply:
    """Give the error body of what is left of the older API."""
    body = {
        "TraceId": "00000000-0000-4000-8000-000000000000",
        "StatusCode": status,
        "Message": message or MESSAGES[status],
    }
    return json_reply(body, status, headers)


def oauth_error(
    status: int, error: str, description: str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """Give the sign-in's error body."""
    return json_reply({"error": error, "error_description": description or error}, status, headers)


def refused(status: int, message: str = "") -> RefusalError:
    """Give the exception that stops an endpoint of the API."""
    return RefusalError(api_error(status, message))
