"""The table of clients: each market in the chart types ``bars`` and ``klines``."""

from __future__ import annotations

from typing import Final

from dsm_core.schema.chart_type import KLINES
from dsm_tradestation.markets import CRYPTO, EQUITIES, FOREX, FUTURES, INDEX, OPTIONS
from dsm_tradestation.rest import BarsRest

__all__ = [
    "BARS_REST",
    "CryptoBarsRest",
    "CryptoKlinesRest",
    "EquitiesBarsRest",
    "EquitiesKlinesRest",
    "ForexBarsRest",
    "ForexKlinesRest",
    "FuturesBarsRest",
    "FuturesKlinesRest",
    "IndexBarsRest",
    "IndexKlinesRest",
    "OptionsBarsRest",
    "OptionsKlinesRest",
]


class EquitiesBarsRest(BarsRest, market=EQUITIES):
    """Bars of stocks and funds."""


class EquitiesKlinesRest(BarsRest, market=EQUITIES, chart=KLINES):
    """Klines of stocks and funds; count is the number of ticks."""


class FuturesBarsRest(BarsRest, market=FUTURES):
    """Bars of futures, single contracts and continuous ones."""


class FuturesKlinesRest(BarsRest, market=FUTURES, chart=KLINES):
    """Klines of futures; volume counts contracts."""


class ForexBarsRest(BarsRest, market=FOREX):
    """Bars of currency pairs."""


class ForexKlinesRest(BarsRest, market=FOREX, chart=KLINES):
    """Klines of currency pairs."""


class CryptoBarsRest(BarsRest, market=CRYPTO):
    """Bars of crypto pairs."""


class CryptoKlinesRest(BarsRest, market=CRYPTO, chart=KLINES):
    """Klines of crypto pairs."""


class IndexBarsRest(BarsRest, market=INDEX):
    """Bars of indices."""


class IndexKlinesRest(BarsRest, market=INDEX, chart=KLINES):
    """Klines of indices."""


class OptionsBarsRest(BarsRest, market=OPTIONS):
    """Bars of options."""


class OptionsKlinesRest(BarsRest, market=OPTIONS, chart=KLINES):
    """Klines of options."""


BARS_REST: Final = (
    EquitiesBarsRest,
    EquitiesKlinesRest,
    FuturesBarsRest,
    FuturesKlinesRest,
    ForexBarsRest,
    ForexKlinesRest,
    CryptoBarsRest,
    CryptoKlinesRest,
    IndexBarsRest,
    IndexKlinesRest,
    OptionsBarsRest,
    OptionsKlinesRest,
)
