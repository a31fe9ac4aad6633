"""The six markets, the venue's names of the intervals, and its limits.

Source: the vendor's OpenAPI document of v3 (GetBars), and its page on rate limits, read in 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

from dsm_core.model import Interval, MarketType
from dsm_core.net import Limit
from dsm_core.plugins.options import OptionKind
from dsm_tradestation.config import BAR_STAMPS, SESSION_TEMPLATES

__all__ = [
    "CRYPTO",
    "EQUITIES",
    "FOREX",
    "FUTURES",
    "INDEX",
    "INTERVALS",
    "LIMITS",
    "MARKETS",
    "MOST_BARS",
    "OPTIONS",
    "POOL",
    "Market",
    "unit_and_count",
]

MOST_BARS: Final = 57_600
"""Most intraday bars of one request, counted by the venue in bars or in the time they span."""
POOL: Final = "bars"
# The table of limits has no line for the bars' GET; its stream has this one.
LIMITS: Final = (Limit(POOL, capacity=500, window_s=300.0),)
_LONGEST_MINUTES: Final = 1439
_UNITS: Final = {Interval("1d"): "Daily", Interval("1w"): "Weekly", Interval("1M"): "Monthly"}
INTERVALS: Final[Mapping[Interval, str]] = MappingProxyType(
    {Interval(f"{count}m"): str(count) for count in range(1, _LONGEST_MINUTES + 1)} | _UNITS
)
"""The venue's code of each interval: a number of minutes, or the name of a unit."""


def unit_and_count(code: str) -> tuple[str, str]:
    """The parameters ``unit`` and ``interval`` of a code; other units than minutes take 1 alone."""
    return ("Minute", code) if code.isdigit() else (code, "1")


@frozen(kw_only=True)
class Market:
    """Facts of one market.

    Parameters
    ----------
    market_type
        Its name in DSM.
    noun
        What one of its symbols is called.
    examples
        Symbols of its form.
    has_templates
        Whether the hours of its bars can be chosen.
    """

    market_type: MarketType
    noun: str
    examples: str
    has_templates: bool = False

    @property
    def options(self) -> dict[str, OptionKind]:
        """Options of its series."""
        templates: dict[str, OptionKind] = {"session_template": SESSION_TEMPLATES}
        return {"bar_stamp": BAR_STAMPS, **(templates if self.has_templates else {})}


EQUITIES: Final = Market(
    market_type=MarketType.EQUITIES, noun="a stock or fund", examples="MSFT or BRK.B", has_templates=True
)
FUTURES: Final = Market(
    market_type=MarketType.FUTURES,
    noun="a future",
    examples="ESH27, or @ES for the continuous contract",
)
FOREX: Final = Market(market_type=MarketType.FOREX, noun="a currency pair", examples="EURUSD")
CRYPTO: Final = Market(market_type=MarketType.CRYPTO, noun="a crypto pair", examples="BTCUSD")
INDEX: Final = Market(market_type=MarketType.INDEX, noun="an index", examples="$SPX.X")
OPTIONS: Final = Market(
    market_type=MarketType.OPTIONS,
    noun="an option",
    examples="'AAPL 270115C180' (root, YYMMDD, C or P, strike)",
)
MARKETS: Final = MappingProxyType(
    {market.market_type: market for market in (EQUITIES, FUTURES, FOREX, CRYPTO, INDEX, OPTIONS)}
)
