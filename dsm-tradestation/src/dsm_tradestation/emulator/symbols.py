"""Symbol details (``/v3/marketdata/symbols``), the list of crypto pairs, and suggestions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from dsm_core.emulation import Clock, Reply, json_reply
from dsm_tradestation.emulator.book import Book, Instrument
from dsm_tradestation.emulator.listings import Listing
from dsm_tradestation.emulator.replies import refused

__all__ = ["Symbols"]

_MOST: Final = 50
_OPTION: Final = re.compile(r"\S+ (?P<expiry>\d{6})(?P<side>[CP])(?P<strike>[\d.]+)")
_FILTER: Final = re.compile(r"(Category|Country|Currency|Exchange) (eq|neq) '([^']*)'")
# The document filters by one name and answers with the other.
_COUNTRIES: Final = {"United States": "US"}
_CATEGORIES: Final = {"STOCK": "Stock", "FUTURE": "Future", "FOREX": "Forex", "INDEX": "Index"}


class Symbols:
    """Answers what there is to know about symbols."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book, self._clock = book, clock

    def details(self, symbols: str) -> Reply:
        """Answer for a list of symbols, separated by commas.

        Raises
        ------
        RefusalError
            There are more than 50.
        """
        asked = [symbol for symbol in symbols.split(",") if symbol]
        if not asked or len(asked) > _MOST:
            raise refused(400, f"Give 1 to {_MOST} symbols; these are {len(asked)}.")
        found, errors = {}, []
        for symbol in asked:
            detail = self._detail(symbol)
            if detail is None:
                errors.append({"Symbol": symbol, "Error": "NotFound", "Message": "Invalid symbol"})
            else:
                found[detail["Symbol"]] = detail
        return json_reply({"Symbols": [found[name] for name in sorted(found)], "Errors": errors})

    def crypto_pairs(self) -> Reply:
        """Answer with the crypto pairs that are listed."""
        pairs = [name for name, found in self._book.listings.items() if found.trading_hours == "crypto"]
        return json_reply({"SymbolNames": sorted(pairs)})

    def suggest(self, text: str, query: Mapping[str, str]) -> Reply:
        """Answer with what is listed under a part of a name or description; options are not."""
        words = text.lower()
        found = [
            _suggestion(listing)
            for _, listing in sorted(self._book.listings.items())
            if not listing.asset.endswith("OPTION")
            and words in f"{listing.symbol} {listing.description}".lower()
        ]
        for field, relation, value in _FILTER.findall(query.get("$filter", "")):
            wanted = _COUNTRIES.get(value, value)
            found = [row for row in found if (row[field] == wanted) == (relation == "eq")]
        top = query.get("$top", "")
        return json_reply(found[: int(top)] if top.isdecimal() else found)

    def _detail(self, symbol: str) -> Mapping[str, Any] | None:
        recorded = self._book.recordings.details.get(symbol.upper())
        if recorded is not None:
            return recorded
        instrument = self._book.find(symbol)
        return None if instrument is None else dict(self._fields(instrument))

    def _fields(self, instrument: Instrument) -> Iterator[tuple[str, Any]]:
        listing = instrument.listing
        front = self._book.front(instrument, self._clock.now_ms())
        kind = "Continuous Contract " if instrument.form != "contract" else ""
        yield "AssetType", listing.asset
        yield "Country", "United States"
        yield "Currency", "USD"
        yield "Description", listing.description + (f" {kind}[{front.month}]" if front else "")
        yield "Exchange", listing.exchange
        option = _OPTION.fullmatch(instrument.symbol)
        if option:
            expiry = datetime.strptime(option["expiry"], "%y%m%d").date()
            yield "ExpirationDate", _midnight(expiry)
        if instrument.contract is not None:
            yield "ExpirationDate", _midnight(instrument.contract.expiry)
        if front:
            yield "FutureType", "Electronic"
        yield "Symbol", instrument.symbol
        if option:
            yield "OptionType", "CALL" if option["side"] == "C" else "PUT"
        yield "Root", listing.root
        if option:
            yield "StrikePrice", option["strike"]
            yield "Underlying", listing.root
        if front and instrument.contract is None:
            yield "Underlying", f"{listing.root}{front.code}"
        yield "PriceFormat", _price_format(listing)
        yield "QuantityFormat", _QUANTITY


_QUANTITY: Final = {
    "Format": "Decimal",
    "Decimals": "0",
    "IncrementStyle": "Simple",
    "Increment": "1",
    "MinimumTradeQuantity": "1",
}


def _price_format(listing: Listing) -> dict[str, str]:
    decimals = max(-int(Decimal(listing.increment).as_tuple().exponent), 0)
    display = listing.price_format or {"Format": "Decimal", "Decimals": str(decimals)}
    return {
        **display,
        "IncrementStyle": "Simple",
        "Increment": listing.increment,
        "PointValue": listing.point_value,
    }


def _suggestion(listing: Listing) -> dict[str, Any]:
    return {
        "Name": listing.symbol,
        "Description": listing.description,
        "Category": _CATEGORIES.get(listing.asset, ""),
        "Country": "US",
        "Currency": "USD",
        "Exchange": listing.exchange,
        "ExchangeID": 0,
        "DisplayType": 0,
        "PointValue": float(listing.point_value),
        "MinMove": float(listing.increment),
        "Root": listing.root,
        "FutureType": "Electronic" if listing.asset == "FUTURE" else "",
        "ExpirationDate": None,
        "ExpirationType": None,
        "OptionType": "",
        "StrikePrice": 0,
        "Error": None,
    }


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
