"""What the venue's refusals mean, as errors of the tree.

A refusal is ``{"Error": title, "Message": text}``, with a status of its own or inside a 200.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dsm_core.errors import (
    AuthenticationError,
    DataNotAvailableError,
    ProtocolChangedError,
    RateLimitError,
    RestAPIError,
    ServerError,
    SourceError,
)

__all__ = ["CLIENT_CENTRE", "NEW_RELEASE", "changed", "is_entitlement", "not_entitled", "refusal", "too_much"]

CLIENT_CENTRE: Final = "https://clientcenter.tradestation.com"
NEW_RELEASE: Final = "Look for a new release of dsm-tradestation."
_TITLES: Final[Mapping[str, type[SourceError]]] = {
    "unauthorized": AuthenticationError,
    "forbidden": AuthenticationError,
    "notfound": DataNotAvailableError,
    "toomanyrequests": RateLimitError,
    "internalservererror": ServerError,
    "serviceunavailable": ServerError,
    "gatewaytimeout": ServerError,
}
_ENTITLEMENT: Final = ("entitle", "not authorized", "not permission", "forbidden", "exchange agreement")


def changed(what: str) -> ProtocolChangedError:
    """The error of an answer that has not the documented form."""
    return ProtocolChangedError(what, hint=NEW_RELEASE)


def refusal(body: Any, symbol: str) -> SourceError | None:
    """The error that stands inside a 200; None when the body is no refusal.

    Parameters
    ----------
    body
        The parsed answer.
    symbol
        What was asked for.
    """
    if not isinstance(body, Mapping) or not body.get("Error"):
        return None
    title, message = str(body["Error"]), str(body.get("Message") or "")
    if is_entitlement(f"{title} {message}"):
        return not_entitled(symbol, message or title)
    kind = _TITLES.get(title.replace(" ", "").lower(), RestAPIError)
    said = f"{title}: {message}" if message else title
    return kind(f"TradeStation refused {symbol!r}: {said.rstrip('.')}.", code=title, symbol=symbol)


def is_entitlement(text: str) -> bool:
    """Whether a message says that the account may not have the data."""
    return any(word in text.lower() for word in _ENTITLEMENT)


def not_entitled(symbol: str, said: str, **details: Any) -> AuthenticationError:
    """The error of data that the account does not include; trying again does not help."""
    return AuthenticationError(
        f"TradeStation does not give the bars of {symbol!r} to this account: {said.strip().rstrip('.')}.",
        hint=(
            f"Add the exchange's data in the client centre ({CLIENT_CENTRE}), or log in again with the scope "
            "MarketData: dsm auth tradestation login."
        ),
        **{**details, "symbol": symbol},
    )


def too_much(error: RestAPIError, symbol: str) -> RestAPIError:
    """The same error, with what a 400 of this endpoint is usually about."""
    return RestAPIError(
        error.message,
        hint=f"The interval or the dates of the request for {symbol!r} were refused. {NEW_RELEASE}",
        **{**error.details, "symbol": symbol},
    )
