"""Query parameters of REST requests, read as the venue reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dsm_binance.emulator.replies import BadRequestError, bad_request

__all__ = ["NUMBER", "illegal_symbol", "is_symbol", "mandatory", "number", "row_limit", "symbol_of"]

NUMBER: Final = re.compile(r"[0-9]{1,20}")
"""What a numeric parameter may be."""

_SYMBOL: Final = re.compile(r"[^\Wa-z]([^\Wa-z]|[-.])*")
_SYMBOL_RANGE: Final = r"^[\\w\\-._&&[^a-z]]{1,50}$"


def mandatory(query: Mapping[str, str], name: str) -> str:
    """Give a parameter that must be sent."""
    if not query.get(name):
        raise bad_request(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return query[name]


def symbol_of(query: Mapping[str, str], name: str = "symbol") -> str:
    """Give the symbol, or the pair, which must be sent and look like one."""
    symbol = mandatory(query, name)
    if not is_symbol(symbol):
        raise illegal_symbol(name)
    return symbol


def is_symbol(name: object) -> bool:
    """Tell whether a value looks like a symbol."""
    return isinstance(name, str) and _SYMBOL.fullmatch(name) is not None


def illegal_symbol(name: str) -> BadRequestError:
    """Give the refusal of a parameter that holds no symbol."""
    return _illegal(name, _SYMBOL_RANGE)


def number(query: Mapping[str, str], name: str) -> int | None:
    """Give a numeric parameter, or ``None`` when it was not sent."""
    if name not in query:
        return None
    if not query[name]:
        raise bad_request(-1105, f"Parameter '{name}' was empty.")
    if not NUMBER.fullmatch(query[name]):
        raise _illegal(name, "^[0-9]{1,20}$")
    return int(query[name])


def row_limit(query: Mapping[str, str], default: int, most: int) -> int:
    """Give how many rows are asked for; more than `most` is cut in silence."""
    limit = number(query, "limit")
    if limit == 0:
        raise bad_request(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit or default, most)


def _illegal(name: str, legal: str) -> BadRequestError:
    return bad_request(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
