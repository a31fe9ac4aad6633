"""dsm-tradestation's clients conform, each on the calendar of its market."""

from __future__ import annotations

from dsm_tradestation import clients
from kit.tradestation_venue import BarsSuite


class TestEquitiesBarsRest(BarsSuite):
    client = clients.EquitiesBarsRest
    calendar = "NYSE"


class TestEquitiesKlinesRest(BarsSuite):
    client = clients.EquitiesKlinesRest


class TestEquitiesStartStampsRest(BarsSuite):
    client = clients.EquitiesBarsRest
    calendar = "NYSE"
    stamp = "start"


class TestFuturesBarsRest(BarsSuite):
    client = clients.FuturesBarsRest
    calendar = "CME_Equity"


class TestFuturesKlinesRest(BarsSuite):
    client = clients.FuturesKlinesRest
    calendar = "CME_Equity"


class TestForexBarsRest(BarsSuite):
    client = clients.ForexBarsRest
    calendar = "FOREX"


class TestForexKlinesRest(BarsSuite):
    client = clients.ForexKlinesRest
    calendar = "FOREX"


class TestCryptoBarsRest(BarsSuite):
    client = clients.CryptoBarsRest
    calendar = "24/7"


class TestCryptoKlinesRest(BarsSuite):
    client = clients.CryptoKlinesRest


class TestIndexBarsRest(BarsSuite):
    client = clients.IndexBarsRest
    calendar = "NYSE"


class TestIndexKlinesRest(BarsSuite):
    client = clients.IndexKlinesRest
    calendar = "NYSE"


class TestOptionsBarsRest(BarsSuite):
    client = clients.OptionsBarsRest


class TestOptionsKlinesRest(BarsSuite):
    client = clients.OptionsKlinesRest
