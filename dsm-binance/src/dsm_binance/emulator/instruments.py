"""What is traded at the venue, from when to when, in which decimals; and when trading stood still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Literal, NamedTuple

from dsm_binance.emulator.intervals import MINUTE_MS
from dsm_binance.emulator.kinds import INDEX, KLINES, BarKind, pair_of
from dsm_binance.emulator.schedule import FundingChange, Schedule
from dsm_core.emulation import to_ms

__all__ = ["DEFAULT_LISTINGS", "FAR_FUTURE_MS", "MARKETS", "Decimals", "Listing", "Market", "Outage"]

Market = Literal["spot", "um", "cm"]
MARKETS: Final[tuple[Market, ...]] = ("spot", "um", "cm")

# What exchangeInfo states as the delivery date of a perpetual contract.
FAR_FUTURE_MS: Final = 4_133_404_800_000

# First bars that the markets have (spot BTCUSDT; the archives' first futures days).
_FIRST_DAY: Final[dict[Market, datetime]] = {
    "spot": datetime(2017, 8, 17, 4, tzinfo=UTC),
    "um": datetime(2019, 12, 31, tzinfo=UTC),
    "cm": datetime(2020, 8, 11, tzinfo=UTC),
}
_QUOTES: Final = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD1", "USD", "BTC", "ETH", "BNB", "EUR", "TRY")
_PRICES: Final = {"BTC": 40_000.0, "ETH": 2_500.0, "BNB": 400.0, "SOL": 100.0, "LTC": 90.0}
_LARGEST_TICKS: Final = 1_000_000_000


class Decimals(NamedTuple):
    """How many decimals the venue writes after each kind of number."""

    price: int
    volume: int
    price_text: int
    volume_text: int
    quote: int
    quote_text: int


@dataclass(frozen=True)
class Listing:
    """One symbol of one market.

    Parameters
    ----------
    symbol
        The venue's name, e.g. ``BTCUSDT`` or ``BTCUSD_PERP``.
    market
        ``spot``, ``um`` or ``cm``.
    listed_at, delisted_at
        Bars exist from the first (inclusive) to the second (exclusive); both are aware and cut to the minute.
    removed
        Whether REST forgot the symbol after its delisting (error -1121); the archive never forgets.
    price
        What generated bars hover about. Known coins have their own; the rest cost 1.
    price_decimals, volume_decimals
        The tick and the lot as powers of ten.
    quiet
        The fraction of minutes in which nothing is traded.
    contract_type, delivery_at, contract_size
        What futures markets say of a contract; trading ends with its delivery, and a ``cm`` contract is worth
        `contract_size` USD.
    generated
        Whether bars and funding rates are invented where nothing is recorded.
    funding
        The hours between two settlements of a perpetual contract, each with when that came into force (aware;
        ``None`` is ever): ``((None, 8), (datetime(2026, 7, 9, tzinfo=UTC), 1))``.
    special_funding
        When an extra rate was settled, aware and cut to the minute; it may share its time with a regular one.
    funding_listed
        Whether ``fundingInfo`` tells of the symbol although it settles every 8 hours.

    Raises
    ------
    ValueError
        The market is unknown, the decimals are more than the venue writes, or no contract settles like that.
    """

    symbol: str
    market: Market = "spot"
    listed_at: datetime | None = None
    delisted_at: datetime | None = None
    removed: bool = False
    price: float | None = None
    price_decimals: int | None = None
    volume_decimals: int | None = None
    quiet: float = 0.0
    contract_type: str = "PERPETUAL"
    delivery_at: datetime | None = None
    contract_size: int = 100
    generated: bool = True
    funding: tuple[FundingChange, ...] = ((None, 8),)
    special_funding: tuple[datetime, ...] = ()
    funding_listed: bool = False

    def __post_init__(self) -> None:
        if self.market not in MARKETS:
            msg = f"unknown market {self.market!r} of {self.symbol}; take one of {', '.join(MARKETS)}"
            raise ValueError(msg)
        if self.market == "spot" and self.decimals.quote > 8:
            msg = (
                f"{self.symbol}: price and volume decimals make {self.decimals.quote}, spot writes at most 8"
            )
            raise ValueError(msg)
        if not 1 <= self.base_ticks <= _LARGEST_TICKS:
            msg = f"{self.symbol}: a price of {self.base_ticks} ticks is out of range; change price_decimals"
            raise ValueError(msg)
        try:
            Schedule(self.funding)
        except ValueError as error:
            msg = f"{self.symbol}: {error}"
            raise ValueError(msg) from error

    @cached_property
    def listed_ms(self) -> int:
        """The first instant that may open a minute bar."""
        return _minute_ms(self.listed_at or _FIRST_DAY[self.market])

    @cached_property
    def delisted_ms(self) -> int:
        """The first instant without trading."""
        ends = self.delisted_at or self.delivery_at
        return _minute_ms(ends) if ends is not None else FAR_FUTURE_MS

    @cached_property
    def is_perpetual(self) -> bool:
        """Whether it is a futures contract without a delivery, so one with funding."""
        dated = self.delivery_at is not None or self.symbol.rpartition("_")[2].isdigit()
        return self.market != "spot" and not dated and self.contract_type.endswith("PERPETUAL")

    @cached_property
    def funding_schedule(self) -> Schedule:
        """When funding is settled, listed or not."""
        return Schedule(self.funding)

    @cached_property
    def pair(self) -> str:
        """The symbol without a contract's suffix."""
        return pair_of(self.symbol)

    @cached_property
    def assets(self) -> tuple[str, str]:
        """Base and quote asset, told from the name."""
        for quote in _QUOTES:
            if self.pair.endswith(quote) and len(self.pair) > len(quote):
                return self.pair[: -len(quote)], quote
        return self.pair, "USDT"

    @cached_property
    def decimals(self) -> Decimals:
        """The decimals of price, volume and quote volume, as held and as written."""
        price, volume = _default_decimals(self._price, self.market)
        price = price if self.price_decimals is None else self.price_decimals
        volume = volume if self.volume_decimals is None else self.volume_decimals
        if self.market == "spot":
            return Decimals(price, volume, 8, 8, price + volume, 8)
        quote = 8 if self.market == "cm" else price + volume
        return Decimals(price, volume, price, volume, quote, quote)

    @cached_property
    def base_ticks(self) -> int:
        """The price that generated bars hover about, in ticks."""
        return round(self._price * 10.0**self.decimals.price)

    @property
    def _price(self) -> float:
        return self.price if self.price is not None else _PRICES.get(self.assets[0], 1.0)


