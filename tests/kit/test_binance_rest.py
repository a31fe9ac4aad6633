"""dsm-binance's REST clients conform."""

from __future__ import annotations

from dsm_binance import funding_rest, rest
from kit.binance_venue import FundingRestSuite, KlinesRestSuite


class TestSpotKlinesRest(KlinesRestSuite):
    client = rest.SpotKlinesRest


class TestUsdsMKlinesRest(KlinesRestSuite):
    client = rest.UsdsMKlinesRest


class TestCoinMKlinesRest(KlinesRestSuite):
    client = rest.CoinMKlinesRest


class TestUsdsMMarkPriceRest(KlinesRestSuite):
    client = rest.UsdsMMarkPriceRest


class TestCoinMMarkPriceRest(KlinesRestSuite):
    client = rest.CoinMMarkPriceRest


class TestUsdsMIndexPriceRest(KlinesRestSuite):
    client = rest.UsdsMIndexPriceRest


class TestCoinMIndexPriceRest(KlinesRestSuite):
    client = rest.CoinMIndexPriceRest


class TestUsdsMPremiumIndexRest(KlinesRestSuite):
    client = rest.UsdsMPremiumIndexRest


class TestCoinMPremiumIndexRest(KlinesRestSuite):
    client = rest.CoinMPremiumIndexRest


class TestUsdsMFundingRest(FundingRestSuite):
    client = funding_rest.UsdsMFundingRest


class TestCoinMFundingRest(FundingRestSuite):
    client = funding_rest.CoinMFundingRest
