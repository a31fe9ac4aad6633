"""OAuth2 with TradeStation: the login, where its tokens are kept, and requests that carry them."""

from dsm_tradestation.auth.authenticator import TradeStationAuth
from dsm_tradestation.auth.keeper import TokenKeeper, authorized
from dsm_tradestation.auth.requests import get_authorized
from dsm_tradestation.auth.token_endpoint import SIGNIN_LIMIT

__all__ = [
    "SIGNIN_LIMIT",
    "TokenKeeper",
    "TradeStationAuth",
    "authorized",
    "get_authorized",
]