@dataclass(frozen=True)
class Outage:
    """A time without trading, so without bars: ``[start, end)``, widened to whole minutes.

    Parameters
    ----------
    start, end
        Aware; a coarse bar that trades on either side is made of what is left.
    market, symbols
        Whom it hits; ``None`` is every market, no symbols is every symbol.
    early_close
        Whether a bar that the outage cuts short states its last instant of trading as its close time, as the
        venue's own do.
    kinds
        Which bars it takes, such as ``("markPriceKlines",)``; every kind when empty. It hits the prices of a
        pair when it hits one of its contracts, or names the pair.
    """

    start: datetime
    end: datetime
    market: Market | None = None
    symbols: tuple[str, ...] = ()
    early_close: bool = True
    kinds: tuple[BarKind, ...] = ()

    @cached_property
    def start_ms(self) -> int:
        """The first minute without a bar."""
        return _minute_ms(self.start)

    @cached_property
    def end_ms(self) -> int:
        """The first minute with a bar again."""
        return -(-to_ms(self.end) // MINUTE_MS) * MINUTE_MS

    def hits(self, listing: Listing, kind: BarKind = KLINES) -> bool:
        """Tell whether a symbol could not be traded then, or had none of these prices."""
        if self.market is not None and self.market != listing.market:
            return False
        if self.kinds and kind not in self.kinds:
            return False
        symbols = {*self.symbols, *(map(pair_of, self.symbols) if kind == INDEX else ())}
        return not symbols or listing.symbol in symbols


def _minute_ms(moment: datetime) -> int:
    return to_ms(moment) // MINUTE_MS * MINUTE_MS


def _default_decimals(price: float, market: Market) -> tuple[int, int]:
    """Price and volume decimals of a market for a price of this size."""
    if market == "cm":
        return (1 if price >= 1000 else 2 if price >= 10 else 4), 0
    if price >= 1000:
        return (2, 5) if market == "spot" else (2, 3)
    if price >= 10:
        return (2, 3) if market == "spot" else (3, 1)
    return (4, 1) if price >= 0.1 else (7, 0)


DEFAULT_LISTINGS: Final = (
    Listing("BTCUSDT"),
    Listing("ETHUSDT"),
    Listing("BTCUSDT", "um"),
    Listing("ETHUSDT", "um"),
    Listing("BTCUSD_PERP", "cm"),
    Listing("ETHUSD_PERP", "cm", contract_size=10),
)
"""What an emulator trades when it is told nothing."""
