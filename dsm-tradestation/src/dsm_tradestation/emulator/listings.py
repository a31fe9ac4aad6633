"""What the venue lists: instruments, what they look like, and how they trade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal

from dsm_core.emulation import to_ms
from dsm_tradestation.emulator.hours import Hours

__all__ = ["DEFAULT_LISTINGS", "AssetType", "Listing"]

AssetType = Literal["STOCK", "FUTURE", "FOREX", "INDEX", "STOCKOPTION", "INDEXOPTION", "UNKNOWN"]
"""Crypto pairs have no asset type of their own."""

_HOURS: Final[dict[str, Hours]] = {
    "STOCK": "us_equities",
    "FUTURE": "cme",
    "FOREX": "forex",
    "INDEX": "us_regular",
    "STOCKOPTION": "us_regular",
    "INDEXOPTION": "us_regular",
    "UNKNOWN": "crypto",
}
_FIRST: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listing:
    """One instrument, or all contracts of a future under the symbol of its continuous contract (``@ES``).

    Parameters
    ----------
    symbol
        As the venue writes it.
    asset
        Its asset type.
    description, exchange
        What the symbol's details say.
    price
        About what it trades at.
    increment
        The smallest step of a price, as decimal text.
    point_value
        What a whole point is worth.
    thinness
        The share of minutes in which nothing is traded, 0 to 1; such a minute gives no bar.
    listed_at, delisted_at
        Between when it trades; the calendars of the emulator begin in 2020.
    refused
        Whether the account is not entitled to it, and how the venue says so: HTTP 403, or 200 with an error.
    hours
        When it trades; by asset type when left out.
    months
        Month codes of a future's contracts.
    rolls
        Whether the continuous contract rolls by itself, on the Thursday eight days before each expiry.
    price_format
        What else `PriceFormat` says, over ``Decimal``.
    generated
        Whether it has any bars but recorded ones.

    Raises
    ------
    ValueError
        A price that is no multiple of the increment's size can tell, or a thinness beyond 0 to 1.
    """

    symbol: str
    asset: AssetType = "STOCK"
    description: str = ""
    exchange: str = "NASDAQ"
    price: float = 100.0
    increment: str = "0.01"
    point_value: str = "1"
    thinness: float = 0.0
    listed_at: datetime = _FIRST
    delisted_at: datetime | None = None
    refused: Literal["", "403", "200"] = ""
    hours: Hours | None = None
    months: str = "HMUZ"
    rolls: bool = True
    price_format: Mapping[str, str] = field(default_factory=dict)
    generated: bool = True

    def __post_init__(self) -> None:
        if self.base_ticks < 2:
            msg = f"price={self.price:g} of {self.symbol} is below two increments of {self.increment}"
            raise ValueError(msg)
        if not 0 <= self.thinness <= 1:
            msg = f"thinness={self.thinness:g} of {self.symbol} is no share; give a number from 0 to 1"
            raise ValueError(msg)
        to_ms(self.listed_at)

    @property
    def trading_hours(self) -> Hours:
        """When it trades."""
        return self.hours or _HOURS[self.asset]

    @property
    def base_ticks(self) -> int:
        """The price about which it moves, in increments."""
        return int(Decimal(str(self.price)) / Decimal(self.increment))

    @property
    def root(self) -> str:
        """The symbol's root, as the details give it."""
        name = self.symbol.removeprefix("@") if self.asset == "FUTURE" else self.symbol
        return name.partition(" ")[0]

    def ticks(self, points: float) -> int:
        """Give a difference of prices in increments.

        Raises
        ------
        ValueError
            It is no whole number of increments.
        """
        found = Decimal(str(points)) / Decimal(self.increment)
        if found != int(found):
            msg = f"{points:g} is no multiple of {self.symbol}'s increment {self.increment}"
            raise ValueError(msg)
        return int(found)


def _option(symbol: str, description: str, price: float) -> Listing:
    return Listing(symbol, "STOCKOPTION", description, "OPRA", price, point_value="100", thinness=0.9)


DEFAULT_LISTINGS: Final = (
    Listing("AAPL", description="Apple Inc", price=180),
    Listing("BRK.B", description="Berkshire Hathaway Inc Cl B", exchange="NYSE", price=400),
    Listing("MSFT", description="Microsoft Corp", price=380),
    Listing("SPY", description="SPDR S&P 500 ETF Trust", exchange="NYSE", price=500),
    Listing("$DJI", "INDEX", "Dow Jones Industrial Average", "DJI", 38_000),
    Listing("$SPX.X", "INDEX", "S&P 500 Index", "CBOE", 5_000),
    Listing(
        "@CL",
        "FUTURE",
        "Crude Oil",
        "NYMEX",
        75,
        point_value="1000",
        months="FGHJKMNQUVXZ",
        hours="cme_energy",
    ),
    Listing("@ES", "FUTURE", "E-mini S&P 500", "CME", 5_000, "0.25", "50"),
    Listing("@NQ", "FUTURE", "E-mini Nasdaq 100", "CME", 18_000, "0.25", "20"),
    Listing(
        "@TY",
        "FUTURE",
        "10 Yr U.S. Treasury Notes",
        "CBOT",
        110,
        "0.015625",
        "1000",
        hours="cme_rates",
        price_format={"Format": "SubFraction", "Fraction": "32", "SubFraction": "2"},
    ),
    Listing("EURUSD", "FOREX", "Euro / U.S. Dollar", "FOREX", 1.1, "0.00001"),
    Listing("USDJPY", "FOREX", "U.S. Dollar / Japanese Yen", "FOREX", 150, "0.001"),
    Listing("BTCUSD", "UNKNOWN", "Bitcoin / U.S. Dollar", "CRYPTO", 60_000),
    Listing("ETHUSD", "UNKNOWN", "Ethereum / U.S. Dollar", "CRYPTO", 3_000),
    _option("AAPL 270115C180", "Apple Inc [AAPL] Jan 2027 180.000 Call", 20),
)
"""What is listed when nothing else is said."""
